package calls

import (
	"cmp"
	"time"

	"go.temporal.io/sdk/workflow"
)

// Mask is a masking session as a business workflow gets it: the number that the parties call, and when it expires.
type Mask struct {
	MaskID        string     `json:"maskId"`
	ReferenceID   string     `json:"referenceId,omitempty"`
	MaskingNumber string     `json:"maskingNumber,omitempty"` // to give to the parties
	ExpiresAt     *time.Time `json:"expiresAt,omitempty"`
}

// CloseMaskRequest is the argument of activity CloseMask.
type CloseMaskRequest struct {
	MaskID string `json:"maskId"`
}

// SubscribeMaskRequest is the argument of activities SubscribeMask and UnsubscribeMask.
type SubscribeMaskRequest struct {
	MaskID     string `json:"maskId"`
	WorkflowID string `json:"workflowId"`
	Waiter     string `json:"waiter"`
	Stay       int    `json:"stay,omitempty"` // as in SubscribeRequest
}

// SubscribeMaskResult is the result of activity SubscribeMask: the session's summary if it has ended, else nothing, and a
// signal follows.
type SubscribeMaskResult struct {
	Summary   *MaskingSummary `json:"summary,omitempty"`
	MaskKey   string          `json:"maskKey,omitempty"`   // in the name of the signal
	WaitUntil *time.Time      `json:"waitUntil,omitempty"` // by then the session has ended, unless more calls come
}

// OpenMask opens a masking session, at most once for a ReferenceID, and returns once it is open. A request without
// ReferenceID gets one from the workflow's run. AwaitMask, and the workflow that Notify names, learn of the session's end.
//
// The request and the masking number are in clear in the calling workflow's history, whatever codec its worker has.
//
// Errors: a temporal.ApplicationError of type ErrTypeInvalidRequest or ErrTypeConflict, ErrTypeMaskNotOpened when the
// provider created no mask, ErrTypeMaskUnknown when it may have created one (the message says what to check),
// ErrTypeNotTaken or ErrTypeAwaitTimeout when no answer arrived in time; the context's error when it is cancelled, which
// does not close an open mask.
func OpenMask(ctx workflow.Context, req MaskingSessionRequest, opts ...Option) (Mask, error) {
	w := newWait(ctx, "masking session "+req.ReferenceID, opts)
	if req.ReferenceID == "" {
		req.ReferenceID = "mask-" + w.subscriber.Waiter
		w.what += req.ReferenceID
	}
	var mask Mask
	err := w.ask(ActivityOpenMask, req, &mask)
	return mask, err
}

// CloseMask ends a masking session: its number accepts no more calls. Closing it twice is no error.
//
// Errors: a temporal.ApplicationError of type ErrTypeNotFound when the mask is unknown, ErrTypeMaskNotClosed when the
// provider refuses; ErrTypeNotTaken, ErrTypeAwaitTimeout and the context's error as in OpenMask.
func CloseMask(ctx workflow.Context, maskID string, opts ...Option) error {
	w := newWait(ctx, "closing of mask "+Key(maskID), opts)
	return w.ask(ActivityCloseMask, CloseMaskRequest{MaskID: maskID}, nil)
}

// AwaitMask waits in a business workflow for the end of a masking session and returns a summary of its calls.
//
// Errors: a temporal.ApplicationError of type ErrTypeNotFound when the mask is unknown; ErrTypeAwaitTimeout,
// ErrTypeNotTaken and the context's error as in Await.
func AwaitMask(ctx workflow.Context, maskID string, opts ...Option) (MaskingSummary, error) {
	w := newWait(ctx, "end of mask "+Key(maskID), opts)
	req := SubscribeMaskRequest{MaskID: maskID, WorkflowID: w.subscriber.WorkflowID, Waiter: w.subscriber.Waiter}
	summary, err := await(w, SignalMaskingClosed(maskID), func() (answer[MaskingSummary], error) {
		var res SubscribeMaskResult
		req.Stay = w.stay()
		err := w.ask(ActivitySubscribeMask, req, &res)
		return answer[MaskingSummary]{res.Summary, SignalMaskingClosed(cmp.Or(res.MaskKey, maskID)), res.WaitUntil}, err
	}, func(s MaskingSummary) int { return s.Revision })
	w.leave(ActivityUnsubscribeMask, req)
	return summary, err
}
