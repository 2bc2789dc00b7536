package workflows

import (
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/callstate"
	"github.com/aftercall/aftercall/internal/contract"
)

// CallWorkflow is the life of one call, from whatever is heard of it first until its outcome is known, told, and the
// grace for late notifications is over. It returns the state, which a later notification is applied to.
func CallWorkflow(ctx workflow.Context, in contract.CallInput) (calls.CallState, error) {
	c := newCall(ctx, in)
	if err := c.handle(ctx); err != nil {
		return c.state, err
	}
	return c.run(ctx)
}

// call is a run of CallWorkflow.
type call struct {
	in    contract.CallInput // what ContinueAsNew carries over; State is set from state only then
	state calls.CallState

	status                 contract.Received[calls.StatusEvent]
	track                  contract.Received[calls.Tracking]
	subscribe, unsubscribe contract.Received[calls.Subscription]

	quietSince time.Time // of the last visible change
	updated    int       // the revision that outbound and masking workflows were last sent
	shown      int       // the revision that search attributes and details show
	lookup     lookup
	attributes callAttributes
	busy       int // coroutines that are at work
	continuing bool
	recordings workflow.Mutex // KeepRecording calls go out one by one, so that the last URL of a leg counts
}

func newCall(ctx workflow.Context, in contract.CallInput) *call {
	in.Settings = in.Settings.WithDefaults()
	if in.CallKey == "" {
		in.CallKey = calls.CallKeyOf(workflow.GetInfo(ctx).WorkflowExecution.ID)
	}
	c := &call{
		in: in, state: callstate.New(in.CallKey), shown: -1, recordings: workflow.NewMutex(ctx),
		status:      contract.SignalCallStatus.Receive(ctx),
		subscribe:   contract.SignalSubscribe.Receive(ctx),
		unsubscribe: contract.SignalUnsubscribe.Receive(ctx),
		track:       contract.SignalTrack.Receive(ctx),
		quietSince:  workflow.Now(ctx),
	}
	if in.State != nil {
		c.state, c.updated = *in.State, in.State.Revision
	}
	if in.LastEventAt != nil {
		c.quietSince = *in.LastEventAt
	}
	if c.in.Told == nil {
		c.in.Told = map[string]int{}
	}
	return c
}

// handle sets the query and the update handlers.
func (c *call) handle(ctx workflow.Context) error {
	if err := contract.QueryCall.Answer(ctx, func() calls.CallState { return c.state }); err != nil {
		return err
	}
	return contract.UpdateAwaitOutcome.Handle(ctx, "", nil, func(ctx workflow.Context, _ contract.None) (calls.Outcome, error) {
		if err := workflow.Await(ctx, func() bool { return c.state.Final || c.continuing }); err != nil {
			return calls.Outcome{}, err
		}
		if !c.state.Final {
			return calls.Outcome{}, temporal.NewApplicationError("the call's workflow continues in a new run: ask again", errTypeContinued)
		}
		return *c.state.Outcome, nil
	})
}

// errTypeContinued tells a waiter that the run it waited on was continued as new.
const errTypeContinued = "CONTINUED"

// run reads what came in, reacts, and waits, until the call is over. It returns only when a drain was empty, all
// handlers are finished and nothing has yielded since.
func (c *call) run(ctx workflow.Context) (calls.CallState, error) {
	var timer alarm
	defer func() { timer.stop() }()
	for {
		for c.drain(ctx) {
			c.react(ctx)
		}
		now := workflow.Now(ctx)
		c.passTime(now)
		c.lookup.keepUp(ctx, c)
		if c.shown != c.state.Revision {
			c.react(ctx)
			continue
		}
		ending := c.over(now)
		c.continuing = !ending && workflow.GetInfo(ctx).GetContinueAsNewSuggested()
		if ending || c.continuing {
			c.lookup.stop()
			if !c.idle(ctx) {
				if err := workflow.Await(ctx, func() bool { return c.pending() || c.idle(ctx) }); err != nil {
					return c.leave(ctx, err)
				}
				continue
			}
			if ending {
				return c.state, nil
			}
			c.in.State, c.in.LastEventAt = &c.state, &c.quietSince
			return c.state, contract.WorkflowCall.ContinueAsNew(ctx, c.in)
		}
		timer.set(ctx, c.nextWake())
		if err := workflow.Await(ctx, func() bool { return c.pending() || timer.rang() || c.shown != c.state.Revision || c.lookup.ended() }); err != nil {
			return c.leave(ctx, err)
		}
	}
}

// leave ends a cancelled run: nothing that was received is left unread.
func (c *call) leave(ctx workflow.Context, err error) (calls.CallState, error) {
	disconnected, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	c.continuing = true // waiters are let go
	for c.drain(disconnected) {
		c.react(disconnected)
	}
	return c.state, err
}

// pending reports whether a signal waits.
func (c *call) pending() bool {
	return c.status.Len()+c.subscribe.Len()+c.unsubscribe.Len()+c.track.Len() > 0
}

// drain reads every signal that has arrived and reports whether there was one. It never yields.
func (c *call) drain(ctx workflow.Context) bool {
	received := false
	for e := range c.status.Drain() {
		received = true
		c.apply(ctx, func(s calls.CallState) (calls.CallState, bool) { return callstate.Apply(s, e) })
	}
	for t := range c.track.Drain() {
		received = true
		c.apply(ctx, func(s calls.CallState) (calls.CallState, bool) { return callstate.Track(s, t) })
		if t.Subscription != nil {
			c.addSubscriber(*t.Subscription)
		}
	}
	for s := range c.subscribe.Drain() {
		received = true
		c.addSubscriber(s)
	}
	for s := range c.unsubscribe.Drain() {
		received = true
		c.in.Subscribers = slices.DeleteFunc(c.in.Subscribers, func(o calls.Subscription) bool {
			return o.WorkflowID == s.WorkflowID && (s.Waiter == "" || o.Waiter == s.Waiter)
		})
	}
	return received
}

// apply changes the state by a pure function.
func (c *call) apply(ctx workflow.Context, f func(calls.CallState) (calls.CallState, bool)) {
	next, changed := f(c.state)
	c.state = next
	if changed {
		c.quietSince = workflow.Now(ctx)
	}
}

// addSubscriber adds who waits. Subscribing again tells again. Our own workflows are told in another way.
func (c *call) addSubscriber(s calls.Subscription) {
	if s.WorkflowID == "" || calls.OwnWorkflowID(s.WorkflowID) {
		return
	}
	delete(c.in.Told, toldKey(s))
	if !slices.Contains(c.in.Subscribers, s) {
		c.in.Subscribers = append(c.in.Subscribers, s)
	}
}

// react makes known what has changed: to whoever waits, to the workflows of the request or the session, to the
// recordings, to the operator. It yields.
func (c *call) react(ctx workflow.Context) {
	c.adoptForeignWorkflow()
	c.tellSubscribers(ctx)
	c.sendUpdates(ctx)
	c.keepRecordings(ctx)
	c.show(ctx)
}

// passTime does what is due by now.
func (c *call) passTime(now time.Time) {
	var changed bool
	switch {
	case c.state.Final:
	case c.endedForSome() && !now.Before(c.quietSince.Add(c.in.Settings.Grace)):
		c.state, changed = callstate.EndGrace(c.state)
	case !now.Before(c.quietSince.Add(c.in.Settings.MaxAge)):
		c.state, changed = callstate.GiveUp(c.state)
	}
	if changed {
		c.quietSince = now
	}
}

// endedForSome reports whether a recipient's leg has ended although the call has no outcome yet: there are several
// recipients, and what the others did is waited for until the end of grace.
func (c *call) endedForSome() bool {
	return c.state.Evidence.ExpectedTo == "" && slices.ContainsFunc(c.state.Legs, func(l calls.Leg) bool {
		return l.Status.Terminal() && !l.Provisional && l.Direction != calls.DirectionInbound
	})
}

// nextWake is when time alone will change something.
func (c *call) nextWake() time.Time {
	wait := c.in.Settings.MaxAge
	if c.state.Final || c.endedForSome() {
		wait = c.in.Settings.Grace
	}
	wake := c.quietSince.Add(wait)
	if at, ok := c.lookup.dueAt(c); ok && at.Before(wake) {
		wake = at
	}
	return wake
}

// over reports whether the call is final and its grace has passed.
func (c *call) over(now time.Time) bool {
	return c.state.Final && !now.Before(c.quietSince.Add(c.in.Settings.Grace))
}

// idle reports whether nothing is under way that a return would cut off.
func (c *call) idle(ctx workflow.Context) bool {
	return c.busy == 0 && !c.pending() && workflow.AllHandlersFinished(ctx)
}
