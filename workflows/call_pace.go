package workflows

import (
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/internal/callstate"
)

// A call of few legs is told at every change, at once. One to hundreds of recipients changes with every one of them,
// and each telling carries the whole state: a pause follows each, twice as long as the one before.
const (
	fewLegs  = 4
	maxPause = time.Minute
)

// pace spaces the tellings of a call with many legs.
type pace struct {
	off    bool
	pauses int
	next   time.Time // not before
	whole  bool      // the outcome told last was that of the whole call
}

// due reports whether a change may be told now, and notes that it is. The outcome of the whole call does not wait.
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

// waits reports whether something is to be told once the pause is over.
func (p *pace) waits(c *call) bool { return !p.off && !p.next.IsZero() && c.owed() }

// owed reports whether somebody has not been told the state as it is.
func (c *call) owed() bool {
	if c.updated < c.state.Revision && (c.state.MaskID != "" || len(callstate.Requests(c.state)) > 0) {
		return true
	}
	return slices.ContainsFunc(c.in.Subscribers, c.owes)
}
