package app_test

import (
	"context"
	"maps"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/app"
	"github.com/aftercall/aftercall/internal/config"
	"github.com/aftercall/aftercall/internal/contract"
)

// frontend is a Temporal that answers workers, or refuses everybody while refuses holds another code than OK.
type frontend struct {
	workflowservice.UnimplementedWorkflowServiceServer
	refuses atomic.Uint32
	calls   atomic.Int64

	mu    sync.Mutex
	polls map[string]float64 // rate asked for, by the task queue polled for activities; 0 for none
}

func serveFrontend(t *testing.T) (*frontend, string) {
	t.Helper()
	f := &frontend{polls: map[string]float64{}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := grpc.NewServer(grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		f.calls.Add(1)
		if code := codes.Code(f.refuses.Load()); code != codes.OK {
			return nil, grpcstatus.Error(code, "Request unauthorized.")
		}
		return next(ctx, req)
	}))
	workflowservice.RegisterWorkflowServiceServer(s, f)
	go func() { _ = s.Serve(l) }()
	t.Cleanup(s.Stop)
	return f, l.Addr().String()
}

func (f *frontend) GetSystemInfo(context.Context, *workflowservice.GetSystemInfoRequest) (*workflowservice.GetSystemInfoResponse, error) {
	return &workflowservice.GetSystemInfoResponse{}, nil
}

func (f *frontend) DescribeNamespace(context.Context, *workflowservice.DescribeNamespaceRequest) (*workflowservice.DescribeNamespaceResponse, error) {
	return &workflowservice.DescribeNamespaceResponse{}, nil
}

func (f *frontend) DescribeTaskQueue(context.Context, *workflowservice.DescribeTaskQueueRequest) (*workflowservice.DescribeTaskQueueResponse, error) {
	return &workflowservice.DescribeTaskQueueResponse{}, nil
}

func (f *frontend) PollWorkflowTaskQueue(ctx context.Context, _ *workflowservice.PollWorkflowTaskQueueRequest) (*workflowservice.PollWorkflowTaskQueueResponse, error) {
	<-ctx.Done()
	return &workflowservice.PollWorkflowTaskQueueResponse{}, nil
}

func (f *frontend) PollActivityTaskQueue(ctx context.Context, r *workflowservice.PollActivityTaskQueueRequest) (*workflowservice.PollActivityTaskQueueResponse, error) {
	f.mu.Lock()
	f.polls[r.TaskQueue.Name] = r.GetTaskQueueMetadata().GetMaxTasksPerSecond().GetValue()
	f.mu.Unlock()
	<-ctx.Done()
	return &workflowservice.PollActivityTaskQueueResponse{}, nil
}

func (f *frontend) polled() map[string]float64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.polls)
}

func eventually(t *testing.T, condition func() bool, what string) {
	t.Helper()
	require.Eventually(t, condition, 20*time.Second, 10*time.Millisecond, what)
}

// Whatever Temporal answers the workers, the webhook is served, and they work as soon as it lets them.
func TestWebhookOutlivesARefusalByTemporal(t *testing.T) {
	for _, code := range []codes.Code{
		codes.PermissionDenied, codes.Unauthenticated, codes.Unimplemented, codes.ResourceExhausted, codes.Internal, codes.InvalidArgument,
	} {
		t.Run(code.String(), func(t *testing.T) {
			t.Parallel()
			f, address := serveFrontend(t)
			f.refuses.Store(uint32(code))
			o := options(t, nil)
			o.Temporal.HostPort = address
			a := start(t, o, app.Serve, app.Worker)
			asked := func(times int64) bool { return f.calls.Load() >= times }
			eventually(t, func() bool { return asked(1) }, "workers ask Temporal")
			eventually(t, func() bool { return asked(4) }, "and again after its refusal")
			require.Equal(t, http.StatusOK, post(t, "http://"+a.Addresses().HTTP+"/webhooks/unifonic", sample))
			select {
			case err := <-a.Failed():
				t.Fatalf("the process ends, webhook included: %v", err)
			default:
			}
			f.refuses.Store(uint32(codes.OK))
			eventually(t, func() bool { return len(f.polled()) == 5 }, "workers work once they may")
		})
	}
}

// The rates hold where setup never ran: workers ask for them, and at rate 0 nobody polls the dial queue.
func TestWorkersHoldToTheRates(t *testing.T) {
	for _, dial := range []float64{0, 0.5, 20} {
		f, address := serveFrontend(t)
		o := options(t, func(c *config.Config) { c.DialRate, c.LookupRate = dial, 7 })
		o.Temporal.HostPort = address
		start(t, o, app.Worker)
		want := map[string]float64{contract.TaskQueueDial: dial, contract.TaskQueueLookup: 7, contract.TaskQueue: 100000, calls.TaskQueueCalls: 100000, contract.TaskQueueRecordings: 100000}
		if dial == 0 {
			delete(want, contract.TaskQueueDial)
		}
		eventually(t, func() bool { return len(f.polled()) >= len(want) }, "every queue is polled")
		require.Equal(t, want, f.polled())
	}
}
