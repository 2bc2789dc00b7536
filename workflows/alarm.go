package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"
)

// alarm is a timer that can be set again. A run has at most one timer of an alarm open.
type alarm struct {
	why    string // what it rings for, for whoever reads the history
	ctx    workflow.Context
	at     time.Time
	timer  workflow.Future
	cancel workflow.CancelFunc
}

// set makes the alarm ring at a time, which may have passed. Setting it to the time it is set to does nothing.
func (a *alarm) set(ctx workflow.Context, at time.Time) {
	if a.timer != nil && a.at.Equal(at) && !a.timer.IsReady() {
		return
	}
	a.stop()
	timerCtx, cancel := workflow.WithCancel(ctx)
	a.ctx, a.at, a.cancel = ctx, at, cancel
	a.timer = workflow.NewTimerWithOptions(timerCtx, max(at.Sub(workflow.Now(ctx)), 0), workflow.TimerOptions{Summary: a.why})
}

// rang reports whether the time has come. Cancelling the workflow makes no alarm ring, although it ends the timer: whoever
// waits for one would find it rung again and again, and never see the cancellation.
func (a *alarm) rang() bool { return a.timer != nil && a.timer.IsReady() && a.ctx.Err() == nil }

// stop takes the alarm back.
func (a *alarm) stop() {
	if a.cancel != nil {
		a.cancel()
		a.timer, a.cancel = nil, nil
	}
}
