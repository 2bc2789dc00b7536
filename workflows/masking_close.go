package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
)

// closeWait is how long update close waits for the provider to confirm. The deactivation goes on after it.
const closeWait = 15 * time.Second

// closing is the deactivation of a session's mask, beside the main loop.
type closing struct {
	running bool
	err     error // the provider refused
}

// close is the handler of update close: it deactivates the mask, and answers with the session. It may be repeated. An
// answer that still says OPEN means that the provider did not confirm in time, and is being asked again.
func (m *maskingSession) close(ctx workflow.Context) (calls.MaskingSessionState, error) {
	if m.carry.ClosedAt == nil {
		m.carry.Closing, m.closing.err, m.dirty = true, nil, true
		timerCtx, cancel := workflow.WithCancel(ctx)
		defer cancel()
		timer := workflow.NewTimer(timerCtx, closeWait)
		if err := workflow.Await(ctx, func() bool { return m.carry.ClosedAt != nil || m.closing.err != nil || timer.IsReady() }); err != nil {
			return calls.MaskingSessionState{}, err
		}
	}
	if err := m.closing.err; err != nil {
		return calls.MaskingSessionState{}, err
	}
	return m.state(ctx), nil
}

// startClosing asks the provider to deactivate the mask, where that is wanted and not under way.
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
			workflow.GetLogger(ctx).Warn("mask was not deactivated", "mask", m.in.MaskID, "error", err)
			return
		}
		now := workflow.Now(ctx).UTC()
		m.carry.ClosedAt = &now
		m.carry.Revision++
	})
}
