package desk

import (
	"context"
	"errors"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/callstate"
	"github.com/aftercall/aftercall/internal/contract"
)

// Notify tells the Call workflow of the event's call key what the provider said, and starts it where it is the first
// that is heard of the call. It returns ErrClosed where the call is over.
func (d *Desk) Notify(ctx context.Context, e calls.StatusEvent) error {
	e.Parties = contract.JoinParties(d.settings.Names.Parties(e.From, e.To, e.SecondaryCallerID))
	heard, _ := callstate.Apply(callstate.New(e.CallKey), e)
	return signalCall(ctx, d, heard, contract.SignalCallStatus, e)
}

// Subscribe makes a workflow a subscriber of a call that may not have been heard of yet. Subscribing again tells again.
// It returns ErrClosed where the call is over: nobody was subscribed.
func (d *Desk) Subscribe(ctx context.Context, callKey string, s calls.Subscription) error {
	_, err := expectCall(ctx, d, callstate.New(callKey), []calls.Subscription{s}, contract.SignalSubscribe, s)
	return err
}

// Track tells the Call workflow of a key what is expected of the call, and starts it where nothing was heard of the
// call yet, which it reports. It returns ErrClosed where the call is over: nobody was subscribed.
func (d *Desk) Track(ctx context.Context, callKey string, t calls.Tracking) (created bool, err error) {
	t.Parties = contract.JoinParties(d.settings.Names.Parties(t.To))
	expected, _ := callstate.Track(callstate.New(callKey), t)
	var subscribers []calls.Subscription
	if t.Subscription != nil {
		subscribers = append(subscribers, *t.Subscription)
	}
	return expectCall(ctx, d, expected, subscribers, contract.SignalTrack, t)
}

// expectCall starts the workflow of a call of which nothing was heard yet, which it reports, or signals the one that
// runs. There is nothing to do in it before something is heard or the call log is due: its first task waits for that. A
// query before it finds no workflow that could answer, see Query; a plain signal does not bring it forward, one with
// start does.
func expectCall[T any](ctx context.Context, d *Desk, expected calls.CallState, subscribers []calls.Subscription, s contract.Signal[T], payload T) (created bool, err error) {
	o := callOptions(ctx, expected)
	in := d.callInput(expected.CallKey)
	told := in.Edition > 0 // else a worker may begin it that does not look for this in the input
	if told {
		o.StartDelay = d.settings.Call.WithDefaults().ReconcileAfter
		in.State, in.Subscribers = &expected, subscribers
	}
	_, err = d.client.ExecuteWorkflow(ctx, o, contract.WorkflowCall.Name, in)
	err = Classify("start "+contract.WorkflowCall.Name, err)
	created = err == nil
	if errors.Is(err, ErrClosed) || created && !told { // closed, or runs
		err = signalCall(ctx, d, expected, s, payload)
	}
	return created, err
}

// signalCall signals a Call workflow, which is started where it does not run. A closed call is never started a second
// time: a second run could dial again.
func signalCall[T any](ctx context.Context, d *Desk, known calls.CallState, s contract.Signal[T], payload T) error {
	return signal(ctx, d, callOptions(ctx, known), s, payload, contract.WorkflowCall, d.callInput(known.CallKey))
}

func (d *Desk) callInput(callKey string) contract.CallInput {
	return contract.CallInput{CallKey: callKey, Edition: d.edition(), Settings: d.settings.Call}
}

// callOptions start a Call with the search attributes that it would write of what is known.
func callOptions(ctx context.Context, known calls.CallState) client.StartWorkflowOptions {
	return options(ctx, calls.CallWorkflowID(known.CallKey), "Call "+known.CallKey,
		callstate.Attributes(known).Updates(known.CallKey, contract.CallAttributes{})...)
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
