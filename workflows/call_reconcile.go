package workflows

import (
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/callstate"
)

// lookup asks the provider's call log while the webhook is silent. At most one question is under way: one activity that
// polls by its retries, so that history does not grow.
type lookup struct {
	asking question
	cancel workflow.CancelFunc
	tries  int       // answers that did not settle the call
	after  time.Time // not before
	done   bool      // an answer has arrived since the main loop last looked
}

// question is a question to the call log.
type question int

const (
	nothing  question = iota
	ordinary          // how did the call end?
	failover          // is it still failed, after the provider had time to fail over by itself?
	meaning           // how did a call with an unknown status end?
)

const maxLookupInterval = time.Hour

// wants returns the question that the call needs answered now.
func (l *lookup) wants(c *call) question {
	switch {
	case c.state.Final || c.lookupID() == "":
		return nothing
	case slices.ContainsFunc(c.state.Legs, func(leg calls.Leg) bool { return leg.Provisional }):
		return failover
	case callstate.EndedUnknown(c.state):
		return meaning
	default:
		return ordinary
	}
}

// dueAt returns when to ask the call log next. ok is false if there is no question, or it is under way.
func (l *lookup) dueAt(c *call) (at time.Time, ok bool) {
	want := l.wants(c)
	if want == nothing || want == l.asking {
		return time.Time{}, false
	}
	wait := c.in.Settings.ReconcileAfter
	switch want {
	case failover:
		wait = c.in.Settings.FailoverGrace
	case meaning:
		wait = 0
	}
	at = c.quietSince.Add(wait)
	if at.Before(l.after) {
		at = l.after
	}
	return at, true
}

// keepUp asks the question that is due and cancels one that is no longer needed. It does not yield.
func (l *lookup) keepUp(ctx workflow.Context, c *call) {
	l.done = false
	if l.asking != nothing && l.wants(c) != l.asking {
		l.stop()
	}
	at, ok := l.dueAt(c)
	if !ok || at.After(workflow.Now(ctx)) || l.asking != nothing {
		return
	}
	asked := l.wants(c)
	l.asking = asked
	askCtx, cancel := workflow.WithCancel(ctx)
	l.cancel = cancel
	c.spawn(askCtx, "call-log", func(ctx workflow.Context) {
		events, err := lookUpCall(ctx, c, asked)
		c.take(ctx, callstate.News{Events: events})
		if err != nil && !temporal.IsCanceledError(err) {
			workflow.GetLogger(ctx).Warn("call log did not settle the call", "error", err)
		}
		l.asking, l.cancel, l.done = nothing, nil, true
		if !temporal.IsCanceledError(err) {
			l.after = workflow.Now(ctx).Add(min(c.in.Settings.ReconcileAfter<<min(l.tries, 10), maxLookupInterval))
			l.tries++
		}
	})
}

// stop cancels the question that is under way.
func (l *lookup) stop() {
	if l.cancel != nil {
		l.cancel()
	}
}

// ended reports whether an answer has arrived that the main loop has not seen.
func (l *lookup) ended() bool { return l.done }

// lookupID returns the id to ask the call log for: the callId, or else the referenceId.
func (c *call) lookupID() string {
	switch {
	case c.state.CallID != "":
		return c.state.CallID
	case c.state.ReferenceID != "" && len(c.state.Evidence.Events) > 0:
		return c.state.ReferenceID
	case calls.HashedOnly(c.state.CallKey):
		return "" // the id behind a hashed key is unknown until the provider tells it
	default:
		return c.state.CallKey
	}
}
