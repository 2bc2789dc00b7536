package outbound

import (
	"slices"
	"time"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

// Defaults of a request that does not say.
const (
	DefaultDeadline    = time.Hour
	DefaultDeadlineOTP = 2 * time.Minute
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
	on          []calls.Status
	attempts    int // made without an operator's word
	delay       time.Duration
	redial      bool
	hours       *calls.CallingHours
	limit       time.Time // nothing is dialled from here on
	limitName   string    // "deadline" or "expiry"
	settings    contract.OutboundSettings
}

// newPolicy reads a request that was validated, and is careful with one that was not.
func newPolicy(in contract.OutboundCallInput, start time.Time) policy {
	req := in.Request
	p := policy{
		referenceID: req.ReferenceID, to: req.To, callerID: req.CallerID, secondary: req.SecondaryCallerID,
		attempts: 1, delay: DefaultDelay, hours: req.CallingHours, settings: in.Settings.WithDefaults(),
	}
	p.limit, p.limitName = deadline(req, start), "deadline"
	if req.Expiry != nil && req.Expiry.Before(p.limit) {
		p.limit, p.limitName = req.Expiry.UTC(), "expiry"
	}
	f := req.Failover
	if f == nil && req.SecondaryCallerID != "" {
		f = &calls.Failover{}
	}
	if f == nil {
		return p
	}
	p.byProvider = f.By == calls.FailoverByProvider
	p.on = slices.DeleteFunc(slices.Clone(f.On), calls.Status.Human)
	if len(f.On) == 0 {
		p.on = []calls.Status{calls.StatusFailed}
	}
	if d, err := time.ParseDuration(f.Delay); err == nil && d >= 0 {
		p.delay = d
	}
	if !p.byProvider {
		p.attempts = f.MaxAttempts
		if p.attempts < 1 {
			p.attempts = DefaultMaxAttempts
		}
		p.redial = f.OnUnknown == calls.OnUnknownRedial
	}
	return p
}

// deadline is the time of a request's Deadline: absolute, or a duration from start, or the default.
func deadline(req calls.OutboundCallRequest, start time.Time) time.Time {
	if at, err := time.Parse(time.RFC3339Nano, req.Deadline); err == nil {
		return at.UTC()
	}
	d, err := time.ParseDuration(req.Deadline)
	switch {
	case err == nil && d > 0:
	case req.Type == calls.CallTypeOTP:
		d = DefaultDeadlineOTP
	default:
		d = DefaultDeadline
	}
	return start.Add(d).UTC()
}

// caller is the caller ID of attempt n: every attempt after the first uses the secondary one, unless the provider does
// the failing over.
func (p policy) caller(n int) string {
	if n > 1 && p.secondary != "" && !p.byProvider {
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
