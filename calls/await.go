package calls

import (
	"crypto/rand"
	"strings"
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// Activities on TaskQueueCalls that Await and Place run. Business workers register nothing.
const (
	ActivitySubscribe = "Subscribe"
	ActivityPlace     = "Place"
)

// Types of the errors that Await and Place return (temporal.ApplicationError).
const (
	ErrTypeAwaitTimeout   = "AWAIT_TIMEOUT"   // no outcome in time
	ErrTypeInvalidRequest = "INVALID_REQUEST" // the request breaks a rule, which the message names
	ErrTypeConflict       = "CONFLICT"        // another request was made under the same referenceId
	ErrTypeCallLost       = "CALL_LOST"       // the call's workflow failed, or was terminated: there is no outcome
)

// DefaultAwaitTimeout is how long Await and Place wait when not told otherwise.
const DefaultAwaitTimeout = 24 * time.Hour

// SubscribeRequest is the argument of activity Subscribe.
type SubscribeRequest struct {
	CallID     string `json:"callId"` // raw, or its call key
	WorkflowID string `json:"workflowId"`
	Waiter     string `json:"waiter"`
}

// SubscribeResult is what activity Subscribe returns: the outcome, where the call is closed already; else nothing, and
// a signal will come.
type SubscribeResult struct {
	Outcome *Outcome `json:"outcome,omitempty"`
}

// PlaceResult is what activity Place returns: the outcome, where the request has ended already; else nothing, and a
// signal will come.
type PlaceResult struct {
	Outcome *OutboundOutcome `json:"outcome,omitempty"`
}

// Option changes how Await and Place wait.
type Option func(*options)

type options struct{ timeout time.Duration }

// Within sets how long to wait.
func Within(d time.Duration) Option { return func(o *options) { o.timeout = d } }

// Await waits in a business workflow for the outcome of a call, which may be long over, under way, or not heard of
// yet. callID is the provider's callId (for old notifications without one: their callSid), or its call key. It returns
// the first outcome told, once; a later revision comes as a further signal SignalCallOutcome, which a workflow that
// cares reads itself.
//
// Errors: a temporal.ApplicationError of type ErrTypeAwaitTimeout when no outcome came in time (DefaultAwaitTimeout,
// or Within); the context's error when the workflow is cancelled.
func Await(ctx workflow.Context, callID string, opts ...Option) (Outcome, error) {
	o := apply(opts)
	deadline := workflow.Now(ctx).Add(o.timeout)
	req := SubscribeRequest{CallID: callID, WorkflowID: workflow.GetInfo(ctx).WorkflowExecution.ID, Waiter: waiter(ctx)}
	var res SubscribeResult
	if err := workflow.ExecuteActivity(activityContext(ctx, o.timeout), ActivitySubscribe, req).Get(ctx, &res); err != nil {
		return Outcome{}, orTimeout(err, "call "+Key(callID))
	}
	if res.Outcome != nil {
		return *res.Outcome, nil
	}
	return receive[Outcome](ctx, SignalCallOutcome(Key(callID)), deadline)
}

// Place asks aftercall for an outbound call and waits for the outcome of the request over all its attempts. A request
// without ReferenceID gets one from the workflow's run and is thereby made once; the same ReferenceID again waits for
// the same request. The calling workflow is the one that is told, whatever Notify says.
//
// Errors: a temporal.ApplicationError of type ErrTypeInvalidRequest or ErrTypeConflict, not to be retried, or
// ErrTypeAwaitTimeout when no outcome came in time, which does not stop the call.
func Place(ctx workflow.Context, req OutboundCallRequest, opts ...Option) (OutboundOutcome, error) {
	o := apply(opts)
	deadline := workflow.Now(ctx).Add(o.timeout)
	if req.ReferenceID == "" {
		req.ReferenceID = "place-" + waiter(ctx)
	}
	req.Notify = &Notify{WorkflowID: workflow.GetInfo(ctx).WorkflowExecution.ID}
	var res PlaceResult
	if err := workflow.ExecuteActivity(activityContext(ctx, o.timeout), ActivityPlace, req).Get(ctx, &res); err != nil {
		return OutboundOutcome{}, orTimeout(err, "outbound call "+req.ReferenceID)
	}
	if res.Outcome != nil {
		return *res.Outcome, nil
	}
	return receive[OutboundOutcome](ctx, SignalOutboundOutcome(req.ReferenceID), deadline)
}

func apply(opts []Option) options {
	o := options{timeout: DefaultAwaitTimeout}
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

// waiter names this wait, and stays the same on replay: two waits of one workflow differ, so that each is told.
func waiter(ctx workflow.Context) string {
	var id string
	_ = workflow.SideEffect(ctx, func(workflow.Context) any { return strings.ToLower(rand.Text()) }).Get(&id)
	return id
}

// activityContext sends an activity to aftercall's workers in clear, whatever codec the business worker has. It is
// retried for as long as the wait lasts: aftercall may be away for a while.
func activityContext(ctx workflow.Context, timeout time.Duration) workflow.Context {
	ctx = workflow.WithDataConverter(ctx, converter.GetDefaultDataConverter())
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              TaskQueueCalls,
		ScheduleToCloseTimeout: timeout,
		StartToCloseTimeout:    20 * time.Second,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: time.Second, MaximumInterval: time.Minute},
	})
}

func orTimeout(err error, what string) error {
	if temporal.IsTimeoutError(err) {
		return temporal.NewNonRetryableApplicationError("no outcome in time: "+what, ErrTypeAwaitTimeout, err)
	}
	return err
}

// receive waits for a signal until the deadline. It never uses ReceiveWithTimeout, which panics on a payload that it
// cannot decode; such a payload is dropped by the SDK and the wait goes on.
func receive[T any](ctx workflow.Context, signal string, deadline time.Time) (T, error) {
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
