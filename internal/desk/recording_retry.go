package desk

import (
	"context"
	"errors"
	"sync/atomic"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"golang.org/x/sync/errgroup"

	"github.com/aftercall/aftercall/internal/contract"
)

// ErrNothingToRetry means that a recording has no URL to try.
var ErrNothingToRetry = errors.New("no URL of this recording is known")

// RetryRecording makes a recording's workflow try at once. If the workflow has ended without the recording, for whatever
// reason, RetryRecording starts it again with the URL of the last try. It returns ErrNothingToRetry, ErrUnknown, or a
// *temporal.ApplicationError if the workflow refuses.
func (d *Desk) RetryRecording(ctx context.Context, workflowID string) error {
	err := Do(ctx, d, contract.UpdateRetryRecording, workflowID, contract.None{})
	if !errors.Is(err, ErrUnknown) && !errors.Is(err, ErrClosed) {
		return err
	}
	answer, err := d.query(ctx, workflowID, contract.QueryRecordingURL.Name, enumspb.QUERY_REJECT_CONDITION_NONE)
	if err != nil {
		return err
	}
	var link contract.RecordingURL
	if err := answer.QueryResult.Get(&link); err != nil {
		return Classify("read the URL of a recording", err)
	}
	if link.URL == "" && !link.Asked {
		return ErrNothingToRetry
	}
	_, err = d.KeepRecording(ctx, link)
	return err
}

// RetryRecordings calls RetryRecording for up to limit recordings, either pending or lost ones. next is the cursor of the
// next batch, empty at the end.
func (d *Desk) RetryRecordings(ctx context.Context, pending bool, limit int, cursor []byte) (tried, failed int, next []byte, err error) {
	query := `WorkflowType = "Recording" AND ExecutionStatus = "Running"`
	if !pending {
		query = `WorkflowType = "Recording" AND ExecutionStatus IN ("Failed", "Terminated", "TimedOut", "Canceled")`
	}
	found, err := d.client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: query, PageSize: int32(limit), NextPageToken: cursor})
	if err != nil {
		return 0, 0, nil, Classify("list recordings", err)
	}
	var lost atomic.Int64
	var g errgroup.Group
	g.SetLimit(8)
	for _, e := range found.GetExecutions() {
		g.Go(func() error {
			if d.RetryRecording(ctx, e.GetExecution().GetWorkflowId()) != nil {
				lost.Add(1)
			}
			return nil
		})
	}
	_ = g.Wait() // nothing in it fails
	failed = int(lost.Load())
	return len(found.GetExecutions()) - failed, failed, found.GetNextPageToken(), ctx.Err()
}
