package activities

import (
	"context"
	"errors"

	"go.temporal.io/sdk/activity"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/clock"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/rules"
)

// TrackDesk is what Outbound needs of package desk.
type TrackDesk interface {
	CallKey(ctx context.Context, id string) (string, error)
	Track(ctx context.Context, callKey string, t calls.Tracking) (created bool, err error) // desk.ErrClosed
	ClosedCall(ctx context.Context, callKey string) (calls.CallState, error)               // desk.ErrNoResult
}

// Outbound are the light activities of outbound calls.
type Outbound struct {
	Desk  TrackDesk
	Clock *clock.Clock // nil: this machine's
	Rules rules.Rules
}

// TrackCall starts watching a call, known or not: by notifications, and by the call log if none arrive. It may be repeated.
func (a *Outbound) TrackCall(ctx context.Context, in contract.TrackCallInput) (contract.TrackCallResult, error) {
	key, err := a.Desk.CallKey(ctx, in.CallID)
	if err != nil {
		return contract.TrackCallResult{}, err
	}
	_, err = a.Desk.Track(ctx, key, calls.Tracking{To: in.To, ReferenceID: in.ReferenceID, Recorded: in.Recorded})
	if !errors.Is(err, desk.ErrClosed) {
		return contract.TrackCallResult{}, err
	}
	state, err := a.Desk.ClosedCall(ctx, key)
	if err != nil {
		return contract.TrackCallResult{}, lostCall(key, err)
	}
	state.Evidence, state.Notified = nil, nil
	return contract.TrackCallResult{Call: &state}, nil
}

// CallingHours returns the current or next window of the hours. It is an activity because the workers' time zone data may
// differ, and because their settings say which hours bind a class. Invalid hours are a non-retryable error.
func (a *Outbound) CallingHours(ctx context.Context, in contract.HoursInput) (contract.HoursResult, error) {
	w, rule, err := a.Rules.Next(in.CallingHours, in.Class, a.Clock.Now())
	if errors.Is(err, rules.ErrNeverMeet) { // the settings have changed since the request was accepted
		return contract.HoursResult{Window: rules.Never(a.Clock.Now()), Rule: calls.RuleClassHours}, nil
	}
	if err != nil {
		return contract.HoursResult{}, invalidRequest(err)
	}
	activity.GetLogger(ctx).Debug("calling hours", "openAt", w.OpenAt, "closesAt", w.ClosesAt, "rule", rule)
	return contract.HoursResult{Window: w, Rule: rule}, nil
}
