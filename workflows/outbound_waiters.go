package workflows

import (
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/outbound"
)

// waiters holds the business workflows that wait for the outcome of a request. Each is told once.
type waiters struct {
	subscribe, unsubscribe contract.Received[calls.Subscription]

	waiting []calls.Subscription
	own     bool // waiters placed the request: the last one to leave may withdraw it
}

func newWaiters(ctx workflow.Context, in contract.OutboundCallInput) waiters {
	return waiters{
		subscribe: contract.SignalSubscribe.Receive(ctx), unsubscribe: contract.SignalUnsubscribe.Receive(ctx),
		waiting: slices.Clone(in.Waiters), own: len(in.Waiters) > 0 && in.Request.Notify == nil,
	}
}

func (w *waiters) pending() int { return w.subscribe.Len() + w.unsubscribe.Len() }

// drain reads the signals of waiters that come and leave. It reports whether the last waiter has withdrawn the request. It
// never yields.
func (w *waiters) drain() (takenBack bool) {
	for s := range w.subscribe.Drain() {
		if s.WorkflowID != "" && !calls.OwnWorkflowID(s.WorkflowID) && len(s.WorkflowID) <= maxWorkflowID && !slices.Contains(w.waiting, s) {
			w.waiting = append(w.waiting, s)
		}
	}
	for s := range w.unsubscribe.Drain() {
		w.waiting = slices.DeleteFunc(w.waiting, func(o calls.Subscription) bool {
			return o.WorkflowID == s.WorkflowID && o.Waiter == s.Waiter
		})
		takenBack = takenBack || s.Withdraw
	}
	return takenBack && w.own && len(w.waiting) == 0
}

// tellWaiters tells the outcome, once there is one, to all waiters.
func (o *outboundCall) tellWaiters() {
	outcome := o.machine.Outcome()
	if outcome == nil || len(o.waiters.waiting) == 0 {
		return
	}
	told := o.waiters.waiting
	o.waiters.waiting = nil
	for _, s := range told {
		o.tellOutcome(s.WorkflowID, *outcome)
	}
}

// tellOutcome signals the outcome to a workflow.
func (o *outboundCall) tellOutcome(workflowID string, outcome calls.OutboundOutcome) {
	o.spawn("tell", o.ctx, func(ctx workflow.Context) outbound.Event {
		sent := tell(ctx, o.edition, workflowID, contract.SignalOutboundOutcome(outcome.ReferenceID), outcome)
		return outbound.Told{Notified: sent.record(ctx, nil, outcome.Revision)[0]}
	})
}
