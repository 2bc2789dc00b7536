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
