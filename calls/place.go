package calls

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// PlaceRequest is the argument of activity Place: a request, its waiter, and the time of the call of Place.
type PlaceRequest struct {
	OutboundCallRequest
	Waiter  *Subscription `json:"waiter,omitempty"`  // not part of the request: several may wait for the same one
	AskedAt *time.Time    `json:"askedAt,omitempty"` // the time from which a Deadline without a date counts
	Stay    int           `json:"stay,omitempty"`    // as in SubscribeRequest
}

// PlaceResult is the result of activity Place: the outcome if the request has already ended, else nothing, and a signal
// follows.
type PlaceResult struct {
	Outcome   *OutboundOutcome `json:"outcome,omitempty"`
	WaitUntil *time.Time       `json:"waitUntil,omitempty"` // by then the request has an outcome, unless new events arrive
}

// Place requests an outbound call of aftercall and waits for the outcome, over all attempts. A request without ReferenceID
// gets one from the workflow's run, and so is made once. Any further Place with the same ReferenceID, from any workflow,
// waits for the same request. A Deadline that is a duration counts from this call of Place.
//
// Cancelling ctx withdraws the request, unless others wait for it or a Notify names a workflow: a waiting attempt is not
// dialled, and no further attempt is made. A call under way continues. LeaveRunning turns this off.
//
// The request, with its phone numbers, texts and codes, is in clear in the calling workflow's history, whatever codec its
// worker has. The outcome holds none of them.
//
// Errors: a temporal.ApplicationError of type ErrTypeInvalidRequest or ErrTypeConflict; ErrTypeNotTaken when aftercall did
// not accept the request in time, so certainly nobody was dialled; ErrTypeAwaitTimeout when no outcome arrived in time (see
// Within; the default wait is longer than any request), which does not stop the request; the context's error when it is
// cancelled.
func Place(ctx workflow.Context, req OutboundCallRequest, opts ...Option) (OutboundOutcome, error) {
	if beganFirst(ctx) {
		return placeFirst(ctx, req, apply(opts))
	}
	w := newWait(ctx, "outbound call "+req.ReferenceID, opts)
	if req.ReferenceID == "" {
		req.ReferenceID = "place-" + w.subscriber.Waiter
		w.what += req.ReferenceID
	}
	if req.Notify == nil { // for an aftercall that knows no waiters yet
		req.Notify = &Notify{WorkflowID: w.subscriber.WorkflowID}
	}
	askedAt := workflow.Now(ctx).UTC()
	in := PlaceRequest{OutboundCallRequest: req, Waiter: &w.subscriber, AskedAt: &askedAt}
	outcome, err := await(w, SignalOutboundOutcome(req.ReferenceID), func() (answer[OutboundOutcome], error) {
		var res PlaceResult
		in.Stay = w.stay()
		err := w.ask(ActivityPlace, in, &res)
		return answer[OutboundOutcome]{res.Outcome, SignalOutboundOutcome(req.ReferenceID), res.WaitUntil}, err
	}, func(o OutboundOutcome) int { return o.Revision })
	if w.subscribed {
		w.leaveRequest(req.ReferenceID)
	}
	return outcome, err
}

// leaveRequest unsubscribes from a request, and so withdraws it for a cancelled wait. It returns once Temporal has accepted
// the signal, which then takes effect even if aftercall is down. It ignores a request that never began.
func (w *wait) leaveRequest(referenceID string) {
	ctx, cancel := workflow.NewDisconnectedContext(inClear(w.ctx))
	defer cancel()
	leaving := w.subscriber
	leaving.Withdraw = w.ctx.Err() != nil && !w.leaveRunning
	err := workflow.SignalExternalWorkflow(ctx, OutboundCallWorkflowID(referenceID), "", SignalUnsubscribe, leaving).Get(ctx, nil)
	if err != nil && !unknownWorkflow(err) {
		workflow.GetLogger(ctx).Warn("the request was not withdrawn", "referenceId", referenceID, "error", err)
	}
}

// StopRequest is the payload of signal SignalStop.
type StopRequest struct {
	Reason string `json:"reason"`
}

// Stop ends the request of a referenceId for all waiters: a waiting attempt is not dialled, and no further attempt is made.
// A call under way continues, and its outcome is still told. Stop returns once Temporal has accepted the signal, which then
// takes effect.
//
// Errors: a temporal.ApplicationError of type ErrTypeNotFound when no such request runs; the context's error when it is
// cancelled.
func Stop(ctx workflow.Context, referenceID string) error {
	why := StopRequest{Reason: "stopped by workflow " + workflow.GetInfo(ctx).WorkflowExecution.ID}
	err := workflow.SignalExternalWorkflow(inClear(ctx), OutboundCallWorkflowID(referenceID), "", SignalStop, why).Get(ctx, nil)
	if unknownWorkflow(err) {
		return temporal.NewNonRetryableApplicationError("no request runs under "+referenceID, ErrTypeNotFound, err)
	}
	return err
}

// unknownWorkflow reports whether a signalled workflow is closed or never existed.
func unknownWorkflow(err error) bool {
	_, unknown := errors.AsType[*temporal.UnknownExternalWorkflowExecutionError](err)
	return unknown
}
