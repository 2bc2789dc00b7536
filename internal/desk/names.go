package desk

import (
	"context"
	"errors"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

// CallKey is the key of a call by an identifier of the provider's, or by a key. A call that was heard of under the key
// that its identifier had before there were keyed hashes keeps that one.
func (d *Desk) CallKey(ctx context.Context, id string) (string, error) {
	return d.key(ctx, id, calls.CallWorkflowID)
}

// maskKey is the key of a mask, likewise.
func (d *Desk) maskKey(ctx context.Context, maskID string) (string, error) {
	return d.key(ctx, maskID, calls.MaskingSessionWorkflowID)
}

// SessionID is the id of the MaskingSession workflow of a mask.
func (d *Desk) SessionID(ctx context.Context, maskID string) (string, error) {
	key, err := d.maskKey(ctx, maskID)
	return calls.MaskingSessionWorkflowID(key), err
}

func (d *Desk) key(ctx context.Context, id string, workflowID func(key string) string) (string, error) {
	key, before := d.settings.Names.Key(id), calls.Key(id)
	if key == before {
		return key, nil
	}
	known, err := d.known(ctx, workflowID(before))
	if known {
		key = before
	}
	return key, err
}

// Former says how far a request that has a keyed hash as its referenceId has to mind that an earlier release may have made,
// or be making, another one of it.
type Former int

// All of it.
const (
	FormerGone      Former = iota // none has run for so long that nothing of it counts any more
	FormerRemembers               // what it has dialled is found in the dial ledger, by its referenceId alone
	FormerWorks                   // one of its workers runs, and knows no keyed hash
)

// Reference is the referenceId that stands for an idempotency key where a request has none, for the kind of workflow whose
// id is made by workflowID. former is what an earlier release makes of it, where that has to be minded. What runs or ran under that
// one keeps it.
func (d *Desk) Reference(ctx context.Context, idempotencyKey string, workflowID func(referenceID string) string) (reference, former string, err error) {
	forms := d.settings.Names.References(idempotencyKey)
	if len(forms) == 1 {
		return forms[0], "", nil
	}
	minded := FormerGone
	if d.settings.Former != nil {
		minded = d.settings.Former()
	}
	now, before := forms[0], forms[1]
	switch known, err := d.known(ctx, workflowID(before)); {
	case known || err != nil:
		return before, "", err
	case minded == FormerGone:
		return now, "", nil
	case minded == FormerRemembers:
		return now, before, nil
	}
	if known, err := d.known(ctx, workflowID(now)); known || err != nil {
		return now, before, err
	}
	return before, "", nil
}

// known reports whether Temporal remembers a workflow, live or closed.
func (d *Desk) known(ctx context.Context, workflowID string) (bool, error) {
	_, err := d.client.DescribeWorkflow(ctx, workflowID, "")
	err = Classify("look for workflow", err)
	if errors.Is(err, ErrUnknown) || errors.Is(err, ErrRejected) {
		return false, nil
	}
	return err == nil, err
}

// nameLeg gives the leg of a recording the hash that stands for it, unless the recording runs or ran under another.
func (d *Desk) nameLeg(ctx context.Context, r contract.RecordingURL) (contract.RecordingURL, error) {
	forms := d.settings.Names.Legs(r.LegKey)
	if len(forms) == 1 {
		return r, nil
	}
	known, err := d.known(ctx, calls.RecordingWorkflowIDOfHash(r.CallKey, forms[1]))
	if !known {
		r.LegHash = forms[0]
	}
	return r, err
}
