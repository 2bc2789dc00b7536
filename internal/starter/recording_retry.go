package starter

import (
	"context"
	"errors"
	"fmt"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/aftercall/aftercall/calls"
)

// RetryClient is what a RecordingRetrier needs of a Temporal client.
type RetryClient interface {
	RecordingClient
	UpdateWorkflow(ctx context.Context, o client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error)
	QueryWorkflow(ctx context.Context, workflowID, runID, queryType string, args ...any) (converter.EncodedValue, error)
}

// RecordingRetrier has recordings tried once more. It is safe for concurrent use.
type RecordingRetrier struct{ Client RetryClient }

// ErrNothingToRetry says that a recording has no URL that could be tried.
var ErrNothingToRetry = errors.New("no URL of this recording is known")

// RetryRecording has a recording tried at once. One whose workflow has ended without it, whatever the reason, is begun
// anew with the URL that was tried last. Errors: ErrNothingToRetry; a *temporal.ApplicationError where the workflow
// refuses; the Temporal client's, which for a recording that is not known is of type *serviceerror.NotFound.
func (r RecordingRetrier) RetryRecording(ctx context.Context, workflowID string) error {
	handle, err := r.Client.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: workflowID, UpdateName: calls.UpdateRetryNow, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err == nil {
		err = handle.Get(ctx, nil)
	}
	if !closed(err) {
		return err
	}
	answer, err := r.Client.QueryWorkflow(ctx, workflowID, "", calls.QueryRecordingURL)
	if err != nil {
		return fmt.Errorf("ask for the URL of a recording: %w", err)
	}
	var link calls.RecordingURL
	if err := answer.Get(&link); err != nil {
		return fmt.Errorf("read the URL of a recording: %w", err)
	}
	if link.URL == "" {
		return ErrNothingToRetry
	}
	_, err = RecordingKeeper{Client: r.Client}.KeepRecording(ctx, link)
	return err
}

// closed reports whether a workflow could not be asked because it is closed, or is closing without it.
func closed(err error) bool {
	if e, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return e.Type() == "AcceptedUpdateCompletedWorkflow"
	}
	return notFound(err)
}
