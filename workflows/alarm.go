package workflows

import (
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"
)

// alarm is a timer that can be set again. Cancelling a timer costs an event, and a timer that fires needlessly costs four.
// So a timer that was set for later stays open: it may be needed next, and it costs nothing if the workflow ends before it
// fires.
type alarm struct {
	why    string // what it rings for, shown in the history
	single bool   // of runs that began before timers were left open
	open   []ring
}

// ring is one timer of an alarm.
type ring struct {
	ctx    workflow.Context
	at     time.Time
	timer  workflow.Future
	cancel workflow.CancelFunc
}

// set makes the alarm ring at a time, not sooner. The time may have passed. Setting the same time again does nothing.
func (a *alarm) set(ctx workflow.Context, at time.Time) {
	a.forget()
	a.takeBack(func(r ring) bool { return r.at.Before(at) || a.single && r.at.After(at) })
	if !slices.ContainsFunc(a.open, func(r ring) bool { return r.at.Equal(at) }) {
		a.start(ctx, at)
	}
}

// by makes the alarm ring at a time or sooner. It keeps a timer that fires sooner, which costs nothing if the time moves on
// before that. The woken code looks at the clock and sets the alarm again.
func (a *alarm) by(ctx workflow.Context, at time.Time) {
	a.forget()
	if !slices.ContainsFunc(a.open, func(r ring) bool { return !r.at.After(at) }) {
		a.start(ctx, at)
	}
}

// rest makes the alarm wait for nothing. An open timer may still fire, or ends with the workflow.
func (a *alarm) rest() {
	if a.single {
		a.stop()
	}
	a.forget()
}

// rang reports whether the time has come. Cancelling the workflow also completes its timers; taking that for a ring would
// loop forever and hide the cancellation.
func (a *alarm) rang() bool { return slices.ContainsFunc(a.open, ring.rang) }

// stop cancels the alarm.
func (a *alarm) stop() { a.takeBack(func(ring) bool { return true }) }

func (a *alarm) start(ctx workflow.Context, at time.Time) {
	timerCtx, cancel := workflow.WithCancel(ctx)
	timer := workflow.NewTimerWithOptions(timerCtx, max(at.Sub(workflow.Now(ctx)), 0), workflow.TimerOptions{Summary: a.why})
	a.open = append(a.open, ring{ctx, at, timer, cancel})
}

func (a *alarm) takeBack(which func(ring) bool) {
	a.open = slices.DeleteFunc(a.open, func(r ring) bool {
		if !which(r) {
			return false
		}
		r.cancel()
		return true
	})
}

// forget drops the completed timers.
func (a *alarm) forget() { a.takeBack(func(r ring) bool { return r.timer.IsReady() }) }

func (r ring) rang() bool { return r.timer.IsReady() && r.ctx.Err() == nil }
