package contract

import (
	"time"

	"github.com/aftercall/aftercall/calls"
)

// ActivityLookUpCall asks the provider's call log about one call. Polling is a retry of the same activity, so that it does
// not grow the history: set a back-off and a ScheduleToCloseTimeout, not a number of attempts.
var ActivityLookUpCall = Activity[LookUpInput, LookUpResult]{"LookUpCall", TaskQueueLookup}

// Types of the errors of LookUpCall. All are retried; the activity finally fails with the last one.
const (
	ErrTypeNotFound    = "NOT_FOUND"    // the call log does not know the id
	ErrTypeNotTerminal = "NOT_TERMINAL" // it knows the call, which has not ended
)

// ErrTypeSurelyNotFound is the type of the error that ends LookUpCall early: LookUpInput.Silence was reached.
const ErrTypeSurelyNotFound = "SURELY_NOT_FOUND"

// LookUpInput says what to ask and when an answer is good enough. To is a phone number.
type LookUpInput struct {
	CallKey string `json:"callKey,omitempty"` // of the returned events; empty: the key of the callId found
	ID      string `json:"id"`                // a callId as the provider gave it, or the referenceId of an attempt
	To      string `json:"to,omitempty"`      // entries of other recipients are left out; empty: all count
	// FailoverOver says that the provider has had the time to fail over by itself, so a FAILED is final.
	FailoverOver bool `json:"failoverOver,omitempty"`
	// AcceptNonTerminal returns what is found even if the call has not ended.
	AcceptNonTerminal bool `json:"acceptNonTerminal,omitempty"`
	// Silence, if set, gives up once the call log has answered "not found" often and late enough.
	Silence *Silence `json:"silence,omitempty"`
}

// Silence says when to believe "not found": after this many such answers, the last of them not before a time. Errors do
// not count as answers.
type Silence struct {
	Answers int       `json:"answers"`
	Until   time.Time `json:"until"`
}

// LookUpResult is the call log's answer, normalised. It is never empty.
type LookUpResult struct {
	Events []calls.StatusEvent `json:"events"`
}
