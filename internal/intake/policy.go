package intake

import (
	"cmp"
	"slices"
	"time"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/outbound"
	"github.com/aftercall/aftercall/internal/phone"
)

// Bounds of a request's policy. Its defaults are those of package outbound.
const (
	MaxDeadline = outbound.MaxLife
	MaxDelay    = 24 * time.Hour
	MaxRetries  = 10

	attemptsRange = "must be 1 to 5"
	retriesRange  = "must be 2 to 10"
)

// deadline returns the requested deadline in one spelling, and as a time.
func (e *Errors) deadline(req calls.OutboundCallRequest, now time.Time) (asked string, at time.Time) {
	wait := outbound.DefaultDeadline
	if req.Type == calls.CallTypeOTP {
		wait = outbound.DefaultDeadlineOTP
	}
	if req.Deadline == "" {
		if req.NotBefore != nil && req.NotBefore.After(now) {
			now = *req.NotBefore
		}
		return wait.String(), now.Add(wait).UTC()
	}
	if d, err := time.ParseDuration(req.Deadline); err == nil {
		if d <= 0 || d > MaxDeadline {
			e.add("deadline", "must be more than 0 and at most 720h")
		}
		return d.String(), now.Add(d).UTC()
	}
	at, err := time.Parse(time.RFC3339, req.Deadline)
	switch {
	case err != nil:
		e.add("deadline", `must be a duration like "90m" or an RFC 3339 time like "2026-01-31T09:00:00Z"`)
		return req.Deadline, now.Add(wait).UTC()
	case !at.After(now):
		e.addPassed("deadline", "must be in the future")
	case at.Sub(now) > MaxDeadline:
		e.add("deadline", "must be at most 720h ahead")
	}
	return at.UTC().Format(time.RFC3339Nano), at.UTC()
}

func (e *Errors) hours(h *calls.CallingHours) {
	if h != nil && h.From == h.To && h.From != "" {
		e.add("callingHours", "never open: from and to must differ")
	}
}

// notBefore checks the time of the first attempt. A past time is valid and means now.
func (e *Errors) notBefore(at *time.Time, now time.Time) *time.Time {
	if at == nil {
		return nil
	}
	if at.Sub(now) > MaxDeadline {
		e.add("notBefore", "must be at most 720h ahead")
	}
	utc := at.UTC()
	return &utc
}

// class checks the class of the call, and its consent and time.
func (e *Errors) class(req *calls.OutboundCallRequest, deadline time.Time) {
	if req.ConsentRef != "" && !printable(req.ConsentRef, 200) {
		e.add("consentRef", "must be at most 200 printable characters")
	}
	if phone.Within(req.ConsentRef, req.To, req.CallerID, req.SecondaryCallerID) {
		e.add("consentRef", "must not contain a phone number of this request: it is shown to operators")
	}
	if req.NotBefore != nil && !deadline.After(*req.NotBefore) {
		e.add("notBefore", "must come before the deadline")
	}
}

// further completes the policy of later attempts: retry, or its shorthand failover, or neither if there is only one
// attempt.
func (e *Errors) further(req calls.OutboundCallRequest, left time.Duration) (*calls.Retry, *calls.Failover) {
	if req.Retry == nil {
		return nil, e.failover(req, left)
	}
	if req.Failover != nil {
		e.add("failover", "is the shorthand of retry: use one of the two")
	}
	return e.retry(req, left), nil
}

// retry completes a retry policy.
func (e *Errors) retry(req calls.OutboundCallRequest, left time.Duration) *calls.Retry {
	r := *req.Retry
	if r.MaxAttempts == 0 {
		r.MaxAttempts = outbound.DefaultMaxAttempts
	} else if r.MaxAttempts < 2 || r.MaxAttempts > MaxRetries {
		e.add("retry.maxAttempts", retriesRange)
	}
	if r.CallerID == "" {
		r.CallerID = calls.RetryCallerSame
		if req.SecondaryCallerID != "" {
			r.CallerID = calls.RetryCallerAlternate
		}
	}
	switch {
	case req.SecondaryCallerID == "" && r.CallerID == calls.RetryCallerAlternate:
		e.add("secondaryCallerId", "is required: retry.callerId alternate uses it")
	case req.SecondaryCallerID != "" && req.SecondaryCallerID == req.CallerID:
		e.add("secondaryCallerId", "must differ from callerId")
	}
	if len(r.On) == 0 {
		e.add("retry.on", `is required: the statuses to retry after, each with a delay, like {"NO_ANSWER": "30m"}`)
	}
	on := make(map[calls.Status]string, len(r.On))
	for status, delay := range r.On {
		on[status] = e.retryOn(status, delay, req.Deadline != "", left)
	}
	r.On = on
	return &r
}

// retryOn checks one status of a retry policy. It returns its delay in one spelling.
func (e *Errors) retryOn(status calls.Status, delay string, bounded bool, left time.Duration) string {
	field := clip("retry.on." + string(status))
	switch status {
	case calls.StatusNoAnswer, calls.StatusBusy, calls.StatusFailed, calls.StatusCancelled:
	case calls.StatusRejected:
		e.add(field, "must be omitted: a person who declined is not called again")
	default:
		e.add(field, "must be one of NO_ANSWER, BUSY, FAILED, CANCELLED")
	}
	d, err := time.ParseDuration(delay)
	switch {
	case err != nil || d < 0 || d > MaxDelay:
		e.add(field, `must be a duration like "30m", from 0s to 24h`)
	case bounded && d >= left:
		e.addPassed(field, "must be shorter than the time to the deadline")
	}
	return d.String()
}

// failover completes the policy of the secondary caller ID. It is nil if there is only one attempt.
func (e *Errors) failover(req calls.OutboundCallRequest, left time.Duration) *calls.Failover {
	if req.SecondaryCallerID == "" {
		if req.Failover != nil {
			e.add("secondaryCallerId", "is required: failover makes the next attempt with this caller ID")
		}
		return nil
	}
	if req.SecondaryCallerID == req.CallerID {
		e.add("secondaryCallerId", "must differ from callerId")
	}
	f := calls.Failover{}
	if req.Failover != nil {
		f = *req.Failover
	}
	f.On = statuses(f.On)
	f.By = cmp.Or(f.By, calls.FailoverByAftercall)
	f.OnUnknown = cmp.Or(f.OnUnknown, calls.OnUnknownAssumePlaced)
	f.Delay = e.delay(f.Delay, left)
	if f.MaxAttempts == 0 {
		f.MaxAttempts = outbound.DefaultMaxAttempts
	}
	if f.By == calls.FailoverByProvider {
		e.byProvider(f)
		f.MaxAttempts = 1 // the provider makes the second dial, not we
	}
	return &f
}

// byProvider refuses options that only our own failover has.
func (e *Errors) byProvider(f calls.Failover) {
	if !slices.Equal(f.On, []calls.Status{calls.StatusFailed}) {
		e.add("failover.on", "must be FAILED alone if the provider fails over")
	}
	if f.OnUnknown == calls.OnUnknownRedial {
		e.add("failover.onUnknown", "must be assume-placed if the provider fails over: aftercall never dials again")
	}
}

func (e *Errors) delay(delay string, left time.Duration) string {
	if delay == "" {
		return outbound.DefaultDelay.String()
	}
	d, err := time.ParseDuration(delay)
	switch {
	case err != nil || d < 0 || d > MaxDelay:
		e.add("failover.delay", `must be a duration like "5s", from 0s to 24h`)
	case left > 0 && d >= left:
		e.add("failover.delay", "must be shorter than the time to the deadline")
	}
	return d.String()
}

// statuses returns the statuses of a failover's on, sorted and without duplicates.
func statuses(on []calls.Status) []calls.Status {
	if len(on) == 0 {
		return []calls.Status{calls.StatusFailed}
	}
	on = slices.Clone(on)
	slices.Sort(on)
	return slices.Compact(on)
}
