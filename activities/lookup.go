package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/callstate"
	"github.com/aftercall/aftercall/internal/outbound"
	"github.com/aftercall/aftercall/internal/unifonic"
)

// NameLookUpCall is the activity on calls.TaskQueueLookup that asks the provider's call log about one call. Asking
// again is a retry of the same activity, so that polling does not grow the history: give it a back-off and a
// ScheduleToCloseTimeout, not a number of attempts.
const NameLookUpCall = "LookUpCall"

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

// CallLogAPI is what Lookup needs of the provider.
type CallLogAPI interface {
	CallLog(ctx context.Context, id string) (unifonic.CallLog, error) // unifonic.ErrNotFound or *unifonic.APIError
}

// Lookup is the activity on calls.TaskQueueLookup.
type Lookup struct{ API CallLogAPI }

// LookUpCall asks the call log once. Whatever is not good enough is an error, and retried: an unknown id
// (ErrTypeNotFound), a call that is not over (ErrTypeNotTerminal), a provider that is away or refuses.
func (a *Lookup) LookUpCall(ctx context.Context, in LookUpInput) (LookUpResult, error) {
	log, err := a.API.CallLog(ctx, in.ID)
	if errors.Is(err, unifonic.ErrNotFound) {
		return LookUpResult{}, silentLog(ctx, in.Silence)
	}
	if err != nil {
		return LookUpResult{}, logError(err)
	}
	now := time.Now()
	events := callstate.EventsFromCallLog(in.CallKey, log, now, in.FailoverOver)
	r, found := outbound.Read(events, in.To)
	switch {
	case !found:
		return LookUpResult{}, silentLog(ctx, in.Silence)
	case !r.Over && !in.AcceptNonTerminal:
		return LookUpResult{}, notTerminal(r.Ending.Status)
	}
	return LookUpResult{Events: events}, nil
}

// silentLog counts an answer "not found". The count lives in the heartbeat, which outlasts a try.
func silentLog(ctx context.Context, s *Silence) error {
	if s == nil {
		return notFound()
	}
	answers := 0
	if activity.HasHeartbeatDetails(ctx) {
		if err := activity.GetHeartbeatDetails(ctx, &answers); err != nil {
			answers = 0
		}
	}
	answers++
	if answers >= s.Answers && !time.Now().Before(s.Until) {
		return surelyNotFound(answers)
	}
	activity.RecordHeartbeat(ctx, answers)
	return notFound()
}

// logError lets also what the provider refuses be asked again: a wrong AppsId is mended sooner or later.
func logError(err error) error {
	if e, ok := errors.AsType[*unifonic.APIError](err); ok && !e.Retryable {
		return wrap("look up call", err)
	}
	return providerError(err)
}
