package outbound

import (
	"time"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

// Defaults of a request that does not say, and the longest life of one.
const (
	DefaultDeadline    = time.Hour           // of each attempt, from its due time
	DefaultDeadlineOTP = 2 * time.Minute     // a code is useless later
	MaxLife            = 30 * 24 * time.Hour // Temporal forgets a closed workflow about then
	DefaultDelay       = 5 * time.Second
	DefaultMaxAttempts = 2
)

// Times of the rules for doubtful placements.
const (
	FirstLookUp   = 5 * time.Second  // after an unknown placement, before the first question to the call log
	RedialAfter   = 15 * time.Minute // the earliest redial of an unknown placement
	RedialAnswers = 3                // and after so many "not found" of the call log
	redialWindow  = 20 * time.Minute // no redial later: by then UNKNOWN is reported
	verifyFor     = 10 * time.Minute // without the call log's confirmation by then, a failure is not retried
	mostSlack     = time.Minute      // the Call workflow ends its waits first, and has a tenth more to say so
)

// policy is a request's policy, with every default filled in.
type policy struct {
	referenceID string
	to          string
	callerID    string
	secondary   string
	byProvider  bool
	alternate   bool                           // attempts after the first use the secondary caller ID
	on          map[calls.Status]time.Duration // the statuses to retry after, with their delays
	attempts    int                            // made without an operator
	redial      bool
	notBefore   time.Time
	hours       *calls.CallingHours
	class       string
	each        time.Duration // after its due time an attempt is no longer dialled; 0: only limit holds
	limit       time.Time     // nothing is dialled from here on
	limitName   string        // "deadline" or "expiry"
	settings    contract.OutboundSettings
}

// newPolicy reads a validated request, and tolerates one that was not validated.
func newPolicy(in contract.OutboundCallInput, start time.Time) policy {
	req := in.Request
	p := policy{
		referenceID: req.ReferenceID, to: req.To, callerID: req.CallerID, secondary: req.SecondaryCallerID,
		attempts: 1, notBefore: start.UTC(), hours: req.CallingHours, class: req.Class, settings: in.Settings.WithDefaults(),
	}
	if req.NotBefore != nil {
		p.notBefore = maxTime(p.notBefore, req.NotBefore.UTC())
	}
	p.limit, p.each = deadline(req, start)
	p.limitName = "deadline"
	if req.Expiry != nil && req.Expiry.Before(p.limit) {
		p.limit, p.limitName = req.Expiry.UTC(), "expiry"
	}
	switch {
	case req.Retry != nil:
		p.retry(*req.Retry)
	case req.Failover != nil:
		p.failover(*req.Failover)
	case req.SecondaryCallerID != "":
		p.failover(calls.Failover{})
	}
	return p
}

// retry takes over a retry policy. It never retries after a person has declined.
func (p *policy) retry(r calls.Retry) {
	p.alternate = r.CallerID == calls.RetryCallerAlternate || r.CallerID == "" && p.secondary != ""
	p.attempts = r.MaxAttempts
	if p.attempts < 1 {
		p.attempts = DefaultMaxAttempts
	}
	p.on = map[calls.Status]time.Duration{}
	for status, delay := range r.On {
		d, err := time.ParseDuration(delay)
		if err == nil && d >= 0 && failure(status) && status != calls.StatusRejected {
			p.on[status] = d
		}
	}
}

// failover takes over the shorthand.
func (p *policy) failover(f calls.Failover) {
	p.byProvider = f.By == calls.FailoverByProvider
	p.alternate = !p.byProvider
	delay := DefaultDelay
	if d, err := time.ParseDuration(f.Delay); err == nil && d >= 0 {
		delay = d
	}
	p.on = map[calls.Status]time.Duration{}
	for _, status := range f.On {
		if !status.Human() {
			p.on[status] = delay
		}
	}
	if len(f.On) == 0 {
		p.on[calls.StatusFailed] = delay
	}
	if !p.byProvider {
		p.attempts = f.MaxAttempts
		if p.attempts < 1 {
			p.attempts = DefaultMaxAttempts
		}
		p.redial = f.OnUnknown == calls.OnUnknownRedial
	}
}

// deadline returns the latest time to dial a request: its Deadline, absolute or a duration from start. Without one, each
// attempt has its own time from when it is due, within the longest life of a request.
func deadline(req calls.OutboundCallRequest, start time.Time) (limit time.Time, each time.Duration) {
	if at, err := time.Parse(time.RFC3339Nano, req.Deadline); err == nil {
		return at.UTC(), 0
	}
	if d, err := time.ParseDuration(req.Deadline); err == nil && d > 0 {
		return start.Add(d).UTC(), 0
	}
	if req.Type == calls.CallTypeOTP {
		return start.Add(MaxLife).UTC(), DefaultDeadlineOTP
	}
	return start.Add(MaxLife).UTC(), DefaultDeadline
}

// caller returns the caller ID of attempt n. The policy may give all attempts after the first the secondary one.
func (p policy) caller(n int) string {
	if n > 1 && p.secondary != "" && p.alternate {
		return p.secondary
	}
	return p.callerID
}

// passedOn returns the secondary caller ID to send to the provider: none if we fail over ourselves, or the person would be
// rung twice.
func (p policy) passedOn() string {
	if p.byProvider {
		return p.secondary
	}
	return ""
}

// backOff returns the wait after the posts-th post that placed no call. Long waits keep the history of a request with a far
// deadline short, since an OutboundCall never continues as new, and give an operator time to correct a refused setting.
func backOff(posts int, retryAfter time.Duration, refused bool) time.Duration {
	most := time.Minute
	switch {
	case posts > 200:
		most = time.Hour
	case posts > 60 || refused:
		most = 10 * time.Minute
	}
	wait := time.Second << min(max(posts-1, 0), 20)
	return max(min(wait, most), retryAfter)
}

// age returns how long to wait for a silent call.
func (p policy) age() time.Duration { return slackened(p.settings.MaxAge) }

// grace returns how long to wait for late news of an ended call.
func (p policy) grace() time.Duration { return slackened(p.settings.Grace) }

func slackened(d time.Duration) time.Duration { return d + min(d/10, mostSlack) }
