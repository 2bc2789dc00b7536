package desk_test

import (
	"testing"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/mocks"

	"github.com/aftercall/aftercall/internal/desk"
)

func TestACallWaitsUntilAWorkerTakesItUp(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		call *workflowservice.DescribeWorkflowExecutionResponse
		err  error
		want bool
		is   error
	}{
		"scheduled": {call: pendingTask(enumspb.PENDING_WORKFLOW_TASK_STATE_SCHEDULED), want: true},
		"taken up":  {call: pendingTask(enumspb.PENDING_WORKFLOW_TASK_STATE_STARTED)},
		"done":      {call: &workflowservice.DescribeWorkflowExecutionResponse{}},
		"refused":   {err: serviceerror.NewPermissionDenied("no", ""), is: desk.ErrMisconfigured},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := mocks.NewClient(t)
			c.On("DescribeWorkflowExecution", mock.Anything, "call:abc", "").Return(row.call, row.err)
			waits, err := desk.New(c, desk.Settings{}).Waits(t.Context(), "abc")
			require.ErrorIs(t, err, row.is)
			require.Equal(t, row.want, waits)
		})
	}
}

func pendingTask(s enumspb.PendingWorkflowTaskState) *workflowservice.DescribeWorkflowExecutionResponse {
	return &workflowservice.DescribeWorkflowExecutionResponse{PendingWorkflowTask: &workflowpb.PendingWorkflowTaskInfo{State: s}}
}
