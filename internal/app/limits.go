package app

import (
	"context"
	"log/slog"

	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/temporalclient"
)

// limit is a right that Temporal may refuse, and the effect of that.
type limit struct {
	method string
	ask    func(context.Context) error
	effect string
	level  slog.Level
}

func (a *App) limits() []limit {
	w, ns := a.temporal.WorkflowService(), a.Temporal.Namespace
	return []limit{
		{"DescribeTaskQueue", func(ctx context.Context) error {
			_, err := w.DescribeTaskQueue(ctx, &workflowservice.DescribeTaskQueueRequest{
				Namespace: ns, TaskQueue: &taskqueuepb.TaskQueue{Name: contract.TaskQueue}, TaskQueueType: enumspb.TASK_QUEUE_TYPE_WORKFLOW,
			})
			return err
		}, "who works here is not known: nothing is delivered and no worker starts until it is", slog.LevelError},
		{"ListSearchAttributes", func(ctx context.Context) error {
			_, err := temporalclient.CheckAttributes(ctx, a.temporal, ns)
			return err
		}, "search attributes are taken to be there: a workflow that writes a missing one is stuck", slog.LevelWarn},
		{"DescribeNamespace", func(ctx context.Context) error {
			_, err := temporalclient.KeysFingerprint(ctx, a.temporal, ns)
			return err
		}, "no worker starts until the namespace is shown, and another aftercall with other keys is not noticed", slog.LevelError},
		{"CountWorkflowExecutions", func(ctx context.Context) error {
			_, err := a.countWorkflows(ctx, "")
			return err
		}, "lists of calls fail, aftercall_stuck_workflows and aftercall_recordings_pending are -1", slog.LevelWarn},
	}
}

// sayLimits says once what Temporal does not let us do, as soon as it answers.
func (a *App) sayLimits(ctx context.Context) {
	for _, l := range a.limits() {
		err := l.ask(ctx)
		for ; err != nil && !temporalclient.NotAllowed(err) && ctx.Err() == nil; err = l.ask(ctx) {
			pause(ctx, noteEvery)
		}
		if err != nil && ctx.Err() == nil {
			a.Log.Log(ctx, l.level, "a right is refused by Temporal", "right", l.method, "effect", l.effect, "error", err)
		}
	}
}
