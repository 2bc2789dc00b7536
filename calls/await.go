package calls

import (
	"cmp"
	"time"

	"go.temporal.io/sdk/workflow"
)

// SubscribeRequest is the argument of activities Subscribe and Unsubscribe.
type SubscribeRequest struct {
	CallID     string `json:"callId"` // raw, or its call key
	WorkflowID string `json:"workflowId"`
	Waiter     string `json:"waiter"`
	Once       bool   `json:"once,omitempty"` // tell one outcome, and no later revision
}

// SubscribeResult is what activity Subscribe returns: the outcome, where the call is closed already; else nothing, and
// a signal will come.
type SubscribeResult struct {
	Outcome   *Outcome   `json:"outcome,omitempty"`
	CallKey   string     `json:"callKey,omitempty"`   // in the name of the signal
	WaitUntil *time.Time `json:"waitUntil,omitempty"` // by then the call has an outcome, unless more is heard of it
}

// Await waits in a business workflow for the outcome of a call, which may be long over, under way, or not heard of
// yet. callID is the provider's callId (for old notifications without one: their callSid), or its call key. Await
// returns the newest outcome that is known, once. A later revision is not told; Await again asks for it.
//
// Errors: a temporal.ApplicationError of type ErrTypeAwaitTimeout or ErrTypeNotTaken when no outcome came in time (see
// Within; by default the wait outlives every outcome), or ErrTypeCallLost when the call's workflow was ended by hand;
// the context's error when the workflow is cancelled. Every wait that ends without an outcome unsubscribes.
func Await(ctx workflow.Context, callID string, opts ...Option) (Outcome, error) {
	if beganFirst(ctx) {
		return awaitFirst(ctx, callID, apply(opts))
	}
	w := newWait(ctx, "call "+Key(callID), opts)
	req := SubscribeRequest{CallID: callID, WorkflowID: w.subscriber.WorkflowID, Waiter: w.subscriber.Waiter, Once: true}
	outcome, err := await(w, func() (answer[Outcome], error) {
		var res SubscribeResult
		err := w.ask(ActivitySubscribe, req, &res)
		return answer[Outcome]{res.Outcome, SignalCallOutcome(cmp.Or(res.CallKey, Key(callID))), res.WaitUntil}, err
	}, func(o Outcome) int { return o.Revision })
	w.leave(ActivityUnsubscribe, req)
	return outcome, err
}
