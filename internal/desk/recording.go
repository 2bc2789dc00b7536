package desk

import (
	"context"
	"errors"
	"fmt"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/callstate"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/phone"
)

// KeepRecording sends a URL, and whom to notify, to the leg's Recording workflow. It starts the workflow if it does not
// run; without a URL it starts it only if the recording was asked for. It returns the recording's result if its workflow
// has ended, else a pending recording, and a zero one if there is no URL and no known workflow.
func (d *Desk) KeepRecording(ctx context.Context, r contract.RecordingURL) (calls.Recording, error) {
	r, err := d.nameLeg(ctx, r)
	if err != nil {
		return calls.Recording{}, err
	}
	in, o := r.Input(), d.recordingOptions(ctx, r)
	if phone.Telling(r.CallSID) {
		in.Leg = "" // Leg is sent in clear
	}
	if in.MaskID != "" {
		in.MaskID = d.settings.Names.Key(r.MaskID)
	}
	if r.URL == "" && !r.Asked {
		err = Tell(ctx, d, o.ID, contract.SignalRecordingURL, r)
	} else {
		err = signal(ctx, d, o, contract.SignalRecordingURL, r, contract.WorkflowRecording, in)
	}
	switch {
	case errors.Is(err, ErrUnknown), errors.Is(err, ErrClosed):
		return d.endedRecording(ctx, o.ID)
	case err != nil:
		return calls.Recording{}, err
	}
	return calls.Recording{
		ID: in.LegHash, CallKey: in.CallKey, Leg: in.Leg, LegHash: in.LegHash, MaskID: in.MaskID, Status: calls.RecordingPending,
		Deadline: callstate.RecordingDeadline(r.CompletedAt, r.ReceivedAt),
	}, nil
}

// recordingOptions returns the options of the Recording workflow of a URL. A failed workflow may start again, since the URL
// may be another one. A workflow that stored its recording never starts again.
func (d *Desk) recordingOptions(ctx context.Context, r contract.RecordingURL) client.StartWorkflowOptions {
	hash := r.Input().LegHash
	attributes := []temporal.SearchAttributeUpdate{
		calls.AttributeCallID.ValueSet(r.CallKey), calls.AttributeRecordingStatus.ValueSet(string(calls.RecordingPending)),
	}
	if r.MaskID != "" {
		attributes = append(attributes, calls.AttributeMaskID.ValueSet(d.settings.Names.Key(r.MaskID)))
	}
	if ref := callstate.RequestReference(r.ReferenceID); ref != "" {
		attributes = append(attributes, calls.AttributeReferenceID.ValueSet(ref))
	}
	attributes = append(attributes, contract.PartyAttribute(r.Parties)...)
	o := options(ctx, calls.RecordingWorkflowIDOfHash(r.CallKey, hash), fmt.Sprintf("Recording of %s, leg %s", r.CallKey, hash), attributes...)
	o.WorkflowIDReusePolicy = enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY
	return o
}

// endedRecording reads a recording from the result, or from the failure, of its workflow. It returns a zero recording for
// an unknown workflow.
func (d *Desk) endedRecording(ctx context.Context, id string) (calls.Recording, error) {
	rec, err := Result(ctx, d, contract.WorkflowRecording, id)
	lost, failed := errors.AsType[*temporal.ApplicationError](err)
	switch {
	case errors.Is(err, ErrUnknown):
		return calls.Recording{}, nil
	case failed && lost.HasDetails():
		return rec, Classify("decode what became of a recording", lost.Details(&rec))
	case isError[*temporal.WorkflowExecutionError](err):
		return calls.Recording{}, nil
	}
	return rec, err
}
