package intake

import (
	"slices"
	"time"

	"github.com/aftercall/aftercall/calls"
)

// Defaults and bounds of a request's policy.
const (
	DefaultDeadline    = time.Hour
	DefaultDeadlineOTP = 2 * time.Minute // a code is of no use later
	DefaultDelay       = 5 * time.Second
	DefaultMaxAttempts = 2
	MaxAttempts        = 5
	MaxDeadline        = 30 * 24 * time.Hour // Temporal forgets a closed workflow about then

	attemptsRange = "must be 1 to 5"
)

// deadline returns the deadline as it was asked for, in one spelling, and as a time.
func (e *Errors) deadline(req calls.OutboundCallRequest, now time.Time) (asked string, at time.Time) {
	wait := DefaultDeadline
	if req.Type == calls.CallTypeOTP {
		wait = DefaultDeadlineOTP
	}
	if req.Deadline == "" {
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

// failover completes the policy for the secondary caller ID; nil where there is one attempt only.
func (e *Errors) failover(req calls.OutboundCallRequest, left time.Duration) *calls.Failover {
	if req.SecondaryCallerID == "" {
		if req.Failover != nil {
			e.add("secondaryCallerId", "is needed: failover is the next attempt with this caller ID")
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
	f.By = orDefault(f.By, calls.FailoverByAftercall)
	f.OnUnknown = orDefault(f.OnUnknown, calls.OnUnknownAssumePlaced)
	f.Delay = e.delay(f.Delay, left)
	if f.MaxAttempts == 0 {
		f.MaxAttempts = DefaultMaxAttempts
	}
	if f.By == calls.FailoverByProvider {
		e.byProvider(f)
		f.MaxAttempts = 1 // the provider dials the second time, not we
	}
	return &f
}

// byProvider refuses what only we can do.
func (e *Errors) byProvider(f calls.Failover) {
	if !slices.Equal(f.On, []calls.Status{calls.StatusFailed}) {
		e.add("failover.on", "must be FAILED alone where the provider fails over")
	}
	if f.OnUnknown == calls.OnUnknownRedial {
		e.add("failover.onUnknown", "must be assume-placed where the provider fails over: we never dial again")
	}
}

func (e *Errors) delay(delay string, left time.Duration) string {
	if delay == "" {
		return DefaultDelay.String()
	}
	d, err := time.ParseDuration(delay)
	switch {
	case err != nil || d < 0:
		e.add("failover.delay", `must be a duration like "5s", not below 0`)
	case left > 0 && d >= left:
		e.add("failover.delay", "must be shorter than the time to the deadline")
	}
	return d.String()
}

// statuses are those of a failover's on, each once, in one order.
func statuses(on []calls.Status) []calls.Status {
	if len(on) == 0 {
		return []calls.Status{calls.StatusFailed}
	}
	on = slices.Clone(on)
	slices.Sort(on)
	return slices.Compact(on)
}

func orDefault(s, def string) string {
	if s == "" {
		return def
	}
	return s
}
