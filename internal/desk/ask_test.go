package desk_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	querypb "go.temporal.io/api/query/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/mocks"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/callstate"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
)

// encoded is an encoded answer of a workflow.
type encoded struct{ v any }

func (encoded) HasValue() bool     { return true }
func (e encoded) Get(to any) error { return roundTrip(e.v, to) }

var _ converter.EncodedValue = encoded{}

func running(v any) *client.QueryWorkflowWithOptionsResponse {
	return &client.QueryWorkflowWithOptionsResponse{QueryResult: encoded{v}}
}

func closedAs(s enumspb.WorkflowExecutionStatus) *client.QueryWorkflowWithOptionsResponse {
	return &client.QueryWorkflowWithOptionsResponse{QueryRejected: &querypb.QueryRejected{Status: s}}
}

func onlyOpen(r *client.QueryWorkflowWithOptionsRequest) bool {
	return r.QueryRejectCondition == enumspb.QUERY_REJECT_CONDITION_NOT_OPEN && r.WorkflowID == "call:abc" && r.QueryType == "state"
}

func anyRun(r *client.QueryWorkflowWithOptionsRequest) bool { return !onlyOpen(r) }

func TestStateOfARunningWorkflow(t *testing.T) {
	t.Parallel()
	c := mocks.NewClient(t)
	c.On("QueryWorkflowWithOptions", mock.Anything, mock.MatchedBy(onlyOpen)).Return(running(calls.CallState{Revision: 4}), nil)
	s, closed, err := desk.Ask(t.Context(), desk.New(c, desk.Settings{}), contract.QueryCall, "call:abc")
	require.NoError(t, err)
	require.False(t, closed)
	require.Equal(t, 4, s.Revision)
}

// TestStateOfACallThatIsOnlyExpected: no worker can answer for it before its first task.
func TestStateOfACallThatIsOnlyExpected(t *testing.T) {
	t.Parallel()
	c := mocks.NewClient(t)
	c.On("QueryWorkflowWithOptions", mock.Anything, mock.Anything).Return(nil, serviceerror.NewWorkflowNotReady("Workflow task is not scheduled yet."))
	d := desk.New(c, desk.Settings{})
	s, closed, err := desk.Ask(t.Context(), d, contract.QueryCall, "call:abc")
	require.NoError(t, err)
	require.False(t, closed)
	require.Equal(t, callstate.New("abc"), s)
	c.On("DescribeWorkflow", mock.Anything, "outbound:abc", "").Return(nil, serviceerror.NewUnavailable("away"))
	_, _, err = desk.Ask(t.Context(), d, contract.QueryOutboundCall, "outbound:abc")
	require.ErrorIs(t, err, desk.ErrAway, "others do not wait with their first task")
}

func TestStateOfAClosedWorkflowIsItsResult(t *testing.T) {
	t.Parallel()
	c, run := mocks.NewClient(t), mocks.NewWorkflowRun(t)
	c.On("QueryWorkflowWithOptions", mock.Anything, mock.Anything).Return(closedAs(enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED), nil).Once()
	c.On("GetWorkflow", mock.Anything, "call:abc", "").Return(run)
	run.On("Get", mock.Anything, mock.Anything).Return(func(_ context.Context, to any) error { return roundTrip(calls.CallState{Revision: 5}, to) })
	s, closed, err := desk.Ask(t.Context(), desk.New(c, desk.Settings{}), contract.QueryCall, "call:abc")
	require.NoError(t, err)
	require.True(t, closed)
	require.Equal(t, 5, s.Revision)
}

func TestStateOfAFailedWorkflowIsAsked(t *testing.T) {
	t.Parallel()
	c := mocks.NewClient(t)
	c.On("QueryWorkflowWithOptions", mock.Anything, mock.MatchedBy(onlyOpen)).Return(closedAs(enumspb.WORKFLOW_EXECUTION_STATUS_FAILED), nil)
	c.On("QueryWorkflowWithOptions", mock.Anything, mock.MatchedBy(anyRun)).Return(running(calls.CallState{Revision: 6}), nil)
	s, closed, err := desk.Ask(t.Context(), desk.New(c, desk.Settings{}), contract.QueryCall, "call:abc")
	require.NoError(t, err)
	require.True(t, closed)
	require.Equal(t, 6, s.Revision)
}

func TestStateOfAnIDTooLongIsUnknown(t *testing.T) {
	t.Parallel()
	c := mocks.NewClient(t)
	c.On("QueryWorkflowWithOptions", mock.Anything, mock.Anything).Return(nil, serviceerror.NewInvalidArgument("x"))
	_, _, err := desk.Ask(t.Context(), desk.New(c, desk.Settings{}), contract.QueryCall, "call:abc")
	require.ErrorIs(t, err, desk.ErrUnknown)
}

func TestWaitersShareOneUpdate(t *testing.T) {
	t.Parallel()
	c, handle := mocks.NewClient(t), mocks.NewWorkflowUpdateHandle(t)
	c.On("UpdateWorkflow", mock.Anything, client.UpdateWorkflowOptions{
		WorkflowID: "call:abc", UpdateName: "await-outcome", UpdateID: "await-outcome", WaitForStage: client.WorkflowUpdateStageCompleted,
	}).Return(handle, nil)
	handle.On("Get", mock.Anything, nil).Return(nil)
	require.NoError(t, desk.New(c, desk.Settings{}).AwaitOutcome(t.Context(), "call:abc"))
}

func TestRefusedUpdateKeepsItsReason(t *testing.T) {
	t.Parallel()
	c, handle := mocks.NewClient(t), mocks.NewWorkflowUpdateHandle(t)
	c.On("UpdateWorkflow", mock.Anything, mock.Anything).Return(handle, nil)
	handle.On("Get", mock.Anything, nil).Return(temporal.NewApplicationError("no", "REFUSED"))
	err := desk.Do(t.Context(), desk.New(c, desk.Settings{}), contract.UpdateStopRetrying, "outbound:r", contract.StopRetrying{})
	var refused *temporal.ApplicationError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "REFUSED", refused.Type())
}

func TestTell(t *testing.T) {
	t.Parallel()
	c := mocks.NewClient(t)
	c.On("SignalWorkflow", mock.Anything, "w1", "", "call-outcome:abc", calls.Outcome{}).Return(nil).Once()
	d := desk.New(c, desk.Settings{})
	require.NoError(t, desk.Tell(t.Context(), d, "w1", contract.SignalCallOutcome("abc"), calls.Outcome{}))
	c.On("SignalWorkflow", mock.Anything, mock.Anything, "", mock.Anything, mock.Anything).Return(serviceerror.NewNotFound("gone"))
	require.ErrorIs(t, desk.Tell(t.Context(), d, "w1", contract.SignalCallOutcome("x"), calls.Outcome{}), desk.ErrUnknown)
}

func TestResult(t *testing.T) {
	t.Parallel()
	c, run := mocks.NewClient(t), mocks.NewWorkflowRun(t)
	c.On("GetWorkflow", mock.Anything, "mask-open:m1", "").Return(run)
	run.On("Get", mock.Anything, mock.Anything).Return(errors.New("boom"))
	_, err := desk.Result(t.Context(), desk.New(c, desk.Settings{}), contract.WorkflowOpenMaskingSession, "mask-open:m1")
	require.ErrorContains(t, err, "boom")
}

// TestUpdateOfAForeignWorkflow: an update tells a foreign workflow too.
func TestUpdateOfAForeignWorkflow(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	c := mocks.NewClient(t)
	c.On("UpdateWorkflow", mock.Anything, mock.Anything).Return(nil, serviceerror.NewDeadlineExceeded("x"))
	c.On("DescribeWorkflow", mock.Anything, "outbound:r", "").Return(func(ctx context.Context, _, _ string) (*client.WorkflowExecutionDescription, error) {
		return &client.WorkflowExecutionDescription{
			WorkflowExecutionMetadata: client.WorkflowExecutionMetadata{WorkflowType: workflow.Type{Name: "Payroll"}},
		}, ctx.Err()
	})
	cancel()
	require.ErrorIs(t, desk.Do(ctx, desk.New(c, desk.Settings{}), contract.UpdateStopRetrying, "outbound:r", contract.StopRetrying{}), desk.ErrForeign)
}

// roundTrip encodes a value and decodes it into another.
func roundTrip(from, into any) error {
	data, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}

// TestForeignWorkflowIsNoFaultOfTemporal: a foreign workflow under an id of ours is told apart from one that does not
// answer. Nobody retries for its sake.
func TestForeignWorkflowIsNoFaultOfTemporal(t *testing.T) {
	t.Parallel()
	failed := serviceerror.NewQueryFailed("unknown queryType state")
	for name, row := range map[string]struct {
		workflowType string
		describe     error
		query        error // nil: closed with an empty result
		want         error
	}{
		"somebody else's, running":    {"Payroll", nil, failed, desk.ErrForeign},
		"somebody else's, no worker":  {"Payroll", nil, serviceerror.NewDeadlineExceeded("x"), desk.ErrForeign},
		"somebody else's, over":       {"Payroll", nil, nil, desk.ErrForeign},
		"ours, before its first task": {"Call", nil, failed, desk.ErrAway},
		"not described":               {"", serviceerror.NewUnavailable("x"), failed, desk.ErrAway},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := mocks.NewClient(t)
			if row.query != nil {
				c.On("QueryWorkflowWithOptions", mock.Anything, mock.Anything).Return(nil, row.query)
			} else {
				run := mocks.NewWorkflowRun(t)
				c.On("QueryWorkflowWithOptions", mock.Anything, mock.Anything).Return(closedAs(enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED), nil)
				c.On("GetWorkflow", mock.Anything, "call:abc", "").Return(run)
				run.On("Get", mock.Anything, mock.Anything).Return(nil)
			}
			c.On("DescribeWorkflow", mock.Anything, "call:abc", "").Return(&client.WorkflowExecutionDescription{
				WorkflowExecutionMetadata: client.WorkflowExecutionMetadata{WorkflowType: workflow.Type{Name: row.workflowType}},
			}, row.describe)
			_, _, err := desk.Ask(t.Context(), desk.New(c, desk.Settings{}), contract.QueryCall, "call:abc")
			require.ErrorIs(t, err, row.want)
			require.Equal(t, errors.Is(row.want, desk.ErrForeign), errors.Is(err, desk.ErrForeign))
		})
	}
}
