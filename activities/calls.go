package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/intake"
)

// CallDesk is what Calls needs of package desk.
type CallDesk interface {
	Subscribe(ctx context.Context, callKey string, s calls.Subscription) error // desk.ErrClosed
	ClosedCall(ctx context.Context, callKey string) (calls.CallState, error)   // desk.ErrNoResult
	PlaceCall(ctx context.Context, asked intake.Outbound, fault error) (created bool, err error)
	desk.Messenger
}

// Calls are the activities on calls.TaskQueueCalls, which business workflows run through calls.Await and calls.Place.
// Their results carry no phone number.
type Calls struct{ Desk CallDesk }

// Subscribe makes a workflow a subscriber of a call that may not have been heard of yet. It returns the outcome where
// the call is closed; else a signal will come. It may be repeated: the waiter is told again.
func (a *Calls) Subscribe(ctx context.Context, req calls.SubscribeRequest) (calls.SubscribeResult, error) {
	key := calls.Key(req.CallID)
	if key == "" || req.WorkflowID == "" {
		return calls.SubscribeResult{}, invalidRequest(errors.New("callId and workflowId must not be empty"))
	}
	err := a.Desk.Subscribe(ctx, key, calls.Subscription{WorkflowID: req.WorkflowID, Waiter: req.Waiter})
	if !errors.Is(err, desk.ErrClosed) {
		return calls.SubscribeResult{}, err
	}
	state, err := a.Desk.ClosedCall(ctx, key)
	if err == nil && state.Outcome == nil {
		err = desk.ErrNoResult
	}
	return calls.SubscribeResult{Outcome: state.Outcome}, lostCall(key, err)
}

// Place starts the workflow of a request, once for all repetitions. It returns the outcome where there is one already;
// else a signal will come.
func (a *Calls) Place(ctx context.Context, req calls.OutboundCallRequest) (calls.PlaceResult, error) {
	asked, fault := intake.OutboundCall(req, time.Now())
	created, err := a.Desk.PlaceCall(ctx, asked, fault)
	switch {
	case errors.Is(err, desk.ErrConflict):
		return calls.PlaceResult{}, conflict(err)
	case err != nil && errors.Is(err, fault):
		return calls.PlaceResult{}, invalidRequest(err)
	case err != nil || created:
		return calls.PlaceResult{}, err
	}
	state, _, err := desk.Ask(ctx, a.Desk, contract.QueryOutboundCall, calls.OutboundCallWorkflowID(asked.Request.ReferenceID))
	return calls.PlaceResult{Outcome: state.Outcome}, err
}

func wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", op, err)
}
