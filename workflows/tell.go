package workflows

import (
	"encoding/json"
	"errors"
	"slices"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

// sentSignal is a signal to another workflow that is under way.
type sentSignal struct {
	workflowID string
	result     func(workflow.Context) string // waits until it is delivered or refused
}

// tell signals a workflow. The receiver may get the same state twice; it goes by the revision. The codec leaves a signal to
// another's workflow in clear, since the worker there has no keys; its payload holds no phone number.
func tell[T any](ctx workflow.Context, e edition, workflowID string, signal contract.Signal[T], payload T) sentSignal {
	if e < 1 {
		future := signal.Send(ctx, workflowID, payload)
		return sentSignal{workflowID, func(ctx workflow.Context) string { return delivery(future.Get(ctx, nil)) }}
	}
	text, err := json.Marshal(payload) // a copy: the state changes while it is sent
	if err != nil {
		return sentSignal{workflowID, func(workflow.Context) string { return calls.NotifiedFailed }}
	}
	sent := beginLight(ctx, contract.ActivityTell, contract.TellInput{WorkflowID: workflowID, Signal: signal.Name, Payload: text})
	return sentSignal{workflowID, func(ctx workflow.Context) string {
		out, err := sent.get(lightActivity(ctx, "tell a workflow"))
		if err != nil {
			return calls.NotifiedFailed
		}
		return out.Result
	}}
}

// delivery returns the result of a signal that the server sent for the workflow. A signal to a workflow that is closed or
// never existed is no error.
func delivery(err error) string {
	_, unknown := errors.AsType[*temporal.UnknownExternalWorkflowExecutionError](err)
	switch {
	case err == nil:
		return calls.NotifiedTold
	case unknown:
		return calls.NotifiedNotFound
	default:
		return calls.NotifiedFailed
	}
}

// record waits until the signal is delivered or refused and records the result, one entry per workflow.
func (s sentSignal) record(ctx workflow.Context, to []calls.Notified, revision int) []calls.Notified {
	n := calls.Notified{WorkflowID: s.workflowID, Result: s.result(ctx), Revision: revision}
	if n.Result != calls.NotifiedTold {
		workflow.GetLogger(ctx).Info("workflow was not told", "workflowId", s.workflowID, "result", n.Result)
		workflow.GetMetricsHandler(ctx).Counter("aftercall_untold").Inc(1)
	}
	n.At = workflow.Now(ctx).UTC()
	if i := slices.IndexFunc(to, func(o calls.Notified) bool { return o.WorkflowID == n.WorkflowID }); i >= 0 {
		to = slices.Clone(to)
		to[i] = n
		return to
	}
	return append(slices.Clone(to), n)
}
