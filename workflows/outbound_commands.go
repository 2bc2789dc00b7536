package workflows

import (
	"cmp"
	"fmt"

	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/outbound"
)

// happened tells the machine an event, and starts the commands that it returns. It never yields.
func (o *outboundCall) happened(e outbound.Event) {
	o.changed = true
	for _, c := range o.machine.Handle(workflow.Now(o.ctx), e) {
		switch c := c.(type) {
		case outbound.Place:
			o.place(c)
		case outbound.WithdrawPlace:
			if !c.Proven || o.edition.since(o.ctx, changeWithdrawProven) {
				o.withdraw()
			}
		case outbound.CheckHours:
			o.spawn("calling-hours", o.ctx, func(ctx workflow.Context) outbound.Event { return callingHours(ctx, c) })
		case outbound.Track:
			o.track(c)
		case outbound.LookUp:
			o.lookUp(c)
		case outbound.CancelLookUp:
			if cancel := o.lookUps[lookUpKey{c.Attempt, c.Purpose}]; cancel != nil {
				cancel()
			}
		case outbound.Tell:
			o.tell(c.Outcome)
		}
	}
}

// spawn runs f beside the main loop and tells the machine the result. The workflow does not end before that.
func (o *outboundCall) spawn(name string, ctx workflow.Context, f func(workflow.Context) outbound.Event) {
	o.busy++
	workflow.GoNamed(ctx, name, func(ctx workflow.Context) {
		e := f(ctx)
		o.busy--
		o.changed = true
		if e != nil {
			o.happened(e)
		}
	})
}

func (o *outboundCall) place(c outbound.Place) {
	in := contract.PlaceCallInput{
		Request: o.in.Request, ReferenceID: c.ReferenceID, CallerID: c.CallerID, SecondaryCallerID: c.SecondaryCallerID,
		NotAfter: c.NotAfter, OriginalRunID: workflow.GetInfo(o.ctx).OriginalRunID, Post: c.Post, Claims: c.Claims,
	}
	in.Request.CallerID, in.Request.SecondaryCallerID, in.Request.Failover, in.Request.Notify = "", "", nil, nil
	in.Request.Retry, in.Request.NotBefore = nil, nil
	if o.in.Former != "" {
		in.Former = calls.AttemptReferenceID(o.in.Former, c.Attempt)
	}
	ctx, cancel := workflow.WithCancel(o.ctx)
	o.withdraw = cancel
	o.spawn(fmt.Sprintf("attempt-%d", c.Attempt), ctx, func(ctx workflow.Context) outbound.Event {
		return placeCall(ctx, c.Attempt, in, o.in.Settings.ProviderTimeout)
	})
}

func (o *outboundCall) track(c outbound.Track) {
	ctx, cancel := workflow.WithCancel(o.ctx)
	o.tracks[c.Attempt] = cancel
	o.spawn(fmt.Sprintf("track-%d", c.Attempt), ctx, func(ctx workflow.Context) outbound.Event {
		in := contract.TrackCallInput{CallID: c.CallID, ReferenceID: c.ReferenceID, To: c.To, Recorded: o.in.Request.CallRecording}
		call, lost := trackCall(ctx, o.edition, in, o.in.Settings.MaxAge)
		return outbound.Tracked{Attempt: c.Attempt, Call: call, Lost: lost}
	})
}

func (o *outboundCall) lookUp(c outbound.LookUp) {
	ctx, cancel := workflow.WithCancel(o.ctx)
	key := lookUpKey{c.Attempt, c.Purpose}
	o.lookUps[key] = cancel
	o.spawn(fmt.Sprintf("%s-%d", c.Purpose, c.Attempt), ctx, func(ctx workflow.Context) outbound.Event {
		e := lookUpAttempt(ctx, c, o.in.Settings.ProviderTimeout)
		delete(o.lookUps, key)
		return e
	})
}

func compareLookUps(a, b lookUpKey) int {
	return cmp.Or(cmp.Compare(a.attempt, b.attempt), cmp.Compare(a.purpose, b.purpose))
}

// tell signals the outcome to the workflow and the callback that the request names.
func (o *outboundCall) tell(outcome calls.OutboundOutcome) {
	if n := o.in.Request.Notify; n != nil && n.WorkflowID != "" {
		o.tellOutcome(n.WorkflowID, outcome)
	}
	if o.in.Callback != "" && since(o.ctx, changeCallbackToo) { // a worker from before it may have had the run
		o.tellOutcome(o.in.Callback, outcome)
	}
}
