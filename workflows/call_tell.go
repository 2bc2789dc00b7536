package workflows

import (
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/callstate"
	"github.com/aftercall/aftercall/internal/contract"
)

// adoptForeignWorkflow subscribes the workflow that a referenceId "wf:<id>" names.
func (c *call) adoptForeignWorkflow() {
	id, named := strings.CutPrefix(c.state.ReferenceID, calls.ForeignWorkflowPrefix)
	s := calls.Subscription{WorkflowID: id}
	if named && !slices.Contains(c.in.Subscribers, s) {
		c.addSubscriber(s)
	}
}

// maxWorkflowID is the longest id that Temporal accepts. A longer one names no workflow, and a command with it would fail
// the workflow task forever.
const maxWorkflowID = 1000

// toldKey returns the key of a subscription among the told ones.
func toldKey(s calls.Subscription) string { return s.WorkflowID + "\x00" + s.Waiter }

// owes reports whether a subscriber must still be told this revision of the outcome.
func (c *call) owes(s calls.Subscription) bool {
	told := c.in.Told[toldKey(s)]
	return c.state.Outcome != nil && told < c.state.Outcome.Revision && !s.Quiet && (told == 0 || !s.Once)
}

// tellSubscribers tells the outcome to every subscriber that lacks its revision. During a pause, it tells only those that
// have been told nothing so far.
func (c *call) tellSubscribers(ctx workflow.Context, due bool) {
	if c.state.Outcome == nil {
		return
	}
	outcome := *c.state.Outcome
	sent := make([]sentSignal, 0, len(c.in.Subscribers))
	for _, s := range c.in.Subscribers {
		told := c.in.Told[toldKey(s)]
		if !c.owes(s) || told > 0 && !due {
			continue
		}
		c.in.Told[toldKey(s)] = outcome.Revision
		sent = append(sent, tell(ctx, c.edition, s.WorkflowID, contract.SignalCallOutcome(c.state.CallKey), outcome))
	}
	for _, s := range sent {
		c.state.Notified = s.record(ctx, c.state.Notified, outcome.Revision)
	}
}

// sendUpdates sends every revision of the state to the workflow of the request that placed the call, and to the workflow of
// its masking session. These do not subscribe, because they cannot know the call's key beforehand.
func (c *call) sendUpdates(ctx workflow.Context) {
	if c.updated >= c.state.Revision {
		return
	}
	c.updated = c.state.Revision
	if c.edition >= 1 && len(c.state.Legs) == 0 && c.state.Outcome == nil {
		return // nothing is known but what the tracking workflow told us
	}
	state := c.state
	requests, sessions := callstate.Requests(state), callstate.Sessions(state)
	state.Evidence, state.Notified = nil, nil
	for _, ref := range requests {
		request, _, _ := calls.ParseAttemptReferenceID(ref)
		to := calls.OutboundCallWorkflowID(request)
		if len(to) > maxWorkflowID {
			continue
		}
		told := state
		told.ReferenceID = ref
		c.state.Notified = tell(ctx, c.edition, to, contract.SignalCallUpdate, told).record(ctx, c.state.Notified, c.updated)
	}
	for _, mask := range sessions {
		told := state
		told.MaskID = mask
		c.spawn(ctx, "tell-masking-session", func(ctx workflow.Context) { tellMaskingSession(ctx, c.edition, told) })
	}
}

// spawn runs f beside the main loop. The call does not end before f has.
func (c *call) spawn(ctx workflow.Context, name string, f func(workflow.Context)) {
	c.busy++
	workflow.GoNamed(ctx, name, func(ctx workflow.Context) {
		defer func() { c.busy-- }()
		f(ctx)
	})
}
