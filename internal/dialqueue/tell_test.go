package dialqueue

import (
	"context"
	"strings"
	"testing"
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
	service := &teller{answer: serviceerror.NewResourceExhausted(0, "Max concurrent batch operations is reached")}
	now := time.Now()
	n, s := news{}, stopped(now)
	look := func() { n.tell(t.Context(), Queue{Client: temporal{service: service}}, s, now) }
	look()
	now = now.Add(every)
	look()
	require.Len(t, service.asked, 2, "it is tried again")
	require.Equal(t, service.asked[0].GetJobId(), service.asked[1].GetJobId(), "by anybody: it is one job")
	require.Equal(t, requests, service.asked[1].GetVisibilityQuery())

	service.answer = nil
	look()
	look()
	require.Len(t, service.asked, 3, "it is told once, and it is too early for the others")
	now = now.Add(unseenAfter)
	look()
	look()
	require.Len(t, service.asked, 4)
	require.True(t, strings.HasPrefix(service.asked[3].GetVisibilityQuery(), requests+" AND StartTime"))
	require.NotEqual(t, service.asked[2].GetJobId(), service.asked[3].GetJobId())

	s = stopped(now)
	service.answer = serviceerror.NewWorkflowExecutionAlreadyStarted("told", "", "")
	look()
	look()
	require.Len(t, service.asked, 5, "somebody else has told it")

	s = stopped(now.Add(time.Second))
	service.answer = serviceerror.NewPermissionDenied("no", "")
	look()
	look()
	require.Len(t, service.asked, 6, "what is not allowed is not asked for again")

	s = stopped(now.Add(-2 * oldNews))
	look()
	require.Len(t, service.asked, 6, "everybody knows that")
}

// TestARateOfSetupIsTold where it changes while the watch runs. Setup runs at every deployment, and says mostly the same.
func TestARateOfSetupIsTold(t *testing.T) {
	service, n, at := &teller{}, news{}, time.Now()
	setup := func(rate float64) {
		at = at.Add(time.Second)
		s := Status{Source: SourceQueue, Reason: "AFTERCALL_DIAL_RATE", SetAt: &at, Dialling: calls.Dialling{Rate: &rate}}
		require.False(t, s.Said())
		n.tell(t.Context(), Queue{Client: temporal{service: service}}, s, at)
	}
	setup(5)
	setup(5)
	require.Empty(t, service.asked)
	setup(0)
	require.Len(t, service.asked, 1)
	setup(0)
	require.Len(t, service.asked, 1)
}
