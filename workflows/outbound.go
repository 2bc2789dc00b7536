package workflows

import (
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/outbound"
)

// OutboundCallWorkflow carries one outbound call request to its outcome, and stays open for a while so that the truth
// can still correct it. Every decision is package outbound's; this carries them out. Cancelling it stops further
// attempts; a call that was placed is waited for all the same, since its outcome is wanted and nothing can call it
// back. It never continues as new and must not be retried: its history is the record of what was dialled.
func OutboundCallWorkflow(ctx workflow.Context, in contract.OutboundCallInput) (calls.OutboundCallState, error) {
	in.Settings = in.Settings.WithDefaults()
	lasting, _ := workflow.NewDisconnectedContext(ctx) // never cancelled: what is open in the end ends with the workflow
	o := &outboundCall{
		in: in, ctx: lasting, cancellable: ctx, id: workflow.GetInfo(ctx).WorkflowExecution.ID,
		machine: outbound.New(in, workflow.Now(ctx)),
		updates: contract.SignalCallUpdate.Receive(ctx), stops: contract.SignalStop.Receive(ctx),
		dialling: contract.SignalDialling.Receive(ctx), waiters: newWaiters(ctx, in),
		lookUps: map[lookUpKey]workflow.CancelFunc{}, tracks: map[int]workflow.CancelFunc{},
	}
	if err := o.handleMessages(); err != nil {
		return o.state(), err
	}
	o.edition = editionOf(lasting, in.Edition, changeOutboundRules, 1)
	if !o.edition.since(lasting, changeOutboundRules) {
		o.machine.ByRulesOfOld()
	}
	o.happened(outbound.Started{})
	o.run()
	if ctx.Err() != nil {
		return o.state(), temporal.NewCanceledError(o.state())
	}
	return o.state(), nil
}

// outboundCall is a run of OutboundCallWorkflow.
type outboundCall struct {
	in          contract.OutboundCallInput
	edition     edition
	ctx         workflow.Context // outlives a cancellation
	cancellable workflow.Context
	cancelled   bool // and the machine knows
	id          string
	machine     *outbound.Machine
	updates     contract.Received[calls.CallState]
	stops       contract.Received[calls.StopRequest]
	waiters     waiters
	dialling    contract.Received[calls.Dialling]

	timer      alarm
	withdraw   workflow.CancelFunc // takes back the PlaceCall under way
	lookUps    map[lookUpKey]workflow.CancelFunc
	tracks     map[int]workflow.CancelFunc
	busy       int  // coroutines that are at work
	changed    bool // since the operator was shown anything
	attributes outboundAttributes
}

// lookUpKey names a look-up under way.
type lookUpKey struct {
	attempt int
	purpose outbound.Purpose
}

// state is what queries answer and the workflow returns.
func (o *outboundCall) state() calls.OutboundCallState {
	s := o.machine.State()
	s.WorkflowID = o.id
	return s
}

// run waits for what happens until nothing more can. It returns only when a drain was empty and nothing has yielded
// since.
func (o *outboundCall) run() {
	o.timer.single = o.edition < 1
	o.timer.why = "until the next attempt, the deadline, or the workflow is closed"
	defer func() { o.timer.rest() }()
	for {
		o.drain()
		if o.changed {
			o.show()
			continue
		}
		now := workflow.Now(o.ctx)
		switch at := o.machine.WakeAt(now); {
		case at.IsZero():
			o.timer.rest()
		case o.edition >= 1 && o.machine.Outcome() == nil:
			o.timer.by(o.ctx, at) // news of the call moves it
		default:
			o.timer.set(o.ctx, at)
		}
		over := o.machine.Finished(now)
		if over && o.leaves() {
			return
		}
		// The context outlives a cancellation, so waiting cannot fail.
		_ = workflow.Await(o.ctx, func() bool {
			return o.changed || o.pending() || o.timer.rang() || over && o.idle()
		})
		if o.timer.rang() {
			o.happened(outbound.Ticked{})
		}
	}
}

// pending reports whether something came in that the machine does not know yet.
func (o *outboundCall) pending() bool {
	return o.updates.Len()+o.stops.Len()+o.dialling.Len()+o.waiters.pending() > 0 || !o.cancelled && o.cancellable.Err() != nil
}

// drain hands in what came in. It never yields.
func (o *outboundCall) drain() {
	if !o.cancelled && o.cancellable.Err() != nil {
		o.cancelled = true
		o.happened(outbound.Stopped{Cancelled: true})
	}
	for u := range o.updates.Drain() {
		o.happened(outbound.Updated{Call: u})
	}
	for d := range o.dialling.Drain() {
		o.happened(outbound.DiallingChanged{Dialling: d})
	}
	for s := range o.stops.Drain() {
		o.happened(outbound.Stopped{Reason: s.Reason})
	}
	if o.waiters.drain() {
		o.happened(outbound.Stopped{Reason: "nobody waits for it any more"})
	}
	o.tellWaiters()
}

// leaves takes back what is not worth waiting for any more, and reports whether nothing is left.
func (o *outboundCall) leaves() bool {
	for _, key := range workflow.DeterministicKeysFunc(o.lookUps, compareLookUps) {
		o.lookUps[key]()
	}
	for _, attempt := range workflow.DeterministicKeys(o.tracks) {
		o.tracks[attempt]()
	}
	return o.idle()
}

// idle reports whether nothing is under way that a return would cut off.
func (o *outboundCall) idle() bool {
	return o.busy == 0 && !o.changed && !o.pending() && workflow.AllHandlersFinished(o.ctx)
}
