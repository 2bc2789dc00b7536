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

// Notify sends the provider's event to the Call workflow of the event's call key. It starts the workflow if this is the
// first event of the call. It returns ErrClosed if the call is over.
func (d *Desk) Notify(ctx context.Context, e calls.StatusEvent) error {
	e.Parties = contract.JoinParties(d.settings.Names.Parties(e.From, e.To, e.SecondaryCallerID))
	heard, _ := callstate.Apply(callstate.New(e.CallKey), e)
	return signalCall(ctx, d, heard, contract.SignalCallStatus, e)
}

// Subscribe makes a workflow a subscriber of a call, also of one without an event yet. Subscribing again sends the news
// again. It returns ErrClosed if the call is over: nobody was subscribed.
func (d *Desk) Subscribe(ctx context.Context, callKey string, s calls.Subscription) error {
	_, err := expectCall(ctx, d, callstate.New(callKey), []calls.Subscription{s}, contract.SignalSubscribe, s)
	return err
}

// Track tells the Call workflow of a key what is expected of the call. It starts the workflow if the call has none yet, and
// reports so. It returns ErrClosed if the call is over: nobody was subscribed.
func (d *Desk) Track(ctx context.Context, callKey string, t calls.Tracking) (created bool, err error) {
	t.Parties = contract.JoinParties(d.settings.Names.Parties(t.To))
	expected, _ := callstate.Track(callstate.New(callKey), t)
	var subscribers []calls.Subscription
	if t.Subscription != nil {
		subscribers = append(subscribers, *t.Subscription)
	}
	return expectCall(ctx, d, expected, subscribers, contract.SignalTrack, t)
}

// expectCall starts the workflow of a call and reports so, or signals the running one. The first task of a workflow that it
// starts is delayed until an event arrives or the call log is due, since there is nothing to do before. Until then no
// query is answered, see Query. A plain signal does not end the delay; a signal with start does.
func expectCall[T any](ctx context.Context, d *Desk, expected calls.CallState, subscribers []calls.Subscription, s contract.Signal[T], payload T) (created bool, err error) {
	o := callOptions(ctx, expected)
	in := d.callInput(expected.CallKey)
	told := in.Edition > 0 // else a worker may run it that does not read these fields of the input
	if told {
		o.StartDelay = d.settings.Call.WithDefaults().ReconcileAfter
		in.State, in.Subscribers = &expected, subscribers
	}
	_, err = d.client.ExecuteWorkflow(ctx, o, contract.WorkflowCall.Name, in)
	err = Classify("start "+contract.WorkflowCall.Name, err)
	created = err == nil
	if errors.Is(err, ErrClosed) || created && !told { // closed or running
		err = signalCall(ctx, d, expected, s, payload)
	}
	return created, err
}

// signalCall signals a Call workflow, and starts it if it does not run. It never starts a closed call again: a second run
// could dial again.
func signalCall[T any](ctx context.Context, d *Desk, known calls.CallState, s contract.Signal[T], payload T) error {
	return signal(ctx, d, callOptions(ctx, known), s, payload, contract.WorkflowCall, d.callInput(known.CallKey))
}

func (d *Desk) callInput(callKey string) contract.CallInput {
	return contract.CallInput{CallKey: callKey, Edition: d.edition(), Settings: d.settings.Call}
}

// callOptions returns the options of a Call, with the search attributes that the workflow would write for a known state.
func callOptions(ctx context.Context, known calls.CallState) client.StartWorkflowOptions {
	return options(ctx, calls.CallWorkflowID(known.CallKey), "Call "+known.CallKey,
		callstate.Attributes(known).Updates(known.CallKey, contract.CallAttributes{})...)
}

// Waits reports whether a call has a workflow task that no worker has picked up yet.
func (d *Desk) Waits(ctx context.Context, callKey string) (bool, error) {
	call, err := d.client.DescribeWorkflowExecution(ctx, calls.CallWorkflowID(callKey), "")
	return call.GetPendingWorkflowTask().GetState() == enumspb.PENDING_WORKFLOW_TASK_STATE_SCHEDULED, Classify("look for call", err)
}

// ClosedCall reads the result of a closed call. It returns ErrNoResult if no result can be read, ErrUnknown if Temporal has
// forgotten the call, and ErrAway also if the call turns out to run and ctx has ended.
func (d *Desk) ClosedCall(ctx context.Context, callKey string) (calls.CallState, error) {
	s, err := Result(ctx, d, contract.WorkflowCall, calls.CallWorkflowID(callKey))
	if err == nil && s.CallKey == "" {
		err = ErrNoResult
	}
	return s, err
}
