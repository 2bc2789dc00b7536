// Package contract defines in code how aftercall's workflows are started, signalled and queried: it binds the name of each
// workflow, signal, query, update and activity to the types of its payload, so that the compiler checks both ends of a
// message. Names and JSON are in the histories of running workflows: neither may change, and a payload may only gain
// optional fields.
//
// It builds on package calls, which is the part that business workflows read.
package contract

import (
	"context"
	"iter"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
)

// Task queues.
const (
	TaskQueue           = "aftercall"            // workflows and light activities
	TaskQueueCalls      = calls.TaskQueueCalls   // activities that business workflows use
	TaskQueueDial       = "aftercall-dial"       // placing calls, rate-limited for the whole fleet
	TaskQueueLookup     = "aftercall-lookup"     // the provider's call log, rate-limited for the whole fleet
	TaskQueueRecordings = "aftercall-recordings" // downloads
)

// TaskQueues are those that our workers poll. A server that we configure has one partition of each: then a rate limit is
// that of the whole queue, and no task waits in a partition that nobody polls.
func TaskQueues() []string {
	return []string{TaskQueue, TaskQueueCalls, TaskQueueDial, TaskQueueLookup, TaskQueueNexus, TaskQueueRecordings}
}

// None stands for an empty payload or result.
type None struct{}

// isNone reports whether a type is None.
func isNone[T any]() bool {
	_, none := any(*new(T)).(None)
	return none
}

// Workflow is a type of workflow on TaskQueue, or TaskQueueNexus, started with an In and returning an Out.
type Workflow[In, Out any] struct{ Name string }

// WorkflowTypes returns the names of all our workflows that may hold a number: all but NexusTypes.
func WorkflowTypes() []string {
	return []string{WorkflowCall.Name, WorkflowOutboundCall.Name, WorkflowOpenMaskingSession.Name, WorkflowMaskingSession.Name, WorkflowRecording.Name, WorkflowCallback.Name}
}

// Register registers the function under the name in the histories: renaming the function changes nothing.
func (w Workflow[In, Out]) Register(r worker.WorkflowRegistry, f func(workflow.Context, In) (Out, error)) {
	r.RegisterWorkflowWithOptions(f, workflow.RegisterOptions{Name: w.Name})
}

// ContinueAsNew returns the error that ends a run and continues it with another.
func (w Workflow[In, Out]) ContinueAsNew(ctx workflow.Context, in In) error {
	return workflow.NewContinueAsNewError(ctx, w.Name, in)
}

// Signal is a signal that carries a T.
type Signal[T any] struct{ Name string }

// Send signals a workflow, ours or another's; package temporalclient decides what is encrypted.
func (s Signal[T]) Send(ctx workflow.Context, workflowID string, payload T) workflow.Future {
	return workflow.SignalExternalWorkflow(ctx, workflowID, "", s.Name, payload)
}

// Receive returns the channel of the signal.
func (s Signal[T]) Receive(ctx workflow.Context) Received[T] {
	return Received[T]{workflow.GetSignalChannel(ctx, s.Name)}
}

// Received holds the signals of one name that have arrived and are not read yet.
type Received[T any] struct{ channel workflow.ReceiveChannel }

// Len returns how many there are.
func (r Received[T]) Len() int { return r.channel.Len() }

// Drain reads all there are. It never yields to another coroutine. The SDK logs and drops a payload that it cannot
// decode.
func (r Received[T]) Drain() iter.Seq[T] {
	return func(yield func(T) bool) {
		for {
			var v T // a fresh one: decoding keeps fields that the payload does not name
			if !r.channel.ReceiveAsync(&v) || !yield(v) {
				return
			}
		}
	}
}

// Query is a query that is answered with a T.
type Query[T any] struct{ Name string }

// Answer answers the query.
func (q Query[T]) Answer(ctx workflow.Context, f func() T) error {
	return workflow.SetQueryHandler(ctx, q.Name, func() (T, error) { return f(), nil })
}

// Update is an update with an In that returns an Out; either may be None.
type Update[In, Out any] struct{ Name string }

// Handle sets the handler. check refuses an invalid update before it is in the history; it may be nil. The description is
// for operators.
func (u Update[In, Out]) Handle(ctx workflow.Context, description string, check func(workflow.Context, In) error, do func(workflow.Context, In) (Out, error)) error {
	o := workflow.UpdateHandlerOptions{Description: description}
	if check != nil {
		o.Validator = check
	}
	if isNone[Out]() {
		return workflow.SetUpdateHandlerWithOptions(ctx, u.Name, func(ctx workflow.Context, in In) error {
			_, err := do(ctx, in)
			return err
		}, o)
	}
	return workflow.SetUpdateHandlerWithOptions(ctx, u.Name, do, o)
}

// Arguments returns the arguments of the update.
func (u Update[In, Out]) Arguments(in In) []any {
	if isNone[In]() {
		return nil
	}
	return []any{in}
}

// Activity is an activity on a task queue, with an In and an Out, which may be None.
type Activity[In, Out any] struct{ Name, Queue string }

// Do runs the activity and waits for its result. ctx has its options, except the task queue.
func (a Activity[In, Out]) Do(ctx workflow.Context, in In) (Out, error) {
	return a.Start(ctx, in).Get(ctx)
}

// Start starts the activity. ctx has its options, except the task queue.
func (a Activity[In, Out]) Start(ctx workflow.Context, in In) Result[Out] {
	return Result[Out]{workflow.ExecuteActivity(workflow.WithTaskQueue(ctx, a.Queue), a.Name, in)}
}

// StartLocally starts the activity within the workflow task, on the same worker. ctx has its options.
func (a Activity[In, Out]) StartLocally(ctx workflow.Context, in In) Result[Out] {
	return Result[Out]{workflow.ExecuteLocalActivity(ctx, a.Name, in)}
}

// Register registers the activity's function.
func (a Activity[In, Out]) Register(r worker.ActivityRegistry, do func(context.Context, In) (Out, error)) {
	r.RegisterActivityWithOptions(do, activity.RegisterOptions{Name: a.Name})
}

// RegisterNone registers the function of an activity that returns nothing.
func RegisterNone[In any](r worker.ActivityRegistry, a Activity[In, None], do func(context.Context, In) error) {
	r.RegisterActivityWithOptions(do, activity.RegisterOptions{Name: a.Name})
}

// Result is the future result of an activity.
type Result[T any] struct{ workflow.Future }

// Get waits for the result.
func (r Result[T]) Get(ctx workflow.Context) (T, error) {
	var v T
	if isNone[T]() {
		return v, r.Future.Get(ctx, nil)
	}
	err := r.Future.Get(ctx, &v)
	return v, err
}
