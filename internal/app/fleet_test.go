package app_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/app"
	"github.com/aftercall/aftercall/internal/config"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/dialqueue"
)

// frontend is a Temporal that answers workers, or refuses everybody while refuses holds another code than OK.
type frontend struct {
	workflowservice.UnimplementedWorkflowServiceServer
	operatorservice.UnimplementedOperatorServiceServer
	lacks   atomic.Bool // a search attribute of ours
	refuses atomic.Uint32
	calls   atomic.Int64

	mu     sync.Mutex
	polls  map[string]float64 // rate asked for, by the task queue polled for activities; 0 for none
	ended  map[string]int     // polls that ended, by task queue
	limits map[string]*taskqueuepb.RateLimitConfig
}

func newFrontend() *frontend {
	return &frontend{polls: map[string]float64{}, ended: map[string]int{}, limits: map[string]*taskqueuepb.RateLimitConfig{}}
}

func serveFrontend(t *testing.T) (*frontend, string) {
	t.Helper()
	f := newFrontend()
	return f, serveTemporal(t, f, f)
}

// serveTemporal serves a frontend, or one that stands on it.
func serveTemporal(t *testing.T, f *frontend, server workflowservice.WorkflowServiceServer) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := grpc.NewServer(grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		f.calls.Add(1)
		if code := codes.Code(f.refuses.Load()); code != codes.OK {
			return nil, grpcstatus.Error(code, "Request unauthorized.")
		}
		return next(ctx, req)
	}))
	workflowservice.RegisterWorkflowServiceServer(s, server)
	operatorservice.RegisterOperatorServiceServer(s, f)
	go func() { _ = s.Serve(l) }()
	t.Cleanup(s.Stop)
	return l.Addr().String()
}

func (f *frontend) GetSystemInfo(context.Context, *workflowservice.GetSystemInfoRequest) (*workflowservice.GetSystemInfoResponse, error) {
	return &workflowservice.GetSystemInfoResponse{}, nil
}

func (f *frontend) ListSearchAttributes(context.Context, *operatorservice.ListSearchAttributesRequest) (*operatorservice.ListSearchAttributesResponse, error) {
	have := map[string]enumspb.IndexedValueType{}
	for _, key := range calls.SearchAttributes() {
		if key.GetName() != "PartyHash" || !f.lacks.Load() {
			have[key.GetName()] = key.GetValueType()
		}
	}
	return &operatorservice.ListSearchAttributesResponse{CustomAttributes: have}, nil
}

func (f *frontend) DescribeNamespace(context.Context, *workflowservice.DescribeNamespaceRequest) (*workflowservice.DescribeNamespaceResponse, error) {
	return &workflowservice.DescribeNamespaceResponse{}, nil
}

func (f *frontend) DescribeTaskQueue(_ context.Context, r *workflowservice.DescribeTaskQueueRequest) (*workflowservice.DescribeTaskQueueResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return &workflowservice.DescribeTaskQueueResponse{Config: &taskqueuepb.TaskQueueConfig{QueueRateLimit: f.limits[r.GetTaskQueue().GetName()]}}, nil
}

func (f *frontend) UpdateTaskQueueConfig(_ context.Context, r *workflowservice.UpdateTaskQueueConfigRequest) (*workflowservice.UpdateTaskQueueConfigResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	limit := r.GetUpdateQueueRateLimit()
	f.limits[r.GetTaskQueue()] = &taskqueuepb.RateLimitConfig{
		RateLimit: limit.GetRateLimit(), Metadata: &taskqueuepb.ConfigMetadata{Reason: limit.GetReason(), UpdateIdentity: r.GetIdentity()},
	}
	return &workflowservice.UpdateTaskQueueConfigResponse{}, nil
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
	f.mu.Lock()
	f.ended[r.TaskQueue.Name]++
	f.mu.Unlock()
	return &workflowservice.PollActivityTaskQueueResponse{}, nil
}

func (f *frontend) polled() map[string]float64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.polls)
}

func eventually(t *testing.T, condition func() bool, what string) {
	t.Helper()
	require.Eventually(t, condition, 30*time.Second, 10*time.Millisecond, what)
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

// A worker whose setting is 0 dials on an operator's word, without a restart, and for as long as that holds. What setup
// sets is no such word: it repeats a setting.
func TestAWorkerOfRateZeroFollowsDialStart(t *testing.T) {
	f, address := serveFrontend(t)
	c, err := client.NewLazyClient(client.Options{HostPort: address})
	require.NoError(t, err)
	defer c.Close()
	queue := dialqueue.Queue{Client: c, Namespace: "default"}
	require.NoError(t, queue.Configure(t.Context(), "aftercall setup", 9, "AFTERCALL_DIAL_RATE"))

	o := options(t, func(c *config.Config) { c.DialRate = 0 })
	o.Temporal.HostPort = address
	a := start(t, o, app.Worker)
	eventually(t, func() bool { return strings.Contains(metrics(t, a), "\naftercall_dial_rate 9\n") }, "the rate of setup is seen")
	eventually(t, func() bool { return len(f.polled()) == 4 }, "the others are polled")
	require.NotContains(t, f.polled(), contract.TaskQueueDial)

	require.NoError(t, queue.Start(t.Context(), "ops@desk", 3))
	eventually(t, func() bool { return f.polled()[contract.TaskQueueDial] == 3 }, "dial start is in effect")
	require.NoError(t, queue.Stop(t.Context(), "ops@desk", "wrong list"))
	polls := func() int {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.ended[contract.TaskQueueDial]
	}
	eventually(t, func() bool { return polls() >= 10 }, "nobody polls after a stop")
}

// metrics is the text of /metrics.
func metrics(t *testing.T, a *app.App) string {
	t.Helper()
	res, err := http.Get("http://" + a.Addresses().Admin + "/metrics")
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return string(text)
}

// A workflow that writes a search attribute which the namespace lacks is stuck: its workers wait for setup, and say so.
func TestWorkersWaitForASearchAttribute(t *testing.T) {
	f, address := serveFrontend(t)
	f.lacks.Store(true)
	var log lockedBuffer
	o := options(t, nil)
	o.Temporal.HostPort, o.Log = address, slog.New(slog.NewTextHandler(&log, nil))
	a := start(t, o, app.Serve, app.Worker)
	eventually(t, func() bool { return strings.Contains(log.String(), "run aftercall setup") }, "what to do is said")
	require.Contains(t, log.String(), "missing: PartyHash")
	asked := f.calls.Load()
	eventually(t, func() bool { return f.calls.Load() > asked+4 }, "they ask again")
	require.Empty(t, f.polled())
	require.Equal(t, http.StatusOK, post(t, "http://"+a.Addresses().HTTP+"/webhooks/unifonic", sample))
	f.lacks.Store(false)
	eventually(t, func() bool { return len(f.polled()) == 5 }, "workers work once it is there")
}

// lockedBuffer is a buffer that may be read while it is written.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
