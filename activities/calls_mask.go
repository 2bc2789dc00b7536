package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/callstate"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/intake"
	"github.com/aftercall/aftercall/internal/masking"
	"github.com/aftercall/aftercall/internal/phone"
)

// openWait is how long one try of OpenMask waits for the mask. Opening continues, and the next try finds it.
const openWait = 15 * time.Second

// OpenMask opens a masking session, at most once for a referenceId, and returns once it is open.
func (a *Calls) OpenMask(ctx context.Context, req calls.MaskingSessionRequest) (calls.Mask, error) {
	if err := a.RequestMask(ctx, req); err != nil {
		return calls.Mask{}, err
	}
	return a.OpenedMask(ctx, contract.OpenedMaskRequest{ReferenceID: req.ReferenceID})
}

// RequestMask has a masking session opened, at most once for a referenceId.
func (a *Calls) RequestMask(ctx context.Context, req calls.MaskingSessionRequest) error {
	asked, err := intake.MaskingSession(req)
	if err = asked.Callable(a.CallbackURL, err); err != nil {
		return invalidRequest(err)
	}
	_, err = a.Desk.OpenMaskingSession(ctx, asked)
	if errors.Is(err, desk.ErrConflict) {
		return conflict(err)
	}
	return err
}

// OpenedMask waits for the mask that was requested under a referenceId.
func (a *Calls) OpenedMask(ctx context.Context, req contract.OpenedMaskRequest) (calls.Mask, error) {
	ctx, cancel := context.WithTimeout(ctx, openWait)
	defer cancel()
	s, err := desk.Result(ctx, a.Desk, contract.WorkflowOpenMaskingSession, calls.OpenMaskingSessionWorkflowID(req.ReferenceID))
	if err != nil {
		return calls.Mask{}, anew(err)
	}
	id, err := a.Desk.SessionID(ctx, s.MaskID)
	if err != nil {
		return calls.Mask{}, err
	}
	session, _, err := desk.Ask(ctx, a.Desk, contract.QueryMaskingSession, id)
	if err == nil && session.State == calls.MaskingClosed {
		return calls.Mask{}, temporal.NewNonRetryableApplicationError(
			"the session of this referenceId has ended: open a new one with another referenceId", calls.ErrTypeMaskNotOpened, nil)
	}
	return calls.Mask{MaskID: s.MaskID, ReferenceID: s.ReferenceID, MaskingNumber: s.MaskingNumber, ExpiresAt: s.ExpiresAt}, nil
}

// EndMask ends a masking session. It may be repeated.
func (a *Calls) EndMask(ctx context.Context, req calls.CloseMaskRequest) error {
	id, err := a.Desk.SessionID(ctx, req.MaskID)
	if err != nil {
		return err
	}
	err = desk.Do(ctx, a.Desk, contract.UpdateClose, id, contract.None{})
	if !errors.Is(err, desk.ErrUnknown) {
		return anew(err)
	}
	// An update finds only running workflows.
	_, _, err = desk.Ask(ctx, a.Desk, contract.QueryMaskingSession, id)
	return unknownMask(req.MaskID, err)
}

// SubscribeMask subscribes a workflow to the end of a session. It returns the summary of a session that has ended. It may
// be repeated.
func (a *Calls) SubscribeMask(ctx context.Context, req calls.SubscribeMaskRequest) (calls.SubscribeMaskResult, error) {
	id, err := a.Desk.SessionID(ctx, req.MaskID)
	if err != nil {
		return calls.SubscribeMaskResult{}, err
	}
	s, over, err := desk.Ask(ctx, a.Desk, contract.QueryMaskingSession, id)
	if err != nil {
		return calls.SubscribeMaskResult{}, unknownMask(req.MaskID, err)
	}
	if over {
		return calls.SubscribeMaskResult{Summary: summary(calls.MaskKeyOf(id), s)}, nil
	}
	err = desk.Tell(ctx, a.Desk, id, contract.SignalSubscribe, calls.Subscription{WorkflowID: req.WorkflowID, Waiter: req.Waiter, Quiet: true})
	if err != nil {
		return calls.SubscribeMaskResult{}, err
	}
	waiting := calls.SubscribeMaskResult{MaskKey: calls.MaskKeyOf(id), WaitUntil: a.sessionOver(s)}
	if waiting.MaskKey != req.MaskID { // the workflow does not know the signal's name
		return waiting, nil
	}
	return waiting, stay(ctx, req.Stay, waiting.WaitUntil)
}

// UnsubscribeMask ends a subscription of SubscribeMask.
func (a *Calls) UnsubscribeMask(ctx context.Context, req calls.SubscribeMaskRequest) error {
	id, err := a.Desk.SessionID(ctx, req.MaskID)
	if err != nil {
		return err
	}
	s := calls.Subscription{WorkflowID: req.WorkflowID, Waiter: req.Waiter}
	err = desk.Tell(ctx, a.Desk, id, contract.SignalUnsubscribe, s)
	if errors.Is(err, desk.ErrUnknown) {
		return nil
	}
	return err
}

// sessionOver returns when a session without further calls ends.
func (a *Calls) sessionOver(s calls.MaskingSessionState) *time.Time {
	left := calls.MaskingLifetime
	if s.ExpiresAt != nil {
		left = max(time.Until(*s.ExpiresAt), 0)
	}
	grace := a.Desk.Settings().Masking.WithDefaults().Grace
	return from(left + grace + time.Minute)
}

// summary counts the calls of a session that has ended. It is sent in clear, under the mask's key.
func summary(key string, s calls.MaskingSessionState) *calls.MaskingSummary {
	out := calls.MaskingSummary{MaskID: key, Reason: calls.MaskingEndedClosed, Totals: s.Earlier, Recordings: len(s.Recordings), Revision: s.Revision}
	if s.State != calls.MaskingClosed {
		out.Reason = calls.MaskingEndedExpired
	}
	for _, c := range s.Calls {
		out.Totals = masking.Count(out.Totals, c)
	}
	return &out
}

func unknownMask(maskID string, err error) error {
	if !errors.Is(err, desk.ErrUnknown) {
		return err
	}
	return temporal.NewNonRetryableApplicationError("no masking session has mask "+calls.Key(callstate.HiddenID(maskID, phone.Set{})), calls.ErrTypeNotFound, nil)
}

// anew turns a workflow's refusal into a final error of the activity. Any other error is retried.
func anew(err error) error {
	if refused, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return temporal.NewNonRetryableApplicationError(refused.Message(), refused.Type(), nil)
	}
	return err
}
