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

// CallWorkflow is the life of one call. It begins with the first message about the call, and ends when the outcome is known
// and told and the grace for late notifications is over. It returns the state, to which a later notification is applied.
func CallWorkflow(ctx workflow.Context, in contract.CallInput) (calls.CallState, error) {
	lasting, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	c := newCall(ctx, in)
	if c.lasting = lasting; !c.modern() {
		c.lasting = ctx
	}
	if err := c.handle(ctx); err != nil {
		return c.state, err
	}
	return c.run(ctx)
}

// call is a run of CallWorkflow.
type call struct {
	in      contract.CallInput // what ContinueAsNew carries over; State is set from state only then
	edition edition
	state   calls.CallState

	status                 contract.Received[calls.StatusEvent]
	track                  contract.Received[calls.Tracking]
	subscribe, unsubscribe contract.Received[calls.Subscription]
	recorded               contract.Received[calls.Recording]

	quietSince time.Time // of the last visible change
	updated    int       // the revision that outbound and masking workflows were last sent
	shown      int       // the revision that search attributes and details show
	lookup     lookup
	attributes contract.CallAttributes // as they were last written
	busy       int                     // coroutines that are at work
	received   int                     // signals read by this run
	continuing bool
	seeks      bool // looks for a recording that was requested and has no URL
	sparing    bool // keeps less, and runs are shorter
	pace       pace
	news       callstate.News   // signals that were read and not yet merged
	merged     time.Time        // time of the last merge
	lasting    workflow.Context // survives a cancellation, so that what it hands over arrives
	recordings workflow.Mutex   // KeepRecording calls go out one by one, so that the last URL of a leg counts
}

func newCall(ctx workflow.Context, in contract.CallInput) *call {
	in.Settings = in.Settings.WithDefaults()
	if in.CallKey == "" {
		in.CallKey = calls.CallKeyOf(workflow.GetInfo(ctx).WorkflowExecution.ID)
	}
	c := &call{
		in: in, edition: editionOf(ctx, in.Edition, changeCallRules, callRulesSparing), state: callstate.NewByRulesOfOld(in.CallKey), shown: -1, recordings: workflow.NewMutex(ctx),
		status:      contract.SignalCallStatus.Receive(ctx),
		subscribe:   contract.SignalSubscribe.Receive(ctx),
		unsubscribe: contract.SignalUnsubscribe.Receive(ctx),
		track:       contract.SignalTrack.Receive(ctx),
		recorded:    contract.SignalRecording(in.CallKey).Receive(ctx),
		quietSince:  workflow.Now(ctx),
	}
	if in.State != nil {
		c.state, c.updated = *in.State, in.State.Revision
		if in.Updated != nil {
			c.updated = *in.Updated
		}
	}
	rules := workflow.Version(callRulesSparing)
	if c.edition < 1 {
		rules = workflow.GetVersion(ctx, changeCallRules, workflow.DefaultVersion, callRulesSparing)
	}
	if rules != workflow.DefaultVersion {
		c.state = callstate.ByRulesOfToday(c.state, rules < callRulesSparing)
	}
	c.seeks, c.sparing = rules >= callRulesRecorded, rules >= callRulesSparing
	if c.edition >= 1 {
		c.attributes = contract.CallAttributesOf(workflow.GetTypedSearchAttributes(ctx))
		c.quietSince = workflow.GetInfo(ctx).WorkflowStartTime // the first task may have been delayed
	}
	if in.LastEventAt != nil {
		c.quietSince = *in.LastEventAt
	}
	if c.in.Told == nil {
		c.in.Told, c.in.Subscribers = map[string]int{}, nil
		for _, s := range in.Subscribers {
			c.addSubscriber(s)
		}
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

// run reads the signals, reacts, and waits, until the call is over. It returns only after an empty drain, when all handlers
// have finished and nothing has yielded since.
func (c *call) run(ctx workflow.Context) (calls.CallState, error) {
	timer := alarm{single: c.edition < 1, why: "until the call log is asked, the wait given up, or the workflow closed"}
	defer func() { timer.rest() }()
	for {
		for c.drain(ctx) {
			c.react(c.lasting)
		}
		if !c.gathering() {
			now := workflow.Now(ctx)
			c.passTime(ctx)
			c.lookup.keepUp(ctx, c)
			if c.shown != c.state.Revision || c.pace.waits(c) && !now.Before(c.pace.next) {
				c.react(c.lasting)
				continue
			}
			ending := c.over(now) && !c.pace.waits(c)
			c.continuing = !ending && c.long(ctx)
			if ending || c.continuing {
				if over, err := c.finish(ctx); over {
					return c.state, err
				}
				continue
			}
		}
		if err := c.wait(ctx, &timer); err != nil {
			return c.leave(ctx, err)
		}
	}
}

// wait returns when a signal waits, or when it is time for something.
func (c *call) wait(ctx workflow.Context, timer *alarm) error {
	if c.gathering() {
		timer.by(ctx, c.merged.Add(mergePause))
		return workflow.Await(ctx, func() bool { return c.pending() || timer.rang() })
	}
	c.setAlarm(ctx, timer)
	return workflow.Await(ctx, func() bool { return c.pending() || timer.rang() || c.shown != c.state.Revision || c.lookup.ended() })
}

// setAlarm sets the alarm to when time alone will change something.
func (c *call) setAlarm(ctx workflow.Context, timer *alarm) {
	if c.edition >= 1 && !c.state.Final {
		timer.by(ctx, c.nextWake()) // the next status moves it
		return
	}
	timer.set(ctx, c.nextWake())
}

// crowdedRun is how many signals a run of a call with many legs reads. Each is merged into the whole state, and a worker
// that replays the run repeats every merge.
const crowdedRun = 400

// long reports whether the run's history is long enough to continue as new.
func (c *call) long(ctx workflow.Context) bool {
	limit := c.in.Settings.SignalsPerRun
	if limit == 0 && c.sparing && len(c.state.Legs) > fewLegs {
		limit = crowdedRun
	}
	return limit > 0 && c.received >= limit || workflow.GetInfo(ctx).GetContinueAsNewSuggested()
}

// finish waits until nothing is under way, and ends the run.
func (c *call) finish(ctx workflow.Context) (over bool, err error) {
	c.lookup.stop()
	if !c.idle(ctx) {
		if err := workflow.Await(ctx, func() bool { return c.pending() || c.idle(ctx) }); err != nil {
			_, err = c.leave(ctx, err)
			return true, err
		}
		return false, nil
	}
	if !c.continuing {
		return true, nil
	}
	c.in.State, c.in.LastEventAt, c.in.Updated = &c.state, &c.quietSince, &c.updated
	return true, contract.WorkflowCall.ContinueAsNew(ctx, c.in)
}

// leave ends a cancelled run. It first reads every received signal and hands over what is due.
func (c *call) leave(ctx workflow.Context, err error) (calls.CallState, error) {
	disconnected, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	c.continuing = true // waiters are let go
	c.pace.off = true
	c.lookup.stop()
	for {
		for c.drain(disconnected) {
			c.react(disconnected)
		}
		if c.shown != c.state.Revision || c.modern() && c.owed() {
			c.react(disconnected)
			continue
		}
		if c.idle(disconnected) || !c.modern() {
			return c.state, err
		}
		// The context survives the cancellation, so waiting cannot fail.
		_ = workflow.Await(disconnected, func() bool { return c.pending() || c.idle(disconnected) })
	}
}

// modern reports whether the run began under today's rules.
func (c *call) modern() bool { return c.state.Evidence != nil && c.state.Evidence.Rules > 0 }

// pending reports whether a signal waits.
func (c *call) pending() bool {
	return c.status.Len()+c.subscribe.Len()+c.unsubscribe.Len()+c.track.Len()+c.recorded.Len() > 0
}

// drain reads every signal that has arrived and reports whether there is something to react to. It merges them all at
// once, so that a backlog costs no more than one event. It never yields.
func (c *call) drain(ctx workflow.Context) bool {
	read := 0
	for e := range c.status.Drain() {
		c.received++
		c.news.Events = append(c.news.Events, e)
	}
	var subscribers []calls.Subscription
	for t := range c.track.Drain() {
		read++
		t.Recorded = t.Recorded && c.seeks
		c.news.Trackings = append(c.news.Trackings, t)
		if t.Subscription != nil {
			subscribers = append(subscribers, *t.Subscription)
		}
	}
	took := c.gathering() && !c.gathers(ctx)
	if took {
		c.take(ctx, c.news)
		c.news = callstate.News{}
	}
	for s := range c.subscribe.Drain() {
		read++
		subscribers = append(subscribers, s)
	}
	for _, s := range subscribers {
		c.addSubscriber(s)
	}
	for r := range c.recorded.Drain() {
		read++
		c.hearOfRecording(r)
	}
	for s := range c.unsubscribe.Drain() {
		read++
		c.in.Subscribers = slices.DeleteFunc(c.in.Subscribers, func(o calls.Subscription) bool {
			return o.WorkflowID == s.WorkflowID && (s.Waiter == "" || o.Waiter == s.Waiter)
		})
	}
	c.received += read
	return took || read > 0
}

// take merges events into the state.
func (c *call) take(ctx workflow.Context, news callstate.News) {
	c.merged = workflow.Now(ctx)
	c.change(ctx, func(s calls.CallState) (calls.CallState, bool) { return callstate.Take(s, news) })
}

// change applies a pure function to the state.
func (c *call) change(ctx workflow.Context, f func(calls.CallState) (calls.CallState, bool)) {
	unknown := slices.Contains(c.state.Attention, calls.AttentionUnknownStatus)
	next, changed := f(c.state)
	c.state = next
	if changed {
		c.quietSince = workflow.Now(ctx)
	}
	if !unknown && slices.Contains(next.Attention, calls.AttentionUnknownStatus) {
		c.reportUnknownStatus(ctx)
	}
}

// reportUnknownStatus logs and counts an unknown status of the provider.
func (c *call) reportUnknownStatus(ctx workflow.Context) {
	workflow.GetMetricsHandler(ctx).Counter("aftercall_unknown_statuses").Inc(1)
	numbers := callstate.Numbers(c.state)
	for _, l := range c.state.Legs {
		if l.Status == calls.StatusUnknown && l.RawStatus != "" {
			workflow.GetLogger(ctx).Warn("the provider sent an unknown status", "status", callstate.WithoutNumbers(l.RawStatus, numbers))
			return
		}
	}
}

// addSubscriber adds a subscriber. A repeated subscription is told again. It ignores our own workflows, which are told in
// another way.
func (c *call) addSubscriber(s calls.Subscription) {
	if s.WorkflowID == "" || calls.OwnWorkflowID(s.WorkflowID) || len(s.WorkflowID) > maxWorkflowID {
		return
	}
	if len(s.Waiter) > maxWorkflowID {
		s.Waiter = calls.HashedKey(s.Waiter)
	}
	delete(c.in.Told, toldKey(s))
	if !slices.Contains(c.in.Subscribers, s) {
		c.in.Subscribers = append(c.in.Subscribers, s)
	}
}

// react tells what has changed: to subscribers, to the workflow of the request or the session, to the recordings, to the
// operator. It yields.
func (c *call) react(ctx workflow.Context) {
	c.adoptForeignWorkflow()
	due := c.pace.due(ctx, c)
	c.tellSubscribers(ctx, due)
	if due {
		c.sendUpdates(ctx)
	}
	c.keepRecordings(ctx)
	c.show(ctx)
}

// unknownFor is how long the call log is asked what an unknown status means.
const unknownFor = 10 * time.Minute

// passTime applies what is due by now.
func (c *call) passTime(ctx workflow.Context) {
	silence := workflow.Now(ctx).Sub(c.quietSince)
	switch {
	case c.state.Final:
		if callstate.RecordingOverdue(c.state) && silence >= c.recordingDue() {
			c.change(ctx, callstate.SeekRecording)
		}
	case callstate.EndedForSome(c.state) && silence >= c.in.Settings.Grace:
		c.change(ctx, callstate.EndGrace)
	case callstate.EndedUnknown(c.state) && silence >= min(unknownFor, c.in.Settings.MaxAge):
		c.change(ctx, callstate.EndUnknown)
	case silence >= c.in.Settings.MaxAge:
		c.change(ctx, callstate.GiveUp)
	}
}

// nextWake returns when time alone will change something.
func (c *call) nextWake() time.Time {
	wait := c.in.Settings.MaxAge
	switch {
	case callstate.RecordingOverdue(c.state):
		wait = c.recordingDue()
	case c.state.Final, callstate.EndedForSome(c.state):
		wait = c.in.Settings.Grace
	case callstate.EndedUnknown(c.state):
		wait = min(unknownFor, wait)
	}
	wake := c.quietSince.Add(wait)
	if at, ok := c.lookup.dueAt(c); ok && at.Before(wake) {
		wake = at
	}
	if c.pace.waits(c) && c.pace.next.Before(wake) {
		wake = c.pace.next
	}
	return wake
}

// over reports whether the call is final and its grace has passed.
func (c *call) over(now time.Time) bool {
	return c.state.Final && !now.Before(c.quietSince.Add(c.in.Settings.Grace))
}

// idle reports whether a return would interrupt nothing.
func (c *call) idle(ctx workflow.Context) bool {
	return c.busy == 0 && !c.pending() && workflow.AllHandlersFinished(ctx)
}
