package workflows

import (
	"errors"
	"slices"
	"strings"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/callstate"
	"github.com/aftercall/aftercall/internal/contract"
)

// adoptForeignWorkflow subscribes the workflow that a referenceId names: "wf:" and its id.
func (c *call) adoptForeignWorkflow() {
	id, named := strings.CutPrefix(c.state.ReferenceID, calls.ForeignWorkflowPrefix)
	s := calls.Subscription{WorkflowID: id}
	if named && !slices.Contains(c.in.Subscribers, s) {
		c.addSubscriber(s)
	}
}

// maxWorkflowID is how long an id Temporal takes. A longer one names no workflow, and a command with it would fail the
// workflow task for ever.
const maxWorkflowID = 1000

// toldKey names a subscription among those that were told.
func toldKey(s calls.Subscription) string { return s.WorkflowID + "\x00" + s.Waiter }

// owes reports whether a subscriber wants to be told the outcome's revision, and was not.
func (c *call) owes(s calls.Subscription) bool {
	told := c.in.Told[toldKey(s)]
	return c.state.Outcome != nil && told < c.state.Outcome.Revision && !s.Quiet && (told == 0 || !s.Once)
}

// tellSubscribers tells the outcome to everyone who does not have its revision yet.
// Where it is not yet time to tell a change, only whoever has not been told anything is told.
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
		sent = append(sent, tell(ctx, s.WorkflowID, contract.SignalCallOutcome(c.state.CallKey), outcome))
	}
	for _, s := range sent {
		c.state.Notified = s.record(ctx, c.state.Notified, outcome.Revision)
	}
}

// sendUpdates sends the state to the workflow of the request that placed the call, and to that of its masking session.
// They cannot know a call key beforehand, so they get every revision.
func (c *call) sendUpdates(ctx workflow.Context) {
	if c.updated >= c.state.Revision {
		return
	}
	c.updated = c.state.Revision
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
		s := sentSignal{to, contract.SignalCallUpdate.Send(ctx, to, told)}
		c.state.Notified = s.record(ctx, c.state.Notified, c.updated)
	}
	for _, mask := range sessions {
		told := state
		told.MaskID = mask
		c.spawn(ctx, "tell-masking-session", func(ctx workflow.Context) { tellMaskingSession(ctx, told) })
	}
}

// sentSignal is a signal to another workflow that is under way.
type sentSignal struct {
	workflowID string
	future     workflow.Future
}

// tell signals a workflow that is not ours. The codec leaves it in clear, since the worker there has no keys; what is
// sent carries no phone number.
func tell[T any](ctx workflow.Context, workflowID string, signal contract.Signal[T], payload T) sentSignal {
	return sentSignal{workflowID, signal.Send(ctx, workflowID, payload)}
}

// record waits until the signal is delivered or refused and writes down the result, one line per workflow. A workflow
// that is gone is no error.
func (s sentSignal) record(ctx workflow.Context, to []calls.Notified, revision int) []calls.Notified {
	n := calls.Notified{WorkflowID: s.workflowID, Result: calls.NotifiedTold, Revision: revision}
	if err := s.future.Get(ctx, nil); err != nil {
		n.Result = calls.NotifiedFailed
		if isNotFound(err) {
			n.Result = calls.NotifiedNotFound
		}
		workflow.GetLogger(ctx).Info("workflow was not told", "workflowId", s.workflowID, "result", n.Result)
		workflow.GetMetricsHandler(ctx).Counter("aftercall_untold").Inc(1)
	}
	n.At = workflow.Now(ctx).UTC()
	if i := slices.IndexFunc(to, func(o calls.Notified) bool { return o.WorkflowID == n.WorkflowID }); i >= 0 {
		to = slices.Clone(to)
		to[i] = n
		return to
	}
	return append(slices.Clone(to), n)
}

// isNotFound reports whether a workflow that was signalled is closed or was never there.
func isNotFound(err error) bool {
	_, unknown := errors.AsType[*temporal.UnknownExternalWorkflowExecutionError](err)
	return unknown
}

// spawn runs f beside the main loop; the call does not end before it has.
func (c *call) spawn(ctx workflow.Context, name string, f func(workflow.Context)) {
	c.busy++
	workflow.GoNamed(ctx, name, func(ctx workflow.Context) {
		defer func() { c.busy-- }()
		f(ctx)
	})
}
