package desk

import (
	"context"
	"errors"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

// CallKey returns the call key for an identifier of the provider, or for a key. A call that an earlier release knew under
// its key without a keyed hash keeps that key.
func (d *Desk) CallKey(ctx context.Context, id string) (string, error) {
	return d.key(ctx, id, calls.CallWorkflowID)
}

// maskKey returns the key of a mask, likewise.
func (d *Desk) maskKey(ctx context.Context, maskID string) (string, error) {
	return d.key(ctx, maskID, calls.MaskingSessionWorkflowID)
}

// SessionID returns the id of the MaskingSession workflow of a mask.
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

// Former says how much a request whose referenceId is a keyed hash must consider that an earlier release may have made, or
// may be making, another referenceId of the same idempotency key.
type Former int

// The values of Former.
const (
	FormerGone      Former = iota // no earlier release has run for so long that nothing of it counts any more
	FormerRemembers               // its attempts are found in the dial ledger, by its referenceId alone
	FormerWorks                   // one of its workers runs, and does not know keyed hashes
)

// Reference returns the referenceId that replaces an idempotency key in a request without one. workflowID makes the
// workflow's id of it. former is the referenceId that an earlier release makes, if that matters. A workflow that runs or
// ran under the former referenceId keeps it.
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

// nameLeg sets the hash of a recording's leg, unless the recording runs or ran under another hash.
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
