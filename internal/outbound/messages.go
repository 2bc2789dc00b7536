package outbound

import (
	"time"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

// Event is something that happened. Which attempt it belongs to is said by number, from 1.
type Event interface {
	apply(m *Machine, now time.Time)
}

// Started is the first event.
type Started struct{}

// Ticked says that the time of WakeAt has come.
type Ticked struct{}

// Verdict is what became of a Place command. Exactly one follows each.
type Verdict struct {
	Attempt    int
	Placement  calls.Placement
	CallID     string        // of calls.Placed
	Final      bool          // of calls.NotPlaced: posting the same again cannot help
	RetryAfter time.Duration // of calls.NotPlaced: not sooner
	Refused    bool          // of calls.NotPlaced: it will be so until somebody mends a setting
	ClockAhead time.Duration // of the worker's clock, where it is wrong
	Reason     string        // why not, or why it is not known; without phone numbers
	Post       int           // of calls.NotPlaced: the number of the next post in the dial ledger; 0: as it was
	Claims     []string      // of calls.NotPlaced: claims of that number whose fate is in doubt
	Rule       string        // that decided: calls.RuleAllowed, or the one that forbade it
	NotBefore  time.Time     // when that rule may be satisfied; zero: never
}

// HoursChecked answers CheckHours. Problem is set where the hours cannot be computed.
type HoursChecked struct {
	Window  contract.Window
	Rule    string // that keeps it closed now; empty: the request's calling hours
	Problem string
}

// Updated is a call-update of a Call workflow, which may fit an attempt of ours or not.
type Updated struct{ Call calls.CallState }

// Tracked answers Track. Call is set where the call is closed already: it is all there will be. Lost is set where its
// workflow has ended without a result, as one that an operator terminated.
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

// Answer is what came out of a LookUp.
type Answer string

// Answers.
const (
	Found          Answer = "found"
	SurelyNotFound Answer = "surely-not-found" // often and late enough: LookUp.Silence is fulfilled
	NoAnswer       Answer = "no-answer"        // not in time, or taken back
)

// Stopped says that no further attempts are to be made. Cancelled is set when the workflow itself was cancelled.
type Stopped struct {
	Reason    string
	Cancelled bool
}

// RetryAsked is an operator's retry-now that CheckRetry has let pass.
type RetryAsked struct{ contract.RetryNow }

// DiallingChanged says how the dial queue is worked off from now on.
type DiallingChanged struct{ calls.Dialling }

// Told says who was told a revision, and with what result.
type Told struct{ calls.Notified }

// Command is something to be done.
type Command interface{ command() }

// Place posts an attempt, if it leaves the dial queue before NotAfter. Its attempt is in the state by now.
type Place struct {
	Attempt           int
	ReferenceID       string
	CallerID          string
	SecondaryCallerID string
	NotAfter          time.Time
	Post              int      // number of the post in the dial ledger, from 1
	Claims            []string // earlier claims of it whose fate is in doubt
}

// WithdrawPlace takes back the Place under way; its Verdict is still awaited. Proven is set where a notification has
// proven the attempt to be placed already: posting it again would ring the phone twice.
type WithdrawPlace struct {
	Attempt int
	Proven  bool
}

// CheckHours asks for the window of calling hours, and of the hours of a class, that is open now, or the next.
type CheckHours struct {
	Hours *calls.CallingHours // nil: any hour
	Class string
}

// Track has the Call workflow watch a call and report to us.
type Track struct {
	Attempt     int
	CallID      string
	ReferenceID string
	To          string
}

// LookUp asks the call log until it has an answer, Silence is fulfilled, or Until has come.
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

// Purpose says why the call log is asked.
type Purpose string

// Purposes.
const (
	Settle Purpose = "settle" // an unknown placement
	Verify Purpose = "verify" // a failure, before another dial
	Follow Purpose = "follow" // a call that no workflow watches
)

// Silence is when "not found" is believed: after so many answers, the last not before a time.
type Silence struct {
	Answers int
	Until   time.Time
}

// CancelLookUp takes back a LookUp; its LookedUp still comes.
type CancelLookUp struct {
	Attempt int
	Purpose Purpose
}

// Tell makes a revision of the outcome known.
type Tell struct{ Outcome calls.OutboundOutcome }

func (Place) command()         {}
func (WithdrawPlace) command() {}
func (CheckHours) command()    {}
func (Track) command()         {}
func (LookUp) command()        {}
func (CancelLookUp) command()  {}
func (Tell) command()          {}
