package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

// operate is a workflow of a caller: it runs one operation of the Nexus service.
func operate(ctx workflow.Context, operation string, in map[string]any, within time.Duration) error {
	c := workflow.NewNexusClient(calls.NexusEndpoint, calls.NexusService)
	return c.ExecuteOperation(ctx, operation, in, workflow.NexusOperationOptions{ScheduleToCloseTimeout: within}).Get(ctx, nil)
}

// asking is an operation to ask for.
type asking struct {
	operation string
	in        map[string]any
	before    func(context.Context, *Env) (in map[string]any, err error) // in place of in
	within    time.Duration
	then      func(ctx context.Context, e *Env, caller client.WorkflowRun, answering string) error // while it runs; may be nil
}

// nexusScenarios are paths of the workflows that run operations.
func nexusScenarios() []Scenario {
	call := map[string]any{"callId": "call-1"}
	place := map[string]any{"referenceId": "order-1", "to": "+966500000000", "callerId": "+966112000000", "type": "tts", "tts": map[string]any{"text": "Hello"}}
	with := func(more map[string]any) map[string]any {
		in := maps.Clone(place)
		maps.Copy(in, more)
		return in
	}
	later := with(map[string]any{"notBefore": time.Now().Add(24 * time.Hour).Format(time.RFC3339), "deadline": "48h"})
	return []Scenario{
		operation(contract.NexusPlaceCall.Name, "completed", asking{operation: calls.OperationPlaceCall, in: place}),
		operation(contract.NexusPlaceCall.Name, "refused", asking{operation: calls.OperationPlaceCall, in: with(map[string]any{"to": "0500"})}),
		operation(contract.NexusPlaceCall.Name, "cancelled", asking{operation: calls.OperationPlaceCall, in: later, then: cancel}),
		operation(contract.NexusAwaitOutcome.Name, "told", asking{operation: calls.OperationAwaitOutcome, in: call, then: complete}),
		operation(contract.NexusAwaitOutcome.Name, "cancelled", asking{operation: calls.OperationAwaitOutcome, in: call, then: cancel}),
		operation(contract.NexusAwaitOutcome.Name, "out-of-patience", asking{operation: calls.OperationAwaitOutcome, in: call, within: 2 * time.Second}),
		operation(contract.NexusAwaitRecording.Name, "stored", asking{operation: calls.OperationAwaitRecording, before: recordedCall}),
		operation(contract.NexusOpenMaskingSession.Name, "opened", asking{operation: calls.OperationOpenMaskingSession, in: map[string]any{"from": callee, "to": otherCallee}}),
		operation(contract.NexusCloseMaskingSession.Name, "closed", asking{operation: calls.OperationCloseMaskingSession, before: mask}),
		operation(contract.NexusAwaitMaskingSession.Name, "closed", asking{operation: calls.OperationAwaitMaskingSession, before: mask, then: closeMask}),
	}
}

func mask(ctx context.Context, e *Env) (map[string]any, error) {
	maskID, err := e.openMask(ctx)
	return map[string]any{"maskId": maskID}, err
}

func recordedCall(ctx context.Context, e *Env) (map[string]any, error) {
	callID, err := e.PlaceElsewhere(ctx, "+966500000005")
	return map[string]any{"callId": callID}, err
}

// operation returns a scenario about the workflow of a type that runs an operation.
func operation(kind, path string, a asking) Scenario {
	return Scenario{Type: kind, Path: path, Play: func(ctx context.Context, e *Env) (string, error) {
		in := a.in
		if a.before != nil {
			var err error
			if in, err = a.before(ctx, e); err != nil {
				return "", err
			}
		}
		caller, err := e.Temporal().ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: "caller", TaskQueue: businessQueue}, operate, a.operation, in, a.within)
		if err != nil {
			return "", err
		}
		id, err := e.untilAnswering(ctx, kind)
		if err == nil && a.then != nil {
			err = a.then(ctx, e, caller, id)
		}
		if err != nil {
			return "", err
		}
		return id, e.UntilClosed(ctx, id)
	}}
}

// untilAnswering waits until the only workflow of a type runs.
func (e *Env) untilAnswering(ctx context.Context, kind string) (id string, err error) {
	err = e.Until(ctx, kind+" runs", func() (bool, error) {
		found, err := e.Temporal().ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: fmt.Sprintf("WorkflowType = %q", kind)})
		if len(found.GetExecutions()) == 0 {
			return false, err
		}
		id = found.GetExecutions()[0].GetExecution().GetWorkflowId()
		return true, err
	})
	return id, err
}

// untilWaiting waits until a workflow has done its first task and waits.
func (e *Env) untilWaiting(ctx context.Context, id string) error {
	return e.Until(ctx, id+" waits", func() (bool, error) {
		d, err := e.Temporal().DescribeWorkflowExecution(ctx, id, "")
		return d.GetWorkflowExecutionInfo().GetHistoryLength() >= 6, err // its first task, the commands of that, and a timer
	})
}

func cancel(ctx context.Context, e *Env, caller client.WorkflowRun, id string) error {
	if err := e.untilWaiting(ctx, id); err != nil {
		return err
	}
	return e.Temporal().CancelWorkflow(ctx, caller.GetID(), caller.GetRunID())
}

func complete(ctx context.Context, e *Env, _ client.WorkflowRun, id string) error {
	if err := e.untilWaiting(ctx, id); err != nil {
		return err
	}
	return e.Tell(ctx, notification("call-1", "COMPLETED"))
}

func closeMask(ctx context.Context, e *Env, _ client.WorkflowRun, id string) error {
	if err := e.untilWaiting(ctx, id); err != nil {
		return err
	}
	// The mask that the operation names.
	d, err := e.Temporal().DescribeWorkflow(ctx, id, "")
	if err != nil {
		return err
	}
	mask, _ := d.TypedSearchAttributes.GetKeyword(calls.AttributeMaskID)
	return e.API(ctx, http.MethodDelete, "/v1/masking-sessions/"+mask, nil, nil)
}
