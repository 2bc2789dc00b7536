package contract

import (
	"time"

	"github.com/aftercall/aftercall/calls"
)

// ActivityLookUpCall asks the provider's call log about one call. Asking again is a retry of the same activity, so that
// polling does not grow the history: give it a back-off and a ScheduleToCloseTimeout, not a number of attempts.
var ActivityLookUpCall = Activity[LookUpInput, LookUpResult]{"LookUpCall", TaskQueueLookup}

// Types of the errors of LookUpCall. All are retried; the last one is what the activity fails with in the end.
const (
	ErrTypeNotFound    = "NOT_FOUND"    // the call log does not know the id
	ErrTypeNotTerminal = "NOT_TERMINAL" // it knows the call, which is not over
)

// ErrTypeSurelyNotFound is the type of the error that ends LookUpCall early: LookUpInput.Silence was fulfilled.
const ErrTypeSurelyNotFound = "SURELY_NOT_FOUND"

// LookUpInput says what to ask and when an answer is good enough. To is a phone number.
type LookUpInput struct {
	CallKey string `json:"callKey,omitempty"` // of the events that are returned; empty: the key of the callId found
	ID      string `json:"id"`                // a callId as the provider gave it, or the referenceId of an attempt
	To      string `json:"to,omitempty"`      // entries of other recipients are left out; empty: all count
	// FailoverOver says that the provider has had the time to fail over by itself: a FAILED is final.
	FailoverOver bool `json:"failoverOver,omitempty"`
	// AcceptNonTerminal returns what is found even where the call is not over yet.
	AcceptNonTerminal bool `json:"acceptNonTerminal,omitempty"`
	// Silence, where set, gives up once the call log has said often and late enough that it knows nothing.
	Silence *Silence `json:"silence,omitempty"`
}

// Silence is when "not found" is believed: after so many answers, the last of them not before a time. Errors are no
// answers.
type Silence struct {
	Answers int       `json:"answers"`
	Until   time.Time `json:"until"`
}

// LookUpResult is what the call log said, normalised. It is never empty.
type LookUpResult struct {
	Events []calls.StatusEvent `json:"events"`
}
