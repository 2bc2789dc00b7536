package temporalclient_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aftercall/aftercall/internal/temporalclient"
)

// behind is a Temporal whose clock is behind this machine's. It has one activity task.
type behind struct {
	workflowservice.UnimplementedWorkflowServiceServer
	by        time.Duration
	tasks     chan struct{}
	completed chan struct{}
}

func (b *behind) GetSystemInfo(context.Context, *workflowservice.GetSystemInfoRequest) (*workflowservice.GetSystemInfoResponse, error) {
	return &workflowservice.GetSystemInfoResponse{}, nil
}

func (b *behind) DescribeNamespace(context.Context, *workflowservice.DescribeNamespaceRequest) (*workflowservice.DescribeNamespaceResponse, error) {
	return &workflowservice.DescribeNamespaceResponse{}, nil
}

func (b *behind) PollActivityTaskQueue(ctx context.Context, _ *workflowservice.PollActivityTaskQueueRequest) (*workflowservice.PollActivityTaskQueueResponse, error) {
	select {
	case <-ctx.Done():
		return &workflowservice.PollActivityTaskQueueResponse{}, nil
	case <-b.tasks:
	}
	now := timestamppb.New(time.Now().Add(-b.by))
	return &workflowservice.PollActivityTaskQueueResponse{
		TaskToken: []byte("token"), ActivityId: "1", ActivityType: &commonpb.ActivityType{Name: "look"}, WorkflowType: &commonpb.WorkflowType{Name: "w"},
		WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: "w", RunId: "r"}, Attempt: 1,
		ScheduledTime: now, CurrentAttemptScheduledTime: now, StartedTime: now,
		ScheduleToCloseTimeout: durationpb.New(10 * time.Minute), StartToCloseTimeout: durationpb.New(40 * time.Second),
	}, nil
}

func (b *behind) RespondActivityTaskCompleted(context.Context, *workflowservice.RespondActivityTaskCompletedRequest) (*workflowservice.RespondActivityTaskCompletedResponse, error) {
	b.completed <- struct{}{}
	return &workflowservice.RespondActivityTaskCompletedResponse{}, nil
}

// TestActivitiesOfAMachineThatIsAhead: an activity on a machine whose clock is ahead keeps its time and its result.
func TestActivitiesOfAMachineThatIsAhead(t *testing.T) {
	for _, by := range []time.Duration{24 * time.Hour, time.Hour, 0, -time.Hour} {
		t.Run(by.String(), func(t *testing.T) {
			t.Parallel()
			b := &behind{by: by, tasks: make(chan struct{}, 1), completed: make(chan struct{}, 1)}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			s := grpc.NewServer()
			workflowservice.RegisterWorkflowServiceServer(s, b)
			go func() { _ = s.Serve(l) }()
			t.Cleanup(s.Stop)
			c, err := client.NewLazyClient(temporalclient.ForClock(client.Options{HostPort: l.Addr().String()}, func() time.Duration { return by }))
			require.NoError(t, err)
			t.Cleanup(c.Close)
			w := worker.New(c, "queue", worker.Options{DisableWorkflowWorker: true})
			left := make(chan time.Duration, 1)
			w.RegisterActivityWithOptions(func(ctx context.Context) error {
				at, _ := ctx.Deadline()
				left <- time.Until(at)
				return ctx.Err()
			}, activity.RegisterOptions{Name: "look"})
			require.NoError(t, w.Start())
			t.Cleanup(w.Stop)

			b.tasks <- struct{}{}
			select {
			case had := <-left:
				require.InDelta(t, 40*time.Second, had, float64(30*time.Second))
			case <-time.After(20 * time.Second):
				require.Fail(t, "the activity was not begun")
			}
			select {
			case <-b.completed:
			case <-time.After(20 * time.Second):
				require.Fail(t, "its result was thrown away")
			}
		})
	}
}
