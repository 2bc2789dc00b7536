package starter

import (
	"context"
	"errors"
	"fmt"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/callstate"
)

// RecordingClient is what a RecordingKeeper needs of a Temporal client.
type RecordingClient interface {
	SignalWithStartWorkflow(ctx context.Context, id, signal string, arg any, o client.StartWorkflowOptions, workflow any, args ...any) (client.WorkflowRun, error)
	SignalWorkflow(ctx context.Context, id, runID, signal string, arg any) error
	GetWorkflow(ctx context.Context, id, runID string) client.WorkflowRun
}

// RecordingKeeper hands recordings to their workflows. It is safe for concurrent use.
type RecordingKeeper struct{ Client RecordingClient }

// RecordingOptions are the start options of the Recording workflow of a URL. One that failed may start again: the URL
// may be another one. One that stored its recording never does.
func RecordingOptions(r calls.RecordingURL) client.StartWorkflowOptions {
	in := r.Input()
	attributes := []temporal.SearchAttributeUpdate{
		calls.AttributeCallID.ValueSet(r.CallKey), calls.AttributeRecordingStatus.ValueSet(string(calls.RecordingPending)),
	}
	if r.MaskID != "" {
		attributes = append(attributes, calls.AttributeMaskID.ValueSet(calls.Key(r.MaskID)))
	}
	o := options(calls.RecordingWorkflowIDOfHash(r.CallKey, in.LegHash), fmt.Sprintf("Recording of %s, leg %s", r.CallKey, in.LegHash),
		temporal.NewSearchAttributes(attributes...))
	o.WorkflowIDReusePolicy = enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY
	return o
}

// KeepRecording hands a URL, and whoever wants to be told, to the leg's Recording workflow, which it starts where it
// does not run. Without a URL nothing is started. It returns what became of the recording where its workflow has ended,
// else one that is pending, and a zero one where there is no URL and nothing is known. It may be repeated. Errors: the
// Temporal client's.
func (k RecordingKeeper) KeepRecording(ctx context.Context, r calls.RecordingURL) (calls.Recording, error) {
	o := RecordingOptions(r)
	var err error
	if r.URL == "" {
		err = k.Client.SignalWorkflow(ctx, o.ID, "", calls.SignalRecordingURL, r)
	} else {
		_, err = k.Client.SignalWithStartWorkflow(ctx, o.ID, calls.SignalRecordingURL, r, o, calls.TypeRecording, r.Input())
	}
	switch {
	case notFound(err), alreadyStarted(err):
		return k.ended(ctx, o.ID)
	case err != nil:
		return calls.Recording{}, fmt.Errorf("keep recording: %w", err)
	}
	in := r.Input()
	return calls.Recording{
		CallKey: in.CallKey, Leg: in.Leg, LegHash: in.LegHash, MaskID: in.MaskID, Status: calls.RecordingPending,
		Deadline: callstate.RecordingDeadline(r.CompletedAt, r.ReceivedAt),
	}, nil
}

// ended reads what became of a recording from the result, or from the failure, of its workflow.
func (k RecordingKeeper) ended(ctx context.Context, id string) (calls.Recording, error) {
	var rec calls.Recording
	err := k.Client.GetWorkflow(ctx, id, "").Get(ctx, &rec)
	failed, isFailure := errors.AsType[*temporal.WorkflowExecutionError](err)
	switch {
	case err == nil:
		return rec, nil
	case notFound(err):
		return calls.Recording{}, nil
	case !isFailure:
		return calls.Recording{}, fmt.Errorf("read what became of a recording: %w", err)
	}
	if lost, ok := errors.AsType[*temporal.ApplicationError](failed); ok && lost.HasDetails() {
		if err := lost.Details(&rec); err != nil {
			return calls.Recording{}, fmt.Errorf("decode what became of a recording: %w", err)
		}
	}
	return rec, nil
}
