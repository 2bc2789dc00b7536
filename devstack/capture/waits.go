package main

import (
	"context"
	"fmt"

	"go.temporal.io/sdk/client"

	"github.com/aftercall/aftercall/calls"
)

// waitsDir is where histories of business workflows are kept.
const waitsDir = "../calls/testdata/histories"

// waitsForm numbers the forms of waits in package calls. Each form has histories of its own, beside those of earlier forms.
const waitsForm = 2

// waitScenarios are paths of the business workflows of package waitstest.
func waitScenarios() []Scenario {
	open := func(context.Context, *Env, client.WorkflowRun) error { return nil }
	completed := func(ctx context.Context, e *Env, _ client.WorkflowRun) error {
		return e.Tell(ctx, notification(callID, "COMPLETED"))
	}
	cancelled := func(ctx context.Context, e *Env, run client.WorkflowRun) error {
		return e.Temporal().CancelWorkflow(ctx, run.GetID(), run.GetRunID())
	}
	over := func(ctx context.Context, e *Env) error { // before the wait begins
		if err := e.Tell(ctx, notification(callID, "COMPLETED")); err != nil {
			return err
		}
		if err := e.untilExpected(ctx); err != nil {
			return err
		}
		return e.UntilClosed(ctx, calls.CallWorkflowID(callID))
	}
	requested := func(e *Env, ctx context.Context) error {
		return e.Until(ctx, "the call is requested", func() (bool, error) {
			_, err := e.Temporal().DescribeWorkflowExecution(ctx, calls.OutboundCallWorkflowID("order-8"), "")
			return err == nil, err
		})
	}
	return []Scenario{
		wait("AwaitOne", "told", waiting{args: []any{callID}, until: (*Env).untilExpected, then: completed}),
		wait("AwaitOne", "open", waiting{args: []any{callID}, until: (*Env).untilExpected, then: open, stays: true}),
		wait("AwaitOne", "cancelled", waiting{args: []any{callID}, until: (*Env).untilExpected, then: cancelled}),
		wait("AwaitOne", "closed-call", waiting{args: []any{callID}, before: over}),
		wait("AwaitAgain", "told-twice", waiting{args: []any{callID}, until: (*Env).untilExpected, then: completed}),
		wait("AwaitBriefly", "second-told", waiting{args: []any{"call-0", callID}, until: (*Env).untilExpected, then: completed}),
		wait("PlaceOne", "told", waiting{args: []any{"order-0"}}),
		wait("PlaceOne", "cancelled", waiting{args: []any{"order-8"}, until: requested, then: cancelled}),
		wait("PlaceRecorded", "stored", waiting{}),
		wait("MaskOne", "closed", waiting{}),
	}
}

// waiting is how a business workflow's wait goes.
type waiting struct {
	args   []any
	before func(context.Context, *Env) error                     // may be nil
	until  func(*Env, context.Context) error                     // it is subscribed; may be nil
	then   func(context.Context, *Env, client.WorkflowRun) error // while it waits; may be nil
	stays  bool                                                  // it is still open at the end
}

// wait returns a scenario about a business workflow of a type.
func wait(kind, path string, w waiting) Scenario {
	return Scenario{Type: kind, Path: path, Dir: waitsDir, File: fmt.Sprintf("%s-form-%d", path, waitsForm), Play: func(ctx context.Context, e *Env) (string, error) {
		if w.before != nil {
			if err := w.before(ctx, e); err != nil {
				return "", err
			}
		}
		run, err := e.Temporal().ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: "shop-1", TaskQueue: businessQueue}, kind, w.args...)
		if err != nil {
			return "", err
		}
		if w.until != nil {
			if err := w.until(e, ctx); err != nil {
				return "", err
			}
			if err := e.untilResting(ctx, run.GetID()); err != nil {
				return "", err
			}
		}
		if w.then != nil {
			if err := w.then(ctx, e, run); err != nil {
				return "", err
			}
		}
		if w.stays {
			return run.GetID(), nil
		}
		return run.GetID(), e.UntilClosed(ctx, run.GetID())
	}}
}

// untilResting waits until a workflow has no task and none of its activities is being tried.
func (e *Env) untilResting(ctx context.Context, id string) error {
	return e.Until(ctx, id+" rests", func() (bool, error) {
		d, err := e.Temporal().DescribeWorkflowExecution(ctx, id, "")
		if err != nil || d.GetPendingWorkflowTask() != nil {
			return false, err
		}
		for _, a := range d.GetPendingActivities() {
			if a.GetAttempt() < 2 {
				return false, nil
			}
		}
		return true, nil
	})
}
