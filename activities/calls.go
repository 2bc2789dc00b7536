package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/intake"
	"github.com/aftercall/aftercall/internal/starter"
)

// CallsClient is what Calls needs of a Temporal client.
type CallsClient interface {
	SignalWithStartWorkflow(ctx context.Context, id, signal string, arg any, o client.StartWorkflowOptions, workflow any, args ...any) (client.WorkflowRun, error)
	GetWorkflow(ctx context.Context, workflowID, runID string) client.WorkflowRun
	QueryWorkflow(ctx context.Context, workflowID, runID, queryType string, args ...any) (converter.EncodedValue, error)
}

// OutboundStarter starts the workflow of a request and reports whether it was new.
type OutboundStarter interface {
	OutboundCall(ctx context.Context, asked intake.Outbound, fault error) (created bool, err error)
}

// Calls are the activities on calls.TaskQueueCalls, which business workflows run through calls.Await and calls.Place.
// Their results carry no phone number.
type Calls struct {
	Client   CallsClient
	Starter  OutboundStarter
	Settings calls.CallSettings
}

// Subscribe makes a workflow a subscriber of a call that may not have been heard of yet. It returns the outcome where
// the call is closed; else a signal will come. It may be repeated: the waiter is told again.
func (a *Calls) Subscribe(ctx context.Context, req calls.SubscribeRequest) (calls.SubscribeResult, error) {
	key := calls.Key(req.CallID)
	if key == "" || req.WorkflowID == "" {
		return calls.SubscribeResult{}, invalidRequest(errors.New("callId and workflowId must not be empty"))
	}
	o := starter.CallOptions(key)
	_, err := a.Client.SignalWithStartWorkflow(ctx, o.ID, calls.SignalSubscribe,
		calls.Subscription{WorkflowID: req.WorkflowID, Waiter: req.Waiter},
		o, calls.TypeCall, calls.CallInput{CallKey: key, Settings: a.Settings})
	if _, closed := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err); !closed {
		return calls.SubscribeResult{}, wrap("subscribe", err)
	}
	var state calls.CallState
	if err := a.Client.GetWorkflow(ctx, o.ID, "").Get(ctx, &state); err != nil {
		return calls.SubscribeResult{}, lostCall(key, err)
	}
	if state.Outcome == nil {
		return calls.SubscribeResult{}, lostCall(key, errors.New("it has no outcome"))
	}
	return calls.SubscribeResult{Outcome: state.Outcome}, nil
}

// Place starts the workflow of a request, once for all repetitions. It returns the outcome where there is one already;
// else a signal will come.
func (a *Calls) Place(ctx context.Context, req calls.OutboundCallRequest) (calls.PlaceResult, error) {
	asked, fault := intake.OutboundCall(req, time.Now())
	created, err := a.Starter.OutboundCall(ctx, asked, fault)
	switch {
	case errors.Is(err, starter.ErrConflict):
		return calls.PlaceResult{}, conflict(err)
	case err != nil && errors.Is(err, fault):
		return calls.PlaceResult{}, invalidRequest(err)
	case err != nil:
		return calls.PlaceResult{}, wrap("place", err)
	case created:
		return calls.PlaceResult{}, nil
	}
	state, err := a.outboundState(ctx, calls.OutboundCallWorkflowID(asked.Request.ReferenceID))
	return calls.PlaceResult{Outcome: state.Outcome}, err
}

// outboundState is where a request stands: the result of its workflow, or the state of a running one.
func (a *Calls) outboundState(ctx context.Context, workflowID string) (calls.OutboundCallState, error) {
	var state calls.OutboundCallState
	answer, err := a.Client.QueryWorkflow(ctx, workflowID, "", calls.QueryState)
	if err == nil {
		err = answer.Get(&state)
	}
	return state, wrap("read outbound call", err)
}

func wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", op, err)
}
