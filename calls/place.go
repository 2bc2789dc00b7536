package calls

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// PlaceRequest is the argument of activity Place: a request, who waits for its outcome, and since when.
type PlaceRequest struct {
	OutboundCallRequest
	Waiter  *Subscription `json:"waiter,omitempty"`  // no part of the request: any number may wait for the same one
	AskedAt *time.Time    `json:"askedAt,omitempty"` // what a Deadline without a date counts from
}

// PlaceResult is what activity Place returns: the outcome, where the request has ended already; else nothing, and a
// signal will come.
type PlaceResult struct {
	Outcome   *OutboundOutcome `json:"outcome,omitempty"`
	WaitUntil *time.Time       `json:"waitUntil,omitempty"` // by then the request has an outcome, unless more is heard of it
}

// Place asks aftercall for an outbound call and waits for the outcome of the request over all its attempts. A request
// without ReferenceID gets one from the workflow's run and is thereby made once. The same ReferenceID again, from any
// workflow and any number of times, waits for the same request. A Deadline that is a duration counts from this call of
// Place.
//
// Cancelling ctx takes the request back when nobody else waits for it or is named in a Notify: what was not dialled yet
// is not dialled, and no further attempt is made. A call under way goes on. LeaveRunning turns that off.
//
// The request, with its phone numbers, texts and codes, stands in clear in the calling workflow's history, whatever
// codec its worker has; the outcome carries none of them.
//
// Errors: a temporal.ApplicationError of type ErrTypeInvalidRequest or ErrTypeConflict; ErrTypeNotTaken when aftercall
// did not take the request in time, so that surely nobody was dialled; ErrTypeAwaitTimeout when no outcome came in time
// (see Within; by default the wait outlives every outcome), which does not stop the request; the context's error when it
// is cancelled.
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
	outcome, err := await(w, func() (answer[OutboundOutcome], error) {
		var res PlaceResult
		err := w.ask(ActivityPlace, in, &res)
		return answer[OutboundOutcome]{res.Outcome, SignalOutboundOutcome(req.ReferenceID), res.WaitUntil}, err
	}, func(o OutboundOutcome) int { return o.Revision })
	if w.subscribed {
		w.leaveRequest(req.ReferenceID)
	}
	return outcome, err
}

// leaveRequest leaves a request, which a cancelled wait takes back thereby. It returns when Temporal has taken that:
// from then on it holds, whether aftercall is there or not. A request that never began is not found, which is as well.
func (w *wait) leaveRequest(referenceID string) {
	ctx, cancel := workflow.NewDisconnectedContext(inClear(w.ctx))
	defer cancel()
	leaving := w.subscriber
	leaving.Withdraw = w.ctx.Err() != nil && !w.leaveRunning
	err := workflow.SignalExternalWorkflow(ctx, OutboundCallWorkflowID(referenceID), "", SignalUnsubscribe, leaving).Get(ctx, nil)
	if err != nil && !unknownWorkflow(err) {
		workflow.GetLogger(ctx).Warn("the request was not taken back", "referenceId", referenceID, "error", err)
	}
}

// StopRequest is the payload of signal SignalStop.
type StopRequest struct {
	Reason string `json:"reason"`
}

// Stop ends the request of a referenceId, whoever waits for it: what was not dialled yet is not dialled, and no further
// attempt is made. A call under way goes on, and its outcome is told as always. Stop returns when Temporal has taken
// the word; from then on it holds.
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

// unknownWorkflow reports whether a workflow that was signalled is closed or was never there.
func unknownWorkflow(err error) bool {
	_, unknown := errors.AsType[*temporal.UnknownExternalWorkflowExecutionError](err)
	return unknown
}
