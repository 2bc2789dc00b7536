package workflows

import (
	"errors"

	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/outbound"
)

// handleMessages sets the query and the update handlers. The workflow answers all waiters before it ends, since it does not
// end without an outcome.
func (o *outboundCall) handleMessages() error {
	return errors.Join(
		contract.QueryOutboundCall.Answer(o.ctx, o.state),
		contract.UpdateAwaitOutboundOutcome.Handle(o.ctx, "", nil, o.awaitOutcome),
		contract.UpdateRetryNow.Handle(o.ctx, "One more attempt, now. With force also where it is not known how the last one ended.",
			o.checkRetryNow, o.retryNow),
		contract.UpdateStopRetrying.Handle(o.ctx, "No further attempts. A call that was placed is waited for. May be repeated.",
			nil, o.stopRetrying),
	)
}

// awaitOutcome returns the outcome once there is one, even while the workflow is being cancelled.
func (o *outboundCall) awaitOutcome(ctx workflow.Context, _ contract.None) (calls.OutboundOutcome, error) {
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	if err := workflow.Await(ctx, func() bool { return o.machine.Outcome() != nil }); err != nil {
		return calls.OutboundOutcome{}, err
	}
	return *o.machine.Outcome(), nil
}

func (o *outboundCall) checkRetryNow(_ workflow.Context, r contract.RetryNow) error {
	return o.machine.CheckRetry(workflow.Now(o.ctx), r)
}

func (o *outboundCall) retryNow(ctx workflow.Context, r contract.RetryNow) (calls.OutboundCallState, error) {
	if err := o.checkRetryNow(ctx, r); err != nil { // the state may have changed since the validator ran
		return o.state(), err
	}
	o.happened(outbound.RetryAsked{RetryNow: r})
	return o.state(), nil
}

func (o *outboundCall) stopRetrying(_ workflow.Context, s contract.StopRetrying) (calls.OutboundCallState, error) {
	o.happened(outbound.Stopped{Reason: s.Reason})
	return o.state(), nil
}
