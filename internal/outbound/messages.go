package outbound

import (
	"time"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

// Event is something that happened. It names its attempt by number, from 1.
type Event interface {
	apply(m *Machine, now time.Time)
}

// Started is the first event.
type Started struct{}

// Ticked means that the time of WakeAt has come.
type Ticked struct{}

// Verdict is the result of a Place command. Exactly one follows each.
type Verdict struct {
	Attempt    int
	Placement  calls.Placement
	CallID     string        // of calls.Placed
	Final      bool          // of calls.NotPlaced: posting the same again cannot help
	RetryAfter time.Duration // of calls.NotPlaced: not earlier
	Refused    bool          // of calls.NotPlaced: until somebody corrects a setting
	ClockAhead time.Duration // the error of the worker's clock, if it is wrong
	Reason     string        // why it was not placed, or why that is unknown; without phone numbers
	Post       int           // of calls.NotPlaced: the number of the next post in the dial ledger; 0: as it was
	Claims     []string      // of calls.NotPlaced: claims of that number with an unknown result
	Rule       string        // the rule that decided: calls.RuleAllowed, or the one that forbade it
	NotBefore  time.Time     // when that rule may be satisfied; zero: never
}

// HoursChecked answers CheckHours. Problem is set if the hours cannot be computed.
type HoursChecked struct {
	Window  contract.Window
	Rule    string // the rule that keeps it closed now; empty: the request's calling hours
	Problem string
}

// Updated is a call-update of a Call workflow, which may fit an attempt of ours or not.
type Updated struct{ Call calls.CallState }

// Tracked answers Track. Call is set if the call is already closed, so that no update follows. Lost is set if its workflow
// has ended without a result, like one that an operator terminated.
type Tracked struct {
	Attempt int
	Call    *calls.CallState
	Lost    bool
}

// LookedUp answers LookUp.
type LookedUp struct {
	Attempt int
	Purpose Purpose
	Answer  Answer
	Events  []calls.StatusEvent // of Found
}

// Answer is the result of a LookUp.
type Answer string

// Answers.
const (
	Found          Answer = "found"
	SurelyNotFound Answer = "surely-not-found" // "not found", often and late enough for LookUp.Silence
	NoAnswer       Answer = "no-answer"        // not in time, or cancelled
)

// Stopped forbids further attempts. Cancelled is set when the workflow itself was cancelled.
type Stopped struct {
	Reason    string
	Cancelled bool
}

// RetryAsked is an operator's retry-now that CheckRetry has accepted.
type RetryAsked struct{ contract.RetryNow }

// DiallingChanged is a new state of the dial queue.
type DiallingChanged struct{ calls.Dialling }

// Told is the result of telling a revision to a workflow.
type Told struct{ calls.Notified }

// Command is something to do.
type Command interface{ command() }

// Place posts an attempt, if it leaves the dial queue before NotAfter. The state already has the attempt.
type Place struct {
	Attempt           int
	ReferenceID       string
	CallerID          string
	SecondaryCallerID string
	NotAfter          time.Time
	Post              int      // number of the post in the dial ledger, from 1
	Claims            []string // earlier claims of it with an unknown result
}

// WithdrawPlace cancels the Place under way; its Verdict still follows. Proven is set if a notification has proven that the
// attempt is already placed: posting it again would ring the phone twice.
type WithdrawPlace struct {
	Attempt int
	Proven  bool
}

// CheckHours asks for the current or next window of calling hours and the hours of a class.
type CheckHours struct {
	Hours *calls.CallingHours // nil: any hour
	Class string
}

// Track makes the Call workflow watch a call and report to the request.
type Track struct {
	Attempt     int
	CallID      string
	ReferenceID string
	To          string
}

// LookUp asks the call log until it has an answer, Silence is satisfied, or Until has passed.
type LookUp struct {
	Attempt           int
	Purpose           Purpose
	ID                string
	To                string
	AcceptNonTerminal bool
	Silence           *Silence
	Until             time.Time
	MaxInterval       time.Duration
}

// Purpose is why the call log is asked.
type Purpose string

// Purposes.
const (
	Settle Purpose = "settle" // an unknown placement
	Verify Purpose = "verify" // a failure, before another dial
	Follow Purpose = "follow" // a call that no workflow watches
)

// Silence says when to believe "not found": after so many answers, the last of them not before a time.
type Silence struct {
	Answers int
	Until   time.Time
}

// CancelLookUp cancels a LookUp; its LookedUp still follows.
type CancelLookUp struct {
	Attempt int
	Purpose Purpose
}

// Tell tells a revision of the outcome to the workflow in Notify.
type Tell struct{ Outcome calls.OutboundOutcome }

func (Place) command()         {}
func (WithdrawPlace) command() {}
func (CheckHours) command()    {}
func (Track) command()         {}
func (LookUp) command()        {}
func (CancelLookUp) command()  {}
func (Tell) command()          {}
