package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/aftercall/aftercall/internal/clock"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/ids"
	"github.com/aftercall/aftercall/internal/outbound"
	"github.com/aftercall/aftercall/internal/translate"
	"github.com/aftercall/aftercall/internal/unifonic"
)

// CallLogAPI is what Lookup needs of the provider.
type CallLogAPI interface {
	CallLog(ctx context.Context, id string) (unifonic.CallLog, error) // unifonic.ErrNotFound or *unifonic.APIError
}

// Lookup is the activity on contract.TaskQueueLookup.
type Lookup struct {
	API   CallLogAPI
	Names ids.Namer
	Clock *clock.Clock // nil: this machine's
}

// LookUpCall asks the call log once. It returns a retryable error for an unknown id (ErrTypeNotFound), a call that is not
// over (ErrTypeNotTerminal), and a provider that is unavailable or refuses.
func (a *Lookup) LookUpCall(ctx context.Context, in contract.LookUpInput) (contract.LookUpResult, error) {
	log, err := a.API.CallLog(ctx, in.ID)
	if errors.Is(err, unifonic.ErrNotFound) {
		return contract.LookUpResult{}, silentLog(ctx, in.Silence, a.Clock.Now())
	}
	if err != nil {
		return contract.LookUpResult{}, logError(err)
	}
	now := a.Clock.Now()
	events := translate.EventsFromCallLog(in.CallKey, log, now, in.FailoverOver, a.Names.Key)
	for i, e := range events {
		events[i].Parties = a.Names.Parties(e.From, e.To)
	}
	r, found := outbound.Read(events, in.To)
	switch {
	case !found:
		return contract.LookUpResult{}, silentLog(ctx, in.Silence, now)
	case !r.Over && !in.AcceptNonTerminal:
		return contract.LookUpResult{}, notTerminal(r.Ending.Status)
	}
	return contract.LookUpResult{Events: events}, nil
}

// silentLog counts an answer "not found". The heartbeat keeps the count across tries.
func silentLog(ctx context.Context, s *contract.Silence, now time.Time) error {
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
	if answers >= s.Answers && !now.Before(s.Until) {
		return surelyNotFound(answers)
	}
	activity.RecordHeartbeat(ctx, answers)
	return notFound()
}

// logError makes refusals retryable too: a wrong AppsId gets corrected eventually.
func logError(err error) error {
	if e, ok := errors.AsType[*unifonic.APIError](err); ok && !e.Retryable {
		return wrap("look up call", err)
	}
	return providerError(err)
}
