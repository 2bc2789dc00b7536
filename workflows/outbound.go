package workflows

import (
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/outbound"
)

// OutboundCallWorkflow takes one outbound call request to its outcome, and stays open for a while so that later news can
// correct it. Package outbound makes every decision; the workflow carries them out. Cancelling it stops further attempts,
// but it still waits for a placed call, since nothing can withdraw it and its outcome is needed. It never continues as new
// and must not be retried: its history is the record of what was dialled.
func OutboundCallWorkflow(ctx workflow.Context, in contract.OutboundCallInput) (calls.OutboundCallState, error) {
	in.Settings = in.Settings.WithDefaults()
	lasting, _ := workflow.NewDisconnectedContext(ctx) // never cancelled: open timers end with the workflow
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
	ctx         workflow.Context // survives a cancellation
	cancellable workflow.Context
	cancelled   bool // and which the machine knows
	id          string
	machine     *outbound.Machine
	updates     contract.Received[calls.CallState]
	stops       contract.Received[calls.StopRequest]
	waiters     waiters
	dialling    contract.Received[calls.Dialling]

	timer      alarm
	withdraw   workflow.CancelFunc // withdraws the PlaceCall under way
	lookUps    map[lookUpKey]workflow.CancelFunc
	tracks     map[int]workflow.CancelFunc
	busy       int  // running coroutines
	changed    bool // since the last update of details
	attributes outboundAttributes
}

// lookUpKey identifies a look-up under way.
type lookUpKey struct {
	attempt int
	purpose outbound.Purpose
}

// state returns what queries answer and the workflow returns.
func (o *outboundCall) state() calls.OutboundCallState {
	s := o.machine.State()
	s.WorkflowID = o.id
	return s
}

// run handles events until none can follow. It returns only after an empty drain, when nothing has yielded since.
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
		// The context survives a cancellation, so waiting cannot fail.
		_ = workflow.Await(o.ctx, func() bool {
			return o.changed || o.pending() || o.timer.rang() || over && o.idle()
		})
		if o.timer.rang() {
			o.happened(outbound.Ticked{})
		}
	}
}

// pending reports whether there are signals that the machine has not seen yet.
func (o *outboundCall) pending() bool {
	return o.updates.Len()+o.stops.Len()+o.dialling.Len()+o.waiters.pending() > 0 || !o.cancelled && o.cancellable.Err() != nil
}

// drain hands all received signals to the machine. It never yields.
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

// leaves cancels what is no longer worth waiting for, and reports whether nothing is left.
func (o *outboundCall) leaves() bool {
	for _, key := range workflow.DeterministicKeysFunc(o.lookUps, compareLookUps) {
		o.lookUps[key]()
	}
	for _, attempt := range workflow.DeterministicKeys(o.tracks) {
		o.tracks[attempt]()
	}
	return o.idle()
}

// idle reports whether a return would interrupt nothing.
func (o *outboundCall) idle() bool {
	return o.busy == 0 && !o.changed && !o.pending() && workflow.AllHandlersFinished(o.ctx)
}
