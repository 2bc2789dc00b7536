package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

// RegisterNexus registers the workflows that answer operations of the Nexus service. Each waits like a business workflow
// with package calls. They hold no number, and are in clear.
func RegisterNexus(r worker.WorkflowRegistry) {
	contract.NexusPlaceCall.Register(r, placeCallOperation)
	contract.NexusAwaitOutcome.Register(r, awaitOutcomeOperation)
	contract.NexusAwaitRecording.Register(r, awaitRecordingOperation)
	contract.NexusAwaitMaskingSession.Register(r, awaitMaskingSessionOperation)
	contract.NexusOpenMaskingSession.Register(r, openMaskingSessionOperation)
	contract.NexusCloseMaskingSession.Register(r, closeMaskingSessionOperation)
}

// operation is the wait of a workflow for the result of an operation.
type operation[T any] struct {
	what   string
	signal contract.Signal[T]
	// ask returns the result if it is known, or subscribes. It may be asked again at waitUntil.
	ask   func(ctx workflow.Context, again bool) (known *T, waitUntil *time.Time, err error)
	leave func(ctx workflow.Context)
	ends  func(T) bool // nil: every signal is an answer
}

// wait asks, waits for the signal, and asks again, until there is an answer or the caller's time is over. If it ends
// without an answer, it unsubscribes.
func (o operation[T]) wait(ctx workflow.Context, in contract.OperationInput) (answer T, err error) {
	if in.Refused != nil {
		return answer, temporal.NewNonRetryableApplicationError(in.Refused.Message, in.Refused.Type, nil)
	}
	workflow.SetCurrentDetails(ctx, "Waits for "+o.what+".\n")
	var deadline time.Time
	if in.Within > 0 {
		deadline = workflow.Now(ctx).Add(in.Within)
	}
	answer, got, err := o.rounds(ctx, deadline)
	if !got {
		disconnected, cancel := workflow.NewDisconnectedContext(ctx)
		defer cancel()
		o.leave(disconnected)
	}
	return answer, anew(err)
}

func (o operation[T]) rounds(ctx workflow.Context, deadline time.Time) (answer T, got bool, err error) {
	arrived := o.signal.Receive(ctx)
	for again := false; ; again = true {
		known, waitUntil, err := o.ask(ctx, again)
		if err != nil {
			return answer, false, err
		}
		if known != nil {
			return *known, true, nil
		}
		_, err = workflow.AwaitWithTimeout(ctx, o.round(ctx, waitUntil, deadline), func() bool {
			for v := range arrived.Drain() {
				if o.ends == nil || o.ends(v) {
					answer, got = v, true
				}
			}
			return got
		})
		switch {
		case got:
			return answer, true, nil
		case err != nil:
			return answer, false, err
		case !deadline.IsZero() && !workflow.Now(ctx).Before(deadline):
			return answer, false, temporal.NewNonRetryableApplicationError("nothing came in time of "+o.what, calls.ErrTypeAwaitTimeout, nil)
		}
	}
}

// round returns how long to wait before asking again.
func (o operation[T]) round(ctx workflow.Context, waitUntil *time.Time, deadline time.Time) time.Duration {
	now, round := workflow.Now(ctx), calls.DefaultAwaitTimeout
	if waitUntil != nil {
		round = max(waitUntil.Sub(now), time.Second)
	}
	if !deadline.IsZero() {
		round = min(round, deadline.Sub(now))
	}
	return max(round, 0)
}

// anew turns the error of an activity into one of the operation. A cancellation stays one.
func anew(err error) error {
	if refused, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return temporal.NewNonRetryableApplicationError(refused.Message(), refused.Type(), nil)
	}
	return err
}

// operationWaiter returns the subscription of a workflow that answers an operation.
func operationWaiter(ctx workflow.Context) calls.Subscription {
	return contract.OperationWaiter(workflow.GetInfo(ctx).WorkflowExecution.ID)
}

func placeCallOperation(ctx workflow.Context, in contract.OperationInput) (calls.OutboundOutcome, error) {
	what, waiter := "the outcome of request "+in.Of, operationWaiter(ctx)
	return operation[calls.OutboundOutcome]{
		what: what, signal: contract.SignalOutboundOutcome(in.Of),
		ask: func(ctx workflow.Context, again bool) (*calls.OutboundOutcome, *time.Time, error) {
			join := contract.JoinRequest{ReferenceID: in.Of} // the waiter has been waiting since the request was made
			if again {
				join.Waiter = &waiter
			}
			res, err := askLight(ctx, what, contract.ActivityJoinRequest, join)
			return res.Outcome, res.WaitUntil, err
		},
		leave: func(left workflow.Context) {
			waiter.Withdraw = ctx.Err() != nil
			tell(left, 1, calls.OutboundCallWorkflowID(in.Of), contract.SignalUnsubscribe, waiter).result(left)
		},
	}.wait(ctx, in)
}

func awaitOutcomeOperation(ctx workflow.Context, in contract.OperationInput) (calls.Outcome, error) {
	what, req := "the outcome of call "+in.Of, subscribeRequest(ctx, in.Of)
	return operation[calls.Outcome]{
		what: what, signal: contract.SignalCallOutcome(in.Of),
		ask: func(ctx workflow.Context, _ bool) (*calls.Outcome, *time.Time, error) {
			res, err := askLight(ctx, what, contract.ActivitySubscribe, req)
			return res.Outcome, res.WaitUntil, err
		},
		leave: func(ctx workflow.Context) { _, _ = askLight(ctx, what, contract.ActivityUnsubscribe, req) },
	}.wait(ctx, in)
}

func awaitRecordingOperation(ctx workflow.Context, in contract.OperationInput) (calls.Recording, error) {
	what, req := "the recording of call "+in.Of, subscribeRequest(ctx, in.Of)
	return operation[calls.Recording]{
		what: what, signal: contract.SignalRecording(in.Of),
		ask: func(ctx workflow.Context, _ bool) (*calls.Recording, *time.Time, error) {
			res, err := askLight(ctx, what, contract.ActivitySubscribeRecording, req)
			if err == nil && res.NoRecording {
				err = temporal.NewNonRetryableApplicationError("nothing was recorded of call "+in.Of, calls.ErrTypeNoRecording, nil)
			}
			return res.Recording, res.WaitUntil, err
		},
		leave: func(ctx workflow.Context) { _, _ = askLight(ctx, what, contract.ActivityUnsubscribe, req) },
		ends:  func(r calls.Recording) bool { return r.Status != calls.RecordingPending },
	}.wait(ctx, in)
}

func subscribeRequest(ctx workflow.Context, callKey string) calls.SubscribeRequest {
	w := operationWaiter(ctx)
	return calls.SubscribeRequest{CallID: callKey, WorkflowID: w.WorkflowID, Waiter: w.Waiter, Once: true}
}

func awaitMaskingSessionOperation(ctx workflow.Context, in contract.OperationInput) (calls.MaskingSummary, error) {
	what, w := "the end of masking session "+in.Of, operationWaiter(ctx)
	req := calls.SubscribeMaskRequest{MaskID: in.Of, WorkflowID: w.WorkflowID, Waiter: w.Waiter}
	return operation[calls.MaskingSummary]{
		what: what, signal: contract.SignalMaskingClosed(in.Of),
		ask: func(ctx workflow.Context, _ bool) (*calls.MaskingSummary, *time.Time, error) {
			res, err := askLight(ctx, what, contract.ActivitySubscribeMask, req)
			return res.Summary, res.WaitUntil, err
		},
		leave: func(ctx workflow.Context) { _, _ = askLight(ctx, what, contract.ActivityUnsubscribeMask, req) },
	}.wait(ctx, in)
}

func openMaskingSessionOperation(ctx workflow.Context, in contract.OperationInput) (calls.Mask, error) {
	return doOperation(ctx, in, "masking session "+in.Of, contract.ActivityOpenedMask, contract.OpenedMaskRequest{ReferenceID: in.Of})
}

func closeMaskingSessionOperation(ctx workflow.Context, in contract.OperationInput) (contract.None, error) {
	return doOperation(ctx, in, "closing of mask "+in.Of, contract.ActivityEndMask, calls.CloseMaskRequest{MaskID: in.Of})
}

// doOperation answers an operation by one activity, which may wait for the provider.
func doOperation[In, Out any](ctx workflow.Context, in contract.OperationInput, what string, a contract.Activity[In, Out], ask In) (out Out, err error) {
	if in.Refused != nil {
		return out, temporal.NewNonRetryableApplicationError(in.Refused.Message, in.Refused.Type, nil)
	}
	out, err = a.Do(persistent(ctx, what, toTemporal, in.Within), ask)
	if _, late := errors.AsType[*temporal.TimeoutError](err); late {
		err = temporal.NewNonRetryableApplicationError("nothing came in time of "+what, calls.ErrTypeAwaitTimeout, nil)
	}
	return out, anew(err)
}

// askLight runs an activity that only talks to Temporal.
func askLight[In, Out any](ctx workflow.Context, what string, a contract.Activity[In, Out], in In) (Out, error) {
	return beginLight(ctx, a, in).get(lightActivity(ctx, what))
}
