package workflows

import (
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/internal/callstate"
)

// A call of few legs tells every change at once. A call to hundreds of recipients changes with each of them, and every
// message carries the whole state. So a pause follows each message, twice as long as the one before.
const (
	fewLegs  = 4
	maxPause = time.Minute
)

// pace spaces the messages of a call with many legs.
type pace struct {
	off    bool
	pauses int
	next   time.Time // not before
	whole  bool      // the last told outcome was the whole call's
}

// due reports whether a change may be told now, and records that it is. The outcome of the whole call does not wait.
func (p *pace) due(ctx workflow.Context, c *call) bool {
	if p.off || !c.modern() || len(c.state.Legs) <= fewLegs {
		return true
	}
	now, whole := workflow.Now(ctx), c.state.Outcome != nil && !c.state.Outcome.Partial
	if !c.owed() || now.Before(p.next) && (p.whole || !whole) {
		return false
	}
	p.whole, p.next = whole, now.Add(min(2*time.Second<<min(p.pauses, 10), maxPause))
	p.pauses++
	return true
}

// waits reports whether a message is due once the pause is over.
func (p *pace) waits(c *call) bool { return !p.off && !p.next.IsZero() && c.owed() }

// owed reports whether a subscriber has not been told the current state.
func (c *call) owed() bool {
	if c.updated < c.state.Revision && (c.state.MaskID != "" || len(callstate.Requests(c.state)) > 0) {
		return true
	}
	return slices.ContainsFunc(c.in.Subscribers, c.owes)
}

// mergePause is how long events of a call with many legs are collected before they are merged. A merge costs as much as
// everything that is known of the call, and a worker that replays the run pays for each merge again, within the 10 s of a
// workflow task.
const mergePause = time.Second

// gathering reports whether signals were read and not yet merged.
func (c *call) gathering() bool { return len(c.news.Events)+len(c.news.Trackings) > 0 }

// gathers reports whether the signals that were read wait for more. A tracking does not wait, nor does an event after a
// second without any.
func (c *call) gathers(ctx workflow.Context) bool {
	return c.edition >= 1 && !c.pace.off && len(c.state.Legs) > fewLegs && len(c.news.Trackings) == 0 &&
		workflow.Now(ctx).Before(c.merged.Add(mergePause)) && since(ctx, changeGathersLegs)
}
