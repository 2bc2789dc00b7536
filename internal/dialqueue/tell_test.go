package dialqueue

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"

	"github.com/aftercall/aftercall/calls"
)

// teller is a Temporal that records the batch operations it is asked for, and answers with an error.
type teller struct {
	workflowservice.WorkflowServiceClient
	answer error
	asked  []*workflowservice.StartBatchOperationRequest
}

// temporal is a client of it.
type temporal struct {
	client.Client
	service *teller
}

func (t temporal) WorkflowService() workflowservice.WorkflowServiceClient { return t.service }

func (t *teller) StartBatchOperation(_ context.Context, r *workflowservice.StartBatchOperationRequest, _ ...grpc.CallOption) (*workflowservice.StartBatchOperationResponse, error) {
	t.asked = append(t.asked, r)
	return &workflowservice.StartBatchOperationResponse{}, t.answer
}

func stopped(at time.Time) Status {
	none := 0.0
	return Status{
		Source: SourceQueue, Reason: mark + "ops: why", SetAt: &at,
		Dialling: calls.Dialling{Rate: &none, Stop: &calls.DialStop{By: "ops", Reason: "why", At: at}},
	}
}

// TestEverybodyHearsOfAChange: a stop that the command could not tell, since another batch operation ran, is told by the
// watch; then those are told who were accepted by somebody who did not know of it.
func TestEverybodyHearsOfAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		t1, n, s := &teller{answer: serviceerror.NewResourceExhausted(0, "Max concurrent batch operations is reached")}, news{}, stopped(time.Now())
		look := func() { n.tell(t.Context(), Queue{Client: temporal{service: t1}}, s) }
		look()
		time.Sleep(every)
		look()
		require.Len(t, t1.asked, 2, "it is tried again")
		require.Equal(t, t1.asked[0].GetJobId(), t1.asked[1].GetJobId(), "by anybody: it is one job")
		require.Equal(t, requests, t1.asked[1].GetVisibilityQuery())

		t1.answer = nil
		look()
		look()
		require.Len(t, t1.asked, 3, "it is told once, and it is too early for the others")
		time.Sleep(unseenAfter)
		look()
		look()
		require.Len(t, t1.asked, 4)
		require.True(t, strings.HasPrefix(t1.asked[3].GetVisibilityQuery(), requests+" AND StartTime"))
		require.NotEqual(t, t1.asked[2].GetJobId(), t1.asked[3].GetJobId())

		s = stopped(time.Now())
		t1.answer = serviceerror.NewWorkflowExecutionAlreadyStarted("told", "", "")
		look()
		look()
		require.Len(t, t1.asked, 5, "somebody else has told it")

		s = stopped(time.Now().Add(time.Second))
		t1.answer = serviceerror.NewPermissionDenied("no", "")
		look()
		look()
		require.Len(t, t1.asked, 6, "what is not allowed is not asked for again")

		s = stopped(time.Now().Add(-2 * oldNews))
		look()
		require.Len(t, t1.asked, 6, "everybody knows that")
	})
}

// TestARateOfSetupIsTold where it changes while the watch runs. Setup runs at every deployment, and says mostly the same.
func TestARateOfSetupIsTold(t *testing.T) {
	service, n, at := &teller{}, news{}, time.Now()
	setup := func(rate float64) {
		at = at.Add(time.Second)
		s := Status{Source: SourceQueue, Reason: "AFTERCALL_DIAL_RATE", SetAt: &at, Dialling: calls.Dialling{Rate: &rate}}
		require.False(t, s.Said())
		n.tell(t.Context(), Queue{Client: temporal{service: service}}, s)
	}
	setup(5)
	setup(5)
	require.Empty(t, service.asked)
	setup(0)
	require.Len(t, service.asked, 1)
	setup(0)
	require.Len(t, service.asked, 1)
}
