package desk

import (
	"context"
	"errors"

	enumspb "go.temporal.io/api/enums/v1"

	"github.com/aftercall/aftercall/internal/contract"
)

// ErrNothingToRetry says that a recording has no URL that could be tried.
var ErrNothingToRetry = errors.New("no URL of this recording is known")

// RetryRecording has a recording tried at once. One whose workflow has ended without it, whatever the reason, is begun
// anew with the URL that was tried last. It returns ErrNothingToRetry, ErrUnknown, or a *temporal.ApplicationError where
// the workflow refuses.
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
	if link.URL == "" {
		return ErrNothingToRetry
	}
	_, err = d.KeepRecording(ctx, link)
	return err
}
