package outbound

import (
	"time"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

// Defaults of a request that does not say, and the longest life of one.
const (
	DefaultDeadline    = time.Hour           // of each attempt, from when it is due
	DefaultDeadlineOTP = 2 * time.Minute     // a code is of no use later
	MaxLife            = 30 * 24 * time.Hour // Temporal forgets a closed workflow about then
	DefaultDelay       = 5 * time.Second
	DefaultMaxAttempts = 2
)

// The times of the rules for what is in doubt.
const (
	FirstLookUp   = 5 * time.Second  // after an unknown placement, until the call log is asked first
	RedialAfter   = 15 * time.Minute // no redial of an unknown placement sooner
	RedialAnswers = 3                // and not before the call log has said so often that it knows nothing
	redialWindow  = 20 * time.Minute // no redial later: by then UNKNOWN is reported
	verifyFor     = 10 * time.Minute // a failure that the call log has not confirmed by then is not dialled after
	mostSlack     = time.Minute      // the Call workflow ends its waits first, and has a tenth more to say so
)

// policy is what a request allows, with every default filled in.
type policy struct {
	referenceID string
	to          string
	callerID    string
	secondary   string
	byProvider  bool
	alternate   bool                           // attempts after the first use the secondary caller ID
	on          map[calls.Status]time.Duration // what another attempt follows, and after how long
	attempts    int                            // made without an operator's word
	redial      bool
	notBefore   time.Time
	hours       *calls.CallingHours
	class       string
	each        time.Duration // after an attempt is due it is not dialled any more; 0: limit alone holds
	limit       time.Time     // nothing is dialled from here on
	limitName   string        // "deadline" or "expiry"
	settings    contract.OutboundSettings
}

// newPolicy reads a request that was validated, and is careful with one that was not.
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

// retry takes over a retry policy. Whoever declined is not called again by itself.
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

// deadline is until when a request may be dialled: its Deadline, absolute or a duration from start. Without one each
// attempt has a time of its own from when it is due, within the longest life of a request.
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

// caller is the caller ID of attempt n: by the policy every attempt after the first uses the secondary one.
func (p policy) caller(n int) string {
	if n > 1 && p.secondary != "" && p.alternate {
		return p.secondary
	}
	return p.callerID
}

// passedOn is the secondary caller ID that the provider is told: none when we fail over ourselves, or the person would
// be rung twice.
func (p policy) passedOn() string {
	if p.byProvider {
		return p.secondary
	}
	return ""
}

// backOff is how long a request that was not placed for the posts-th time waits. The longest waits keep the history of
// a request with a far deadline short, for an OutboundCall never continues as new, and wait for the person that a
// refused one needs.
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

// age is how long a call without news is waited for.
func (p policy) age() time.Duration { return slackened(p.settings.MaxAge) }

// grace is how long a call that is over is listened to.
func (p policy) grace() time.Duration { return slackened(p.settings.Grace) }

func slackened(d time.Duration) time.Duration { return d + min(d/10, mostSlack) }
