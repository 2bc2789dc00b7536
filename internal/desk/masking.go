package desk

import (
	"context"

	"go.temporal.io/sdk/client"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/intake"
)

// OpenMaskingSession starts the workflow that opens a masking session, and reports whether it was new. It returns
// ErrConflict where another request was made under the referenceId.
func (d *Desk) OpenMaskingSession(ctx context.Context, asked intake.Masking) (created bool, err error) {
	ref := asked.Request.ReferenceID
	o := options(ctx, calls.OpenMaskingSessionWorkflowID(ref), "Open masking session "+ref, calls.AttributeReferenceID.ValueSet(ref))
	in := contract.OpenMaskingSessionInput{MaskingSessionRequest: asked.Request, Settings: d.settings.Masking}
	return start(ctx, d, o, []string{asked.Hash, asked.OldHash}, contract.WorkflowOpenMaskingSession, in)
}

// MaskOpened starts the session of a mask that we opened, or tells the one that a leg started what is known of it. It
// returns ErrClosed where the session is over.
func (d *Desk) MaskOpened(ctx context.Context, maskID string, opened contract.MaskOpened) error {
	return signalSession(ctx, d, maskID, contract.SignalMaskOpened, opened)
}

// TellMaskingSession sends the state of a call to the session of its mask, and starts that where the mask was not heard
// of before. It returns ErrClosed where the session is over.
func (d *Desk) TellMaskingSession(ctx context.Context, maskID string, s calls.CallState) error {
	return signalSession(ctx, d, maskID, contract.SignalCallUpdate, s)
}

// SessionReference returns the referenceId of the request that opened the session of a mask, "" where a leg started it
// and no request has claimed it yet. It returns ErrUnknown where the mask has no session.
func (d *Desk) SessionReference(ctx context.Context, maskID string) (string, error) {
	id, err := d.SessionID(ctx, maskID)
	if err != nil {
		return "", err
	}
	desc, err := d.client.DescribeWorkflow(ctx, id, "")
	if err != nil {
		return "", Classify("look for masking session", err)
	}
	ref, _ := desc.TypedSearchAttributes.GetKeyword(calls.AttributeReferenceID)
	return ref, nil
}

// signalSession signals a session, which is started where it does not run. A session that is over is not started a
// second time: its story has been told.
func signalSession[T any](ctx context.Context, d *Desk, maskID string, s contract.Signal[T], payload T) error {
	key, err := d.maskKey(ctx, maskID)
	if err != nil {
		return err
	}
	in := contract.MaskingSessionInput{Edition: contract.Edition, MaskID: maskID, Settings: d.settings.Masking}
	if key != calls.Key(maskID) {
		in.MaskKey = key
	}
	return signal(ctx, d, sessionOptions(ctx, key), s, payload, contract.WorkflowMaskingSession, in)
}

func sessionOptions(ctx context.Context, key string) client.StartWorkflowOptions {
	return options(ctx, calls.MaskingSessionWorkflowID(key), "Masking session "+key, calls.AttributeMaskID.ValueSet(key))
}
