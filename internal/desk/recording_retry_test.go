package desk_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
)

// retryTemporal is a Temporal for a Desk that retries recordings.
type retryTemporal struct {
	recordingTemporal
	updateErr, doneErr, queryErr error
	link                         contract.RecordingURL
	updates                      []string
}

func (r *retryTemporal) UpdateWorkflow(_ context.Context, o client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error) {
	r.updates = append(r.updates, o.WorkflowID+" "+o.UpdateName)
	return updateHandle{r: r}, r.updateErr
}

func (r *retryTemporal) QueryWorkflowWithOptions(_ context.Context, q *client.QueryWorkflowWithOptionsRequest) (*client.QueryWorkflowWithOptionsResponse, error) {
	if q.QueryType != contract.QueryRecordingURL.Name {
		return nil, serviceerror.NewQueryFailed("unknown query")
	}
	return &client.QueryWorkflowWithOptionsResponse{QueryResult: linkValue{r.link}}, r.queryErr
}

type updateHandle struct {
	client.WorkflowUpdateHandle
	r *retryTemporal
}

func (h updateHandle) Get(context.Context, any) error { return h.r.doneErr }

type linkValue struct{ link contract.RecordingURL }

func (v linkValue) HasValue() bool { return true }

func (v linkValue) Get(out any) error {
	*out.(*contract.RecordingURL) = v.link
	return nil
}

func TestRetryRecording(t *testing.T) {
	t.Parallel()
	id := calls.RecordingWorkflowID(recordingURL.CallKey, recordingURL.LegKey)
	retry := func(r *retryTemporal) error {
		return desk.New(r, desk.Settings{}).RetryRecording(t.Context(), id)
	}
	t.Run("that is pending is tried now", func(t *testing.T) {
		r := &retryTemporal{}
		require.NoError(t, retry(r))
		require.Equal(t, []string{id + " retry-now"}, r.updates)
		require.Empty(t, r.signalled)
	})
	t.Run("that has ended is begun anew with its URL and subscribers", func(t *testing.T) {
		for _, r := range []*retryTemporal{
			{updateErr: serviceerror.NewNotFound("workflow execution already completed")},
			{doneErr: temporal.NewApplicationError("closing", "AcceptedUpdateCompletedWorkflow")},
		} {
			r.link = recordingURL
			require.NoError(t, retry(r))
			require.Equal(t, []string{id + " recording-url"}, r.signalled)
			require.Equal(t, recordingURL, r.arg)
		}
	})
	t.Run("that is missing is looked for once more", func(t *testing.T) {
		asked := recordingURL
		asked.URL, asked.Asked = "", true
		r := &retryTemporal{updateErr: serviceerror.NewNotFound("closed"), link: asked}
		require.NoError(t, retry(r))
		require.Equal(t, asked, r.arg)
		require.True(t, r.input.(contract.RecordingInput).Asked)
	})
	t.Run("of which no URL is known cannot be tried", func(t *testing.T) {
		r := &retryTemporal{updateErr: serviceerror.NewNotFound("closed")}
		require.ErrorIs(t, retry(r), desk.ErrNothingToRetry)
	})
	t.Run("that is not known is not found", func(t *testing.T) {
		r := &retryTemporal{updateErr: serviceerror.NewNotFound("none"), queryErr: serviceerror.NewNotFound("none")}
		require.ErrorIs(t, retry(r), desk.ErrUnknown)
	})
	t.Run("whose workflow refuses says so", func(t *testing.T) {
		r := &retryTemporal{doneErr: temporal.NewApplicationError("only a recording that is PENDING", "")}
		require.ErrorContains(t, retry(r), "PENDING")
		require.Empty(t, r.signalled)
	})
}
