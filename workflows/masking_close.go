package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

// closeWait is how long update close waits for the provider to confirm. The deactivation continues afterwards.
const closeWait = 15 * time.Second

// closing is the deactivation of a session's mask, beside the main loop.
type closing struct {
	running bool
	err     error // the provider refused
}

// close is the handler of update close: it deactivates the mask, and answers with the session. It may be repeated. Its
// error is a temporal.ApplicationError of type calls.ErrTypeMaskNotClosed: the provider refused, or has not confirmed yet
// and is asked again.
func (m *maskingSession) close(ctx workflow.Context, _ contract.None) (calls.MaskingSessionState, error) {
	if m.carry.ClosedAt == nil {
		m.carry.Closing, m.closing.err, m.dirty = true, nil, true
		timerCtx, cancel := workflow.WithCancel(ctx)
		defer cancel()
		timer := workflow.NewTimer(timerCtx, closeWait)
		if err := workflow.Await(ctx, func() bool { return m.carry.ClosedAt != nil || m.closing.err != nil || timer.IsReady() }); err != nil {
			return calls.MaskingSessionState{}, err
		}
	}
	switch {
	case m.carry.ClosedAt != nil:
		return m.state(ctx), nil
	case m.closing.err != nil:
		return calls.MaskingSessionState{}, temporal.NewNonRetryableApplicationError(
			"the mask was not deactivated: "+reasonOf(m.closing.err), calls.ErrTypeMaskNotClosed, nil)
	default:
		return calls.MaskingSessionState{}, temporal.NewNonRetryableApplicationError(
			"the provider has not confirmed the deactivation yet and is asked again", calls.ErrTypeMaskNotClosed, nil)
	}
}

// reasonOf returns the text of an activity's error, without where it ran.
func reasonOf(err error) string {
	if app, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return app.Message()
	}
	return "the provider did not answer in time"
}

// startClosing asks the provider to deactivate the mask, if that is requested and not under way.
func (m *maskingSession) startClosing(ctx workflow.Context) {
	if !m.carry.Closing || m.closing.running {
		return
	}
	m.closing.running = true
	workflow.GoNamed(ctx, "close-mask", func(ctx workflow.Context) {
		err := closeMask(ctx, m.in.MaskID)
		m.carry.Closing, m.closing.running, m.dirty = false, false, true
		if err != nil {
			m.closing.err = err
			workflow.GetLogger(ctx).Warn("mask was not deactivated", "maskId", m.in.Key(), "error", err)
			return
		}
		now := workflow.Now(ctx).UTC()
		m.carry.ClosedAt = &now
		m.carry.Revision++
	})
}
