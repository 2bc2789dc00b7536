package desk

import (
	"context"
	"errors"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

// Notify tells the Call workflow of the event's call key what the provider said, and starts it where it is the first
// that is heard of the call. It returns ErrClosed where the call is over.
func (d *Desk) Notify(ctx context.Context, e calls.StatusEvent) error {
	return signalCall(ctx, d, e.CallKey, contract.SignalCallStatus, e)
}

// Subscribe makes a workflow a subscriber of a call that may not have been heard of yet. Subscribing again tells again.
// It returns ErrClosed where the call is over: nobody was subscribed.
func (d *Desk) Subscribe(ctx context.Context, callKey string, s calls.Subscription) error {
	return signalCall(ctx, d, callKey, contract.SignalSubscribe, s)
}

// Track tells the Call workflow of a key what is expected of the call, and starts it where nothing was heard of the
// call yet, which it reports. It returns ErrClosed where the call is over: nobody was subscribed.
func (d *Desk) Track(ctx context.Context, callKey string, t calls.Tracking) (created bool, err error) {
	_, err = d.client.DescribeWorkflow(ctx, calls.CallWorkflowID(callKey), "")
	err = Classify("look for call", err)
	created = errors.Is(err, ErrUnknown)
	if err != nil && !created {
		return false, err
	}
	err = signalCall(ctx, d, callKey, contract.SignalTrack, t)
	return created && err == nil, err
}

// signalCall signals a Call workflow, which is started where it does not run. A closed call is never started a second
// time: a second run could dial again.
func signalCall[T any](ctx context.Context, d *Desk, callKey string, s contract.Signal[T], payload T) error {
	return signal(ctx, d, callOptions(callKey), s, payload, contract.WorkflowCall, contract.CallInput{CallKey: callKey, Settings: d.settings.Call})
}

func callOptions(callKey string) client.StartWorkflowOptions {
	return options(calls.CallWorkflowID(callKey), "Call "+callKey, calls.AttributeCallID.ValueSet(callKey))
}

// Waits reports whether a call has something to do that no worker has taken up yet.
func (d *Desk) Waits(ctx context.Context, callKey string) (bool, error) {
	call, err := d.client.DescribeWorkflowExecution(ctx, calls.CallWorkflowID(callKey), "")
	return call.GetPendingWorkflowTask().GetState() == enumspb.PENDING_WORKFLOW_TASK_STATE_SCHEDULED, Classify("look for call", err)
}

// ClosedCall reads the result of a call that is over. It returns ErrNoResult where there is none that can be read,
// ErrUnknown where Temporal has forgotten the call, and ErrAway too where the call runs after all and ctx has ended.
func (d *Desk) ClosedCall(ctx context.Context, callKey string) (calls.CallState, error) {
	s, err := Result(ctx, d, contract.WorkflowCall, calls.CallWorkflowID(callKey))
	if err == nil && s.CallKey == "" {
		err = ErrNoResult
	}
	return s, err
}
