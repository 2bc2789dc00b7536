package contract

import (
	"cmp"
	"time"

	"github.com/aftercall/aftercall/calls"
)

// WorkflowOutboundCall is the life of one request for a phone call.
var WorkflowOutboundCall = Workflow[OutboundCallInput, calls.OutboundCallState]{"OutboundCall"}

// Messages to an OutboundCall workflow, beside SignalCallUpdate, SignalSubscribe and SignalUnsubscribe.
var (
	SignalStop                 = Signal[calls.StopRequest]{calls.SignalStop}
	QueryOutboundCall          = Query[calls.OutboundCallState]{calls.QueryState}
	UpdateAwaitOutboundOutcome = Update[None, calls.OutboundOutcome](UpdateAwaitOutcome)
	UpdateRetryNow             = Update[RetryNow, calls.OutboundCallState]{"retry-now"}
	UpdateStopRetrying         = Update[StopRetrying, calls.OutboundCallState]{"stop-retrying"}
)

// SignalDialling tells every running OutboundCall the state of the dial queue when an operator stops or starts dialling.
var SignalDialling = Signal[calls.Dialling]{"dialling"}

// SignalOutboundOutcome carries a request's outcome to the workflow in its Notify.
func SignalOutboundOutcome(referenceID string) Signal[calls.OutboundOutcome] {
	return Signal[calls.OutboundOutcome]{calls.SignalOutboundOutcome(referenceID)}
}

// Activities of an OutboundCall workflow. ActivityPlaceCall makes a phone ring: give it one attempt only.
var (
	ActivityPlaceCall    = Activity[PlaceCallInput, PlaceCallResult]{"PlaceCall", TaskQueueDial}
	ActivityTrackCall    = Activity[TrackCallInput, TrackCallResult]{"TrackCall", TaskQueue}
	ActivityCallingHours = Activity[HoursInput, HoursResult]{"CallingHours", TaskQueue}
)

// OutboundSettings are the settings of an OutboundCall workflow. A zero duration means the default. They travel in the
// input, so that a running request keeps the settings it started with.
type OutboundSettings struct {
	VerifyFailures  bool          `json:"verifyFailures"`            // ask the call log before another dial
	Grace           time.Duration `json:"grace,omitempty"`           // open this long for revisions once the outcome is known; default 1 h
	MaxAge          time.Duration `json:"maxAge,omitempty"`          // without news of a call, or of an unknown placement; default 24 h
	LookupWindow    time.Duration `json:"lookupWindow,omitempty"`    // until an unknown placement is reported as UNKNOWN; default 10 min
	ProviderTimeout time.Duration `json:"providerTimeout,omitempty"` // of one request to the provider; default 10 s
}

// WithDefaults fills in the settings that are not set.
func (s OutboundSettings) WithDefaults() OutboundSettings {
	s.Grace = cmp.Or(max(s.Grace, 0), time.Hour)
	s.MaxAge = cmp.Or(max(s.MaxAge, 0), 24*time.Hour)
	s.LookupWindow = cmp.Or(max(s.LookupWindow, 0), 10*time.Minute)
	s.ProviderTimeout = cmp.Or(max(s.ProviderTimeout, 0), 10*time.Second)
	return s
}

// OutboundCallInput starts an OutboundCall workflow. The request is valid and complete: every default is filled in.
// Deadline is an absolute time, or empty: then each attempt has its own.
type OutboundCallInput struct {
	// Callback is the Callback workflow that is told too, if Request.Notify names a workflow and a URL.
	Callback string                    `json:"callback,omitempty"`
	Edition  int                       `json:"edition,omitempty"`
	Request  calls.OutboundCallRequest `json:"request"`
	Settings OutboundSettings          `json:"settings"`
	Dialling *calls.Dialling           `json:"dialling,omitempty"` // as it was when the request was accepted
	// ExpectedStart is when it was expected to be dialled, as things stood then; nil: unknown.
	ExpectedStart *time.Time `json:"expectedStart,omitempty"`
	// Waiters wait for the outcome in calls.Place. A request that began with a waiter exists for its waiters: it ends when
	// the last of them unsubscribes.
	Waiters []calls.Subscription `json:"waiters,omitempty"`
	// Former is the referenceId under which an earlier release, which may run beside this one, knows the same request: the
	// dial ledger keeps the request's dials under it.
	Former string `json:"former,omitempty"`
}

// RetryNow is the argument of update UpdateRetryNow of an OutboundCall.
type RetryNow struct {
	Attempt int    `json:"attempt"` // the last attempt, the one that is to be followed by another
	Reason  string `json:"reason"`
	Force   bool   `json:"force,omitempty"` // needed where the last attempt may have reached the person
}

// StopRetrying is the argument of update UpdateStopRetrying.
type StopRetrying struct {
	Reason string `json:"reason"`
}

// PlaceCallInput is one attempt of a request. It carries phone numbers. Only what to say and to whom is used of
// Request.
type PlaceCallInput struct {
	Request           calls.OutboundCallRequest `json:"request"`
	ReferenceID       string                    `json:"referenceId"`
	CallerID          string                    `json:"callerId"`
	SecondaryCallerID string                    `json:"secondaryCallerId,omitempty"`
	NotAfter          time.Time                 `json:"notAfter"` // nothing is posted from then on
	OriginalRunID     string                    `json:"originalRunId"`
	Post              int                       `json:"post,omitempty"`   // the first number whose claim is not used up; absent: 1
	Claims            []string                  `json:"claims,omitempty"` // nonces of earlier claims of it whose result is unknown
	Former            string                    `json:"former,omitempty"` // the attempt by OutboundCallInput.Former
}

// PlaceCallResult is the result of the attempt. Reason carries no phone number.
type PlaceCallResult struct {
	Placement  calls.Placement `json:"placement"`
	CallID     string          `json:"callId,omitempty"`
	Final      bool            `json:"final,omitempty"`
	RetryAfter time.Duration   `json:"retryAfter,omitempty"`
	Refusal    string          `json:"refusal,omitempty"` // why no call will be placed until a setting is corrected
	Reason     string          `json:"reason,omitempty"`
	ClockAhead time.Duration   `json:"clockAhead,omitempty"` // of the worker's clock over Temporal's; absent if it is right
	Post       int             `json:"post,omitempty"`       // of the next try; absent: unchanged
	Claims     []string        `json:"claims,omitempty"`     // of the next try
	Rule       string          `json:"rule,omitempty"`       // that decided: calls.RuleAllowed, or the one that forbade it
	NotBefore  *time.Time      `json:"notBefore,omitempty"`  // when that rule may be satisfied; absent: never
}

// TrackCallInput says what is expected of a call. It carries a phone number.
type TrackCallInput struct {
	CallID      string `json:"callId"`
	ReferenceID string `json:"referenceId"`
	To          string `json:"to"`
	Recorded    bool   `json:"recorded,omitempty"` // the call is to be recorded
}

// TrackCallResult has the state of a call that is closed already: no other news of it will come.
type TrackCallResult struct {
	Call *calls.CallState `json:"call,omitempty"`
}

// HoursInput names the hours that bind a call: those of its request, if it has any, and those of its class.
type HoursInput struct {
	calls.CallingHours
	Class string `json:"class,omitempty"`
}

// HoursResult is a window in which a call may be placed. Rule is the rule that forbids calls now; empty while the window
// is open.
type HoursResult struct {
	Window
	Rule string `json:"rule,omitempty"`
}

// Window is a time in which calls may be placed: from OpenAt until just before ClosesAt. Times are UTC.
type Window struct {
	OpenAt   time.Time `json:"openAt"`
	ClosesAt time.Time `json:"closesAt"`
}

// Contains reports whether calls may be placed at a time.
func (w Window) Contains(at time.Time) bool { return !at.Before(w.OpenAt) && at.Before(w.ClosesAt) }

// Both returns the part that two windows share; it may be empty.
func (w Window) Both(v Window) Window {
	if v.OpenAt.After(w.OpenAt) {
		w.OpenAt = v.OpenAt
	}
	if v.ClosesAt.Before(w.ClosesAt) {
		w.ClosesAt = v.ClosesAt
	}
	return w
}
