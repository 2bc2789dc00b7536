package desk

import (
	"context"
	"errors"
	"slices"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/intake"
)

// memoRequestHash is the memo that tells a repeated request from a different one with the same referenceId.
const memoRequestHash = "requestHash"

// memoOwner is the memo that names the API key of the request that started a workflow.
const memoOwner = "owner"

type ownerKey struct{}

// WithOwner makes every workflow started with the context carry the name of its requester.
func WithOwner(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, ownerKey{}, name)
}

// Owner returns the name given to WithOwner, or "".
func Owner(ctx context.Context) string {
	name, _ := ctx.Value(ownerKey{}).(string)
	return name
}

// PlaceCall starts the workflow of a request, and reports whether it was new. asked and fault are the results of package
// intake. It still recognises the repetition of an accepted request whose only fault is that its time has passed. It
// returns fault or ErrConflict if it refuses the request.
func (d *Desk) PlaceCall(ctx context.Context, asked intake.Outbound, fault error) (created bool, err error) {
	req := asked.Request
	id := calls.OutboundCallWorkflowID(req.ReferenceID)
	if fault != nil {
		return false, d.repeated(ctx, id, asked, fault)
	}
	parties := contract.JoinParties(d.settings.Names.Parties(req.To, req.CallerID, req.SecondaryCallerID))
	o := options(ctx, id, "Outbound call "+req.ReferenceID, append(contract.PartyAttribute(parties), calls.AttributeReferenceID.ValueSet(req.ReferenceID))...)
	o.Priority = temporal.Priority{PriorityKey: asked.Priority(), FairnessKey: asked.FairnessKey()} // its activities inherit it
	in := contract.OutboundCallInput{Edition: d.edition(), Request: req, Settings: d.settings.Outbound, Waiters: asked.Waiters, Former: asked.Former}
	if d.settings.Dialling != nil {
		in.Dialling = d.settings.Dialling()
	}
	if d.settings.Expected != nil {
		if at := d.settings.Expected(asked); !at.IsZero() {
			in.ExpectedStart = new(at.UTC())
		}
	}
	var done func(created bool)
	in.Request.Notify, in.Callback, done, err = d.callBack(ctx, id, req.Notify, parties)
	if err != nil {
		return false, err
	}
	created, err = start(ctx, d, o, []string{asked.Hash, asked.OldHash}, contract.WorkflowOutboundCall, in)
	done(created || err != nil && !errors.Is(err, ErrConflict))
	return created, err
}

// start starts a workflow for a request, or finds that the same request has started it before. The first of the hashes is
// the request's, the others are its hashes in earlier releases.
func start[In, Out any](ctx context.Context, d *Desk, o client.StartWorkflowOptions, hashes []string, w contract.Workflow[In, Out], in In) (created bool, err error) {
	if o.Memo == nil {
		o.Memo = map[string]any{}
	}
	o.Memo[memoRequestHash] = hashes[0]
	_, err = d.client.ExecuteWorkflow(ctx, o, w.Name, in)
	err = Classify("start "+w.Name, err)
	if errors.Is(err, ErrClosed) { // or running
		return false, d.same(ctx, o.ID, hashes)
	}
	return err == nil, err
}

// repeated returns nil if the same request was accepted before its time passed, else the fault.
func (d *Desk) repeated(ctx context.Context, id string, asked intake.Outbound, fault error) error {
	var errs *intake.Errors
	if !errors.As(fault, &errs) || !errs.OnlyTimePassed() {
		return fault
	}
	err := d.same(ctx, id, []string{asked.Hash, asked.OldHash})
	if errors.Is(err, ErrUnknown) {
		return fault
	}
	return err
}

// same returns ErrConflict if a request with another hash started the workflow, and ErrForeign if none of our requests did.
func (d *Desk) same(ctx context.Context, id string, hashes []string) error {
	desc, err := d.client.DescribeWorkflow(ctx, id, "")
	if err != nil {
		return Classify("describe workflow", err)
	}
	var started string
	if err := desc.GetMemoValue(memoRequestHash, &started); err != nil {
		return ErrForeign
	}
	if !slices.Contains(hashes, started) {
		return ErrConflict
	}
	return nil
}
