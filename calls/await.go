package calls

import (
	"cmp"
	"time"

	"go.temporal.io/sdk/workflow"
)

// SubscribeRequest is the argument of activities Subscribe and Unsubscribe.
type SubscribeRequest struct {
	CallID     string `json:"callId"` // the id itself, or its call key
	WorkflowID string `json:"workflowId"`
	Waiter     string `json:"waiter"`
	Once       bool   `json:"once,omitempty"` // tell one outcome, and no later revision
	Stay       int    `json:"stay,omitempty"` // for how many seconds the activity may stay, see ErrTypeSubscribed
}

// SubscribeResult is the result of activity Subscribe: the outcome if the call is already closed, else nothing, and a
// signal follows.
type SubscribeResult struct {
	Outcome   *Outcome   `json:"outcome,omitempty"`
	CallKey   string     `json:"callKey,omitempty"`   // in the name of the signal
	WaitUntil *time.Time `json:"waitUntil,omitempty"` // by then the call has an outcome, unless new events arrive
}

// Await waits in a business workflow for the outcome of a call. The call may be over, under way or still unknown. callID is
// the provider's callId (for old notifications without one: their callSid), or its call key. Await returns the newest known
// outcome, once. It does not report later revisions; another Await returns the newest one.
//
// Errors: a temporal.ApplicationError of type ErrTypeAwaitTimeout or ErrTypeNotTaken when no outcome arrived in time (see
// Within; the default wait is longer than any call), or ErrTypeCallLost when an operator ended the call's workflow; the
// context's error when the workflow is cancelled. Every wait that ends without an outcome unsubscribes.
func Await(ctx workflow.Context, callID string, opts ...Option) (Outcome, error) {
	w := newWait(ctx, "call "+Key(callID), opts)
	if !w.stays && beganFirst(ctx) {
		return awaitFirst(ctx, callID, w)
	}
	req := SubscribeRequest{CallID: callID, WorkflowID: w.subscriber.WorkflowID, Waiter: w.subscriber.Waiter, Once: true}
	outcome, err := await(w, SignalCallOutcome(Key(callID)), func() (answer[Outcome], error) {
		var res SubscribeResult
		req.Stay = w.stay()
		err := w.ask(ActivitySubscribe, req, &res)
		return answer[Outcome]{res.Outcome, SignalCallOutcome(cmp.Or(res.CallKey, Key(callID))), res.WaitUntil}, err
	}, func(o Outcome) int { return o.Revision })
	w.leave(ActivityUnsubscribe, req)
	return outcome, err
}
