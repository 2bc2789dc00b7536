package handlers_test

import (
	"context"
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

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/handlers"
)

// encoded is an answer of a workflow.
type encoded struct{ v any }

func (encoded) HasValue() bool     { return true }
func (e encoded) Get(to any) error { return copyInto(e.v, to) }

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
	var s calls.CallState
	closed, err := handlers.NewWorkflows(c, c).State(t.Context(), "call:abc", &s)
	require.NoError(t, err)
	require.False(t, closed)
	require.Equal(t, 4, s.Revision)
}

func TestStateOfAClosedWorkflowIsItsResult(t *testing.T) {
	t.Parallel()
	c, run := mocks.NewClient(t), mocks.NewWorkflowRun(t)
	c.On("QueryWorkflowWithOptions", mock.Anything, mock.Anything).Return(closedAs(enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED), nil).Once()
	c.On("GetWorkflow", mock.Anything, "call:abc", "").Return(run)
	run.On("Get", mock.Anything, mock.Anything).Return(func(_ context.Context, to any) error { return copyInto(calls.CallState{Revision: 5}, to) })
	var s calls.CallState
	closed, err := handlers.NewWorkflows(c, c).State(t.Context(), "call:abc", &s)
	require.NoError(t, err)
	require.True(t, closed)
	require.Equal(t, 5, s.Revision)
}

func TestStateOfAFailedWorkflowIsAsked(t *testing.T) {
	t.Parallel()
	c := mocks.NewClient(t)
	c.On("QueryWorkflowWithOptions", mock.Anything, mock.MatchedBy(onlyOpen)).Return(closedAs(enumspb.WORKFLOW_EXECUTION_STATUS_FAILED), nil)
	c.On("QueryWorkflowWithOptions", mock.Anything, mock.MatchedBy(anyRun)).Return(running(calls.CallState{Revision: 6}), nil)
	var s calls.CallState
	closed, err := handlers.NewWorkflows(c, c).State(t.Context(), "call:abc", &s)
	require.NoError(t, err)
	require.True(t, closed)
	require.Equal(t, 6, s.Revision)
}

func TestErrorsOfTemporal(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err  error
		want error
	}{
		"unknown":          {serviceerror.NewNotFound("x"), handlers.ErrUnknown},
		"an id too long":   {serviceerror.NewInvalidArgument("x"), handlers.ErrUnknown},
		"unavailable":      {serviceerror.NewUnavailable("x"), handlers.ErrAway},
		"too slow":         {context.DeadlineExceeded, handlers.ErrAway},
		"slow server":      {serviceerror.NewDeadlineExceeded("x"), handlers.ErrAway},
		"overloaded":       {serviceerror.NewResourceExhausted(0, "x"), handlers.ErrAway},
		"not started yet":  {serviceerror.NewWorkflowNotReady("x"), handlers.ErrAway},
		"no worker polled": {serviceerror.NewFailedPrecondition("x"), handlers.ErrAway},
	} {
		c := mocks.NewClient(t)
		c.On("QueryWorkflowWithOptions", mock.Anything, mock.Anything).Return(nil, tc.err)
		_, err := handlers.NewWorkflows(c, c).State(t.Context(), "call:abc", &calls.CallState{})
		require.ErrorIs(t, err, tc.want, name)
	}
	c := mocks.NewClient(t)
	other := serviceerror.NewPermissionDenied("x", "")
	c.On("QueryWorkflowWithOptions", mock.Anything, mock.Anything).Return(nil, other)
	_, err := handlers.NewWorkflows(c, c).State(t.Context(), "call:abc", &calls.CallState{})
	require.ErrorIs(t, err, other)
	require.NotErrorIs(t, err, handlers.ErrAway)
}

func TestWaitersShareOneUpdate(t *testing.T) {
	t.Parallel()
	c, handle := mocks.NewClient(t), mocks.NewWorkflowUpdateHandle(t)
	c.On("UpdateWorkflow", mock.Anything, client.UpdateWorkflowOptions{
		WorkflowID: "call:abc", UpdateName: "await-outcome", UpdateID: "await-outcome", WaitForStage: client.WorkflowUpdateStageCompleted,
	}).Return(handle, nil)
	handle.On("Get", mock.Anything, nil).Return(nil)
	require.NoError(t, handlers.NewWorkflows(c, c).AwaitOutcome(t.Context(), "call:abc"))
}

func TestRefusedUpdateKeepsItsReason(t *testing.T) {
	t.Parallel()
	c, handle := mocks.NewClient(t), mocks.NewWorkflowUpdateHandle(t)
	c.On("UpdateWorkflow", mock.Anything, mock.Anything).Return(handle, nil)
	handle.On("Get", mock.Anything, nil).Return(temporal.NewApplicationError("no", "REFUSED"))
	err := handlers.NewWorkflows(c, c).Update(t.Context(), "outbound:r", "stop-retrying", calls.StopRetrying{})
	var refused *temporal.ApplicationError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "REFUSED", refused.Type())
}

func TestOthersAreToldInClear(t *testing.T) {
	t.Parallel()
	secret, clear := mocks.NewClient(t), mocks.NewClient(t)
	clear.On("SignalWorkflow", mock.Anything, "w1", "", "call-outcome:abc", calls.Outcome{}).Return(nil).Once()
	w := handlers.NewWorkflows(secret, clear)
	require.NoError(t, w.Tell(t.Context(), "w1", "call-outcome:abc", calls.Outcome{}))
	clear.On("SignalWorkflow", mock.Anything, mock.Anything, "", mock.Anything, mock.Anything).Return(serviceerror.NewNotFound("gone"))
	require.ErrorIs(t, w.Tell(t.Context(), "w1", "x", nil), handlers.ErrUnknown)
}

func TestResult(t *testing.T) {
	t.Parallel()
	c, run := mocks.NewClient(t), mocks.NewWorkflowRun(t)
	c.On("GetWorkflow", mock.Anything, "mask-open:m1", "").Return(run)
	run.On("Get", mock.Anything, mock.Anything).Return(errors.New("boom"))
	require.ErrorContains(t, handlers.NewWorkflows(c, c).Result(t.Context(), "mask-open:m1", &struct{}{}), "boom")
}
