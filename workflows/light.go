package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/internal/contract"
)

// light is an activity that only talks to Temporal and may be repeated. It runs within the workflow task, which costs one
// event; on a queue it would cost three, and the next workflow task three more.
type light[In, Out any] struct {
	activity contract.Activity[In, Out]
	in       In
	first    contract.Result[Out]
}

// beginLight starts a light activity. It times out before the workflow task would need a heartbeat.
func beginLight[In, Out any](ctx workflow.Context, a contract.Activity[In, Out], in In) light[In, Out] {
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		StartToCloseTimeout:    3 * time.Second,
		ScheduleToCloseTimeout: 6 * time.Second,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: 100 * time.Millisecond, MaximumAttempts: 2},
	})
	return light[In, Out]{a, in, a.StartLocally(ctx, in)}
}

// get waits for the result. If the activity failed, get runs it again on its queue with ctx's options, so that nothing is
// lost while Temporal is unavailable for a moment.
func (l light[In, Out]) get(ctx workflow.Context) (Out, error) {
	out, err := l.first.Get(ctx)
	if err == nil || temporal.IsCanceledError(err) || final(err) {
		return out, err
	}
	return l.activity.Do(ctx, l.in)
}

// final reports whether an activity itself declared its error non-retryable.
func final(err error) bool {
	failed, ok := errors.AsType[*temporal.ApplicationError](err)
	return ok && failed.NonRetryable()
}

// doLight runs an activity that only talks to Temporal and may be repeated. ctx has its options in case it must run on its
// queue.
func doLight[In, Out any](ctx workflow.Context, e edition, a contract.Activity[In, Out], in In) (Out, error) {
	if e < 1 {
		return a.Do(ctx, in)
	}
	return beginLight(ctx, a, in).get(ctx)
}
