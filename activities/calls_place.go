package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/intake"
)

// Place starts the workflow of a request, once for all repetitions, and adds the waiter. It returns the outcome if there is
// one already; else a signal follows.
func (a *Calls) Place(ctx context.Context, in calls.PlaceRequest) (calls.PlaceResult, error) {
	asked, fault := a.checkPlace(ctx, in)
	if in.Waiter == nil { // from the workflow that Notify names
		return a.placed(ctx, asked, fault)
	}
	if n := asked.Request.Notify; n != nil && n.WorkflowID == in.Waiter.WorkflowID { // it waits
		if asked.Request.Notify = nil; n.URL != "" {
			asked.Request.Notify = &calls.Notify{URL: n.URL}
		}
	}
	asked.Waiters = []calls.Subscription{*in.Waiter}
	res, err := a.placed(ctx, asked, fault)
	if err != nil || res.Outcome != nil {
		return res, err
	}
	return res, stay(ctx, in.Stay, res.WaitUntil)
}

// checkPlace checks a request as of the time when it was made; aftercall may receive it later.
func (a *Calls) checkPlace(ctx context.Context, in calls.PlaceRequest) (intake.Outbound, error) {
	askedAt := time.Now()
	switch {
	case in.AskedAt != nil:
		askedAt = *in.AskedAt
	case activity.IsActivity(ctx): // of an older workflow, which does not say: use the time of scheduling
		askedAt = activity.GetInfo(ctx).ScheduledTime
	}
	asked, fault := intake.OutboundCall(in.OutboundCallRequest, askedAt)
	return asked, asked.Callable(a.CallbackURL, asked.Ruled(a.Rules, fault))
}

// fairnessOfPlace is the fairness key that business workflows share unless they name their own.
const fairnessOfPlace = "calls"

func (a *Calls) placed(ctx context.Context, asked intake.Outbound, fault error) (calls.PlaceResult, error) {
	asked.Client = fairnessOfPlace
	created, err := a.Desk.PlaceCall(ctx, asked, fault)
	waiting := calls.PlaceResult{WaitUntil: a.requestKnown(asked.Latest(a.Rules))}
	switch {
	case errors.Is(err, desk.ErrConflict):
		return calls.PlaceResult{}, conflict(err)
	case err != nil && errors.Is(err, fault):
		return calls.PlaceResult{}, invalidRequest(err)
	case err != nil:
		return calls.PlaceResult{}, err
	case created:
		return waiting, nil
	}
	known, err := a.join(ctx, asked.Request.ReferenceID, asked.Waiters...)
	if known == nil {
		return waiting, err
	}
	return calls.PlaceResult{Outcome: known}, err
}

// join makes waiters some of those who are told of a request, and returns its outcome where there is one already.
func (a *Calls) join(ctx context.Context, referenceID string, waiters ...calls.Subscription) (*calls.OutboundOutcome, error) {
	id := calls.OutboundCallWorkflowID(referenceID)
	for _, w := range waiters {
		if err := desk.Tell(ctx, a.Desk, id, contract.SignalSubscribe, w); err != nil && !errors.Is(err, desk.ErrUnknown) {
			return nil, err
		}
	}
	state, _, err := desk.Ask(ctx, a.Desk, contract.QueryOutboundCall, id)
	return state.Outcome, err
}

// JoinRequest returns the outcome of a request that was made; else a signal will come.
func (a *Calls) JoinRequest(ctx context.Context, in contract.JoinRequest) (calls.PlaceResult, error) {
	var waiters []calls.Subscription
	if in.Waiter != nil {
		waiters = append(waiters, *in.Waiter)
	}
	known, err := a.join(ctx, in.ReferenceID, waiters...)
	switch {
	case errors.Is(err, desk.ErrUnknown):
		return calls.PlaceResult{}, temporal.NewNonRetryableApplicationError("no request is known under "+in.ReferenceID, calls.ErrTypeNotFound, nil)
	case err != nil || known != nil:
		return calls.PlaceResult{Outcome: known}, err
	default:
		return calls.PlaceResult{WaitUntil: a.requestKnown(time.Now())}, nil
	}
}

// requestKnown returns when a request without further events has an outcome.
func (a *Calls) requestKnown(deadline time.Time) *time.Time {
	s := a.Desk.Settings().Outbound.WithDefaults()
	known := from(max(time.Until(deadline), 0) + s.MaxAge + s.LookupWindow + time.Minute)
	return known
}
