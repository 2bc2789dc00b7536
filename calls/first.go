package calls

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// The waits of business workflows that began to wait before changeWaits (November 2026): they receive one signal and do not
// unsubscribe. Remove them once no such workflow runs any more.

func awaitFirst(ctx workflow.Context, callID string, w *wait) (Outcome, error) {
	deadline := workflow.Now(ctx).Add(w.first())
	req := SubscribeRequest{CallID: callID, WorkflowID: w.subscriber.WorkflowID, Waiter: w.subscriber.Waiter}
	var res SubscribeResult
	if err := workflow.ExecuteActivity(firstActivity(ctx, w.first()), ActivitySubscribe, req).Get(ctx, &res); err != nil {
		return Outcome{}, firstTimeout(err, "call "+Key(callID))
	}
	if res.Outcome != nil {
		return *res.Outcome, nil
	}
	return firstSignal[Outcome](ctx, SignalCallOutcome(Key(callID)), deadline)
}

func placeFirst(ctx workflow.Context, req OutboundCallRequest, o options) (OutboundOutcome, error) {
	deadline := workflow.Now(ctx).Add(o.first())
	if req.ReferenceID == "" {
		req.ReferenceID = "place-" + waiter(ctx)
	}
	req.Notify = &Notify{WorkflowID: workflow.GetInfo(ctx).WorkflowExecution.ID}
	var res PlaceResult
	if err := workflow.ExecuteActivity(firstActivity(ctx, o.first()), ActivityPlace, req).Get(ctx, &res); err != nil {
		return OutboundOutcome{}, firstTimeout(err, "outbound call "+req.ReferenceID)
	}
	if res.Outcome != nil {
		return *res.Outcome, nil
	}
	return firstSignal[OutboundOutcome](ctx, SignalOutboundOutcome(req.ReferenceID), deadline)
}

func (o options) first() time.Duration {
	if o.within > 0 {
		return o.within
	}
	return DefaultAwaitTimeout
}

func firstActivity(ctx workflow.Context, timeout time.Duration) workflow.Context {
	return workflow.WithActivityOptions(inClear(ctx), workflow.ActivityOptions{
		TaskQueue:              TaskQueueCalls,
		ScheduleToCloseTimeout: timeout,
		StartToCloseTimeout:    tryTime,
		RetryPolicy:            retries(),
	})
}

func firstTimeout(err error, what string) error {
	if temporal.IsTimeoutError(err) {
		return temporal.NewNonRetryableApplicationError("no outcome in time: "+what, ErrTypeAwaitTimeout, err)
	}
	return err
}

func firstSignal[T any](ctx workflow.Context, signal string, deadline time.Time) (T, error) {
	var out T
	timerCtx, cancel := workflow.WithCancel(ctx)
	defer cancel()
	expired := false
	if left := deadline.Sub(workflow.Now(ctx)); left > 0 {
		workflow.GoNamed(timerCtx, "await-deadline", func(ctx workflow.Context) {
			expired = workflow.Sleep(ctx, left) == nil
		})
	} else {
		expired = true
	}
	ch := workflow.GetSignalChannel(ctx, signal)
	got := false
	err := workflow.Await(ctx, func() bool {
		var v T
		if !got && ch.ReceiveAsync(&v) {
			out, got = v, true
		}
		return got || expired
	})
	switch {
	case got:
		return out, nil
	case err != nil:
		return out, err
	default:
		return out, temporal.NewNonRetryableApplicationError("no outcome in time: "+signal, ErrTypeAwaitTimeout, nil)
	}
}
