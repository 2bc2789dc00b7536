package workflows

import (
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"
)

// alarm is a timer that can be set again. Each timer that is taken back costs an event, and each that rings in vain four,
// so one that was set for later is left open: it may be what is wanted next, and what ends before it rings owes nothing.
type alarm struct {
	why    string // what it rings for, for whoever reads the history
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

// set makes the alarm ring at a time, which may have passed, and not sooner. Setting it to a time it is set to does
// nothing.
func (a *alarm) set(ctx workflow.Context, at time.Time) {
	a.forget()
	a.takeBack(func(r ring) bool { return r.at.Before(at) || a.single && r.at.After(at) })
	if !slices.ContainsFunc(a.open, func(r ring) bool { return r.at.Equal(at) }) {
		a.start(ctx, at)
	}
}

// by makes the alarm ring at a time or sooner: what rings sooner is left to, which costs nothing where the time moves on
// before it does. Whoever is woken looks at the clock, and sets it anew.
func (a *alarm) by(ctx workflow.Context, at time.Time) {
	a.forget()
	if !slices.ContainsFunc(a.open, func(r ring) bool { return !r.at.After(at) }) {
		a.start(ctx, at)
	}
}

// rest says that nothing is waited for now, or any more. What is open is left to ring, or ends with the workflow.
func (a *alarm) rest() {
	if a.single {
		a.stop()
	}
	a.forget()
}

// rang reports whether the time has come. Cancelling the workflow makes no alarm ring, although it ends the timers:
// whoever waits for one would find it rung again and again, and never see the cancellation.
func (a *alarm) rang() bool { return slices.ContainsFunc(a.open, ring.rang) }

// stop takes the alarm back.
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

// forget drops the timers that have ended.
func (a *alarm) forget() { a.takeBack(func(r ring) bool { return r.timer.IsReady() }) }

func (r ring) rang() bool { return r.timer.IsReady() && r.ctx.Err() == nil }
