package workflows

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

const (
	callbackTriedFor  = 24 * time.Hour      // tries without an operator, from when a message came
	callbackLateAfter = time.Hour           // then an operator is alerted
	callbackKeptFor   = 35 * 24 * time.Hour // without news and without a delivery: longer than a request lives
	callbackTry       = 30 * time.Second
	callbackLanes     = 200   // things delivered at the same time
	maxCallbacks      = 2_000 // undelivered ones
	maxCallbackMarks  = 1_000
)

// CallbackWorkflow posts to one URL what it is told about one subject. The workflow that tells it treats it like any other
// subscriber, so nothing changes there, and a request without a callback costs nothing. The messages about one thing go out
// one after the other, in the order of their revisions. An undelivered message does not delay other things.
//
// The workflow ends once everything it was told is delivered. Later news starts it again with the state that it returned:
// see package desk. A message that the receiver does not accept for a day waits for an operator, and in the end the
// workflow fails.
func CallbackWorkflow(ctx workflow.Context, in contract.CallbackInput) (contract.CallbackState, error) {
	c := newCallback(ctx, in)
	if err := c.handle(ctx); err != nil {
		return c.state(), err
	}
	return c.run(ctx)
}

// callback is a run of CallbackWorkflow.
type callback struct {
	in        contract.CallbackInput // without Pending and Delivered, which are in lanes
	id        string
	lanes     []*lane // in the order in which their things were first told
	busy      int     // running coroutines
	told      bool    // a message about the subject has arrived
	unwanted  bool    // no message will come
	changed   bool    // since the details were last written
	quiet     alarm
	since     time.Time // of the last change
	attention string    // as last written
	leaving   bool      // the run continues as new, and hands over what is under way
}

// lane holds the messages about one thing.
type lane struct {
	thing string
	last  contract.CallbackMark // delivered
	queue []contract.CallbackMessage
	kick  workflow.CancelFunc // cancels the try under way, or the pause before the next one; nil: there is none
}

func newCallback(ctx workflow.Context, in contract.CallbackInput) *callback {
	c := &callback{
		in: in, id: workflow.GetInfo(ctx).WorkflowExecution.ID, since: workflow.Now(ctx), changed: true,
		told: in.Count > 0 || len(in.Pending) > 0, quiet: alarm{why: "until nobody is waited for any more"},
	}
	for _, m := range in.Delivered {
		c.lane(m.Thing).last = m
	}
	for _, m := range in.Pending {
		l := c.lane(m.Thing)
		l.queue = append(l.queue, m)
	}
	c.attention, _ = workflow.GetTypedSearchAttributes(ctx).GetKeyword(calls.AttributeCallAttention)
	return c
}

// handle sets the query and the update handler.
func (c *callback) handle(ctx workflow.Context) error {
	if err := contract.QueryCallback.Answer(ctx, c.state); err != nil {
		return err
	}
	check := func(workflow.Context, contract.None) error {
		if !slices.ContainsFunc(c.lanes, (*lane).waits) {
			return errors.New("nothing of it is undelivered")
		}
		return nil
	}
	return contract.UpdateRetryCallback.Handle(ctx, "Everything that is undelivered is sent again, now.", check,
		func(ctx workflow.Context, _ contract.None) (contract.None, error) {
			for _, l := range c.lanes {
				l.again(workflow.Now(ctx))
			}
			c.note(ctx)
			return contract.None{}, nil
		})
}

// run delivers until nothing is left. It returns only after an empty drain, when all handlers have finished and nothing
// has yielded since.
func (c *callback) run(ctx workflow.Context) (contract.CallbackState, error) {
	for {
		c.quiet.rest()
		c.drain(ctx)
		if c.leaving = workflow.GetInfo(ctx).GetContinueAsNewSuggested(); !c.leaving {
			c.deliver(ctx)
		}
		c.show(ctx)
		if c.idle(ctx) && !contract.HasSubscriberSignals(ctx) {
			if c.leaving {
				return c.state(), contract.WorkflowCallback.ContinueAsNew(ctx, c.state().CallbackInput)
			}
			if c.over(ctx) {
				return c.state(), c.verdict()
			}
			c.quiet.by(ctx, c.since.Add(callbackKeptFor))
		}
		if c.leaving {
			c.kickAll()
		}
		if err := workflow.Await(ctx, func() bool { return c.awake(ctx) }); err != nil {
			c.drain(ctx)
			return c.state(), err
		}
	}
}

// awake reports whether the wait must end.
func (c *callback) awake(ctx workflow.Context) bool {
	return c.changed || contract.HasSubscriberSignals(ctx) || c.quiet.rang() || (c.leaving || c.settled()) && c.idle(ctx)
}

// idle reports whether a return would interrupt nothing.
func (c *callback) idle(ctx workflow.Context) bool {
	return c.busy == 0 && workflow.AllHandlersFinished(ctx)
}

// settled reports whether everything that was told is delivered.
func (c *callback) settled() bool {
	return (c.told || c.unwanted) && !slices.ContainsFunc(c.lanes, (*lane).waits)
}

// over reports whether nothing is left to do, or nothing has happened for too long.
func (c *callback) over(ctx workflow.Context) bool {
	return c.settled() || !workflow.Now(ctx).Before(c.since.Add(callbackKeptFor))
}

// verdict returns the workflow's error: it fails with undelivered messages, so that an operator sees it in red.
func (c *callback) verdict() error {
	if !slices.ContainsFunc(c.lanes, (*lane).waits) {
		return nil
	}
	return temporal.NewNonRetryableApplicationError("nobody has taken the callbacks", contract.ErrTypeCallbackUndelivered, nil)
}

// drain reads every signal that has arrived. It never yields.
func (c *callback) drain(ctx workflow.Context) {
	for signal, data := range contract.DrainSubscriber(ctx) {
		if signal == calls.SignalUnsubscribe {
			c.unwanted = true
			continue
		}
		m, callKey, ok := contract.NewCallbackMessage(signal, data, workflow.Now(ctx).UTC())
		if !ok {
			workflow.GetLogger(ctx).Warn("a callback was told what it does not know", "signal", signal)
			continue
		}
		c.hear(ctx, callKey)
		c.take(ctx, m)
	}
}

// take queues a message by its revision. It ignores a message that is queued or was delivered, and a revision that is not
// higher than the last delivered one.
func (c *callback) take(ctx workflow.Context, m contract.CallbackMessage) {
	sum := sha256.Sum256([]byte(c.id + "\n" + m.Thing + "\n" + string(m.Data)))
	m.ID = "msg_" + hex.EncodeToString(sum[:])[:32]
	c.told = true
	l := c.lane(m.Thing)
	if l.last.ID == m.ID || m.Revision > 0 && m.Revision <= l.last.Revision ||
		slices.ContainsFunc(l.queue, func(o contract.CallbackMessage) bool { return o.ID == m.ID }) {
		return
	}
	if c.pending() >= maxCallbacks {
		c.in.Dropped++
		c.note(ctx)
		workflow.GetMetricsHandler(ctx).WithTags(map[string]string{"result": "dropped"}).Counter("aftercall_callbacks").Inc(1)
		return
	}
	at := len(l.queue)
	for at > 0 && m.Revision > 0 && l.queue[at-1].Revision > m.Revision {
		at--
	}
	first := at == 0 && len(l.queue) > 0
	l.queue = slices.Insert(l.queue, at, m)
	if first || l.queue[0].GivenUp { // the receiver may be back
		l.again(m.At)
	}
	c.note(ctx)
}

func (c *callback) pending() (n int) {
	for _, l := range c.lanes {
		n += len(l.queue)
	}
	return n
}

// lane returns the lane of a thing.
func (c *callback) lane(thing string) *lane {
	if i := slices.IndexFunc(c.lanes, func(l *lane) bool { return l.thing == thing }); i >= 0 {
		return c.lanes[i]
	}
	l := &lane{thing: thing}
	c.lanes = append(c.lanes, l)
	return l
}

// waits reports whether the lane has undelivered messages.
func (l *lane) waits() bool { return len(l.queue) > 0 }

// again starts the tries of the queued messages again, as if they had just come.
func (l *lane) again(now time.Time) {
	for i := range l.queue {
		l.queue[i].GivenUp, l.queue[i].Since = false, now
	}
	if l.kick != nil {
		l.kick()
	}
}

func (c *callback) kickAll() {
	for _, l := range c.lanes {
		if l.kick != nil {
			l.kick()
		}
	}
}

// note records that something has changed.
func (c *callback) note(ctx workflow.Context) {
	c.changed, c.since = true, workflow.Now(ctx)
}

// deliver starts to deliver the first message of each lane, unless it is given up. It never yields.
func (c *callback) deliver(ctx workflow.Context) {
	for _, l := range c.lanes {
		if l.kick != nil || !l.waits() || l.queue[0].GivenUp || c.busy >= callbackLanes {
			continue
		}
		trying, kick := workflow.WithCancel(ctx)
		l.kick = kick
		first := l.queue[0]
		c.spawn(trying, "deliver", func(ctx workflow.Context) {
			failed := deliverCallback(ctx, c.in.URL, first)
			kicked := ctx.Err() != nil
			kick()
			l.kick = nil
			c.came(ctx, l, first.ID, failed, kicked)
		})
	}
}

// came handles the result of a message's tries. A message that was queued before it meanwhile has a lower revision than the
// delivered one, and is dropped.
func (c *callback) came(ctx workflow.Context, l *lane, id string, failed error, kicked bool) {
	at := slices.IndexFunc(l.queue, func(m contract.CallbackMessage) bool { return m.ID == id })
	switch m := &l.queue[at]; {
	case failed == nil:
		l.last = contract.CallbackMark{Thing: l.thing, ID: m.ID, Revision: m.Revision}
		l.queue = slices.Delete(l.queue, 0, at+1)
		c.in.Count++
		c.count(ctx, "delivered")
	case kicked: // it is tried again, or handed over
	default:
		late := workflow.Now(ctx).Sub(m.Since) >= callbackTriedFor-callbackLatePause
		m.LastTry = callbackTryOf(failed)
		m.GivenUp, m.Late = late || isGone(failed), true
		if m.GivenUp {
			c.count(ctx, "given-up")
		}
	}
	c.note(ctx)
}

func (c *callback) count(ctx workflow.Context, result string) {
	workflow.GetMetricsHandler(ctx).WithTags(map[string]string{"result": result}).Counter("aftercall_callbacks").Inc(1)
}

// hear subscribes to the recordings of a call: neither a request nor a closed call tells them.
func (c *callback) hear(ctx workflow.Context, callKey string) {
	if callKey == "" || slices.Contains(c.in.Heard, callKey) {
		return
	}
	c.in.Heard = append(c.in.Heard, callKey)
	c.in.Heard = c.in.Heard[max(len(c.in.Heard)-maxCallbackMarks, 0):]
	c.spawn(ctx, "hear-recordings", func(ctx workflow.Context) {
		known, err := hearRecordings(ctx, calls.SubscribeRequest{CallID: callKey, WorkflowID: c.id})
		switch {
		case err != nil && ctx.Err() == nil:
			workflow.GetLogger(ctx).Warn("a callback will not hear of the recordings of a call", "callKey", callKey, "error", err)
		case known.Recording != nil:
			if m, _, ok := recordingMessage(*known.Recording, workflow.Now(ctx).UTC()); ok {
				c.take(ctx, m)
			}
		}
	})
}

// spawn runs f beside the main loop. The workflow does not end before f has.
func (c *callback) spawn(ctx workflow.Context, name string, f func(workflow.Context)) {
	c.busy++
	workflow.GoNamed(ctx, name, func(ctx workflow.Context) {
		defer func() { c.busy-- }()
		f(ctx)
	})
}

// state returns what queries answer, the workflow returns, and the next run begins with.
func (c *callback) state() contract.CallbackState {
	s := contract.CallbackState{CallbackInput: c.in}
	s.Pending, s.Delivered = nil, nil
	for _, l := range c.lanes {
		s.Pending = append(s.Pending, l.queue...)
		if l.last.ID != "" {
			s.Delivered = append(s.Delivered, l.last)
		}
	}
	s.Delivered = s.Delivered[max(len(s.Delivered)-maxCallbackMarks, 0):]
	if a := c.needs(); a != "" {
		s.Attention = []string{a}
	}
	return s
}

// needs returns the attention that the callback needs, or "".
func (c *callback) needs() string {
	late := func(l *lane) bool { return l.waits() && l.queue[0].Late }
	if slices.ContainsFunc(c.lanes, late) || c.in.Dropped > 0 {
		return calls.AttentionCallback
	}
	return ""
}
