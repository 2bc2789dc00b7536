package main

import (
	"context"
	"encoding/json"
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aftercall/aftercall/internal/contract"
)

// dialTemporal is a Temporal that keeps the configuration of task queues, and records its other requests.
type dialTemporal struct {
	workflowservice.UnimplementedWorkflowServiceServer
	refuses codes.Code // to configure

	mu    sync.Mutex
	limit *taskqueuepb.RateLimitConfig
	asked []string
	told  []byte
}

func serveDialTemporal(t *testing.T) *dialTemporal {
	t.Helper()
	d := &dialTemporal{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := grpc.NewServer()
	workflowservice.RegisterWorkflowServiceServer(s, d)
	go func() { _ = s.Serve(l) }()
	t.Cleanup(s.Stop)
	t.Setenv("TEMPORAL_ADDRESS", l.Addr().String())
	t.Setenv("TEMPORAL_NAMESPACE", "calls")
	return d
}

func (d *dialTemporal) GetSystemInfo(context.Context, *workflowservice.GetSystemInfoRequest) (*workflowservice.GetSystemInfoResponse, error) {
	return &workflowservice.GetSystemInfoResponse{}, nil
}

func (d *dialTemporal) DescribeTaskQueue(_ context.Context, r *workflowservice.DescribeTaskQueueRequest) (*workflowservice.DescribeTaskQueueResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.GetTaskQueue().GetName() != contract.TaskQueueDial || r.GetNamespace() != "calls" {
		return nil, status.Error(codes.InvalidArgument, "another queue")
	}
	return &workflowservice.DescribeTaskQueueResponse{
		Stats: &taskqueuepb.TaskQueueStats{ApproximateBacklogCount: 7}, Config: &taskqueuepb.TaskQueueConfig{QueueRateLimit: d.limit},
	}, nil
}

func (d *dialTemporal) UpdateTaskQueueConfig(_ context.Context, r *workflowservice.UpdateTaskQueueConfigRequest) (*workflowservice.UpdateTaskQueueConfigResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = append(d.asked, "configure "+r.GetTaskQueue())
	if d.refuses != codes.OK {
		return nil, status.Error(d.refuses, "Request unauthorized.")
	}
	limit := r.GetUpdateQueueRateLimit()
	d.limit = &taskqueuepb.RateLimitConfig{RateLimit: limit.GetRateLimit(), Metadata: &taskqueuepb.ConfigMetadata{
		Reason: limit.GetReason(), UpdateIdentity: r.GetIdentity(), UpdateTime: timestamppb.Now(),
	}}
	return &workflowservice.UpdateTaskQueueConfigResponse{}, nil
}

func (d *dialTemporal) StartBatchOperation(_ context.Context, r *workflowservice.StartBatchOperationRequest) (*workflowservice.StartBatchOperationResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = append(d.asked, "tell "+r.GetVisibilityQuery())
	d.told = r.GetSignalOperation().GetInput().GetPayloads()[0].GetData()
	return &workflowservice.StartBatchOperationResponse{}, nil
}

// done returns the changes requested of Temporal since its last call.
func (d *dialTemporal) done() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	asked := d.asked
	d.asked = nil
	return asked
}

// changes lists the changes of each stop and start: the queue first, then the news to waiting requests.
var changes = []string{"configure " + contract.TaskQueueDial, `tell WorkflowType = "OutboundCall" AND ExecutionStatus = "Running"`}

func TestDial(t *testing.T) {
	d := serveDialTemporal(t)
	show := func(args ...string) string {
		t.Helper()
		got := aftercall(t, append([]string{"dial"}, args...)...)
		require.Zero(t, got.code, got.err)
		return got.out
	}
	require.Contains(t, show("status"), "no rate is set")
	require.Contains(t, show("status"), "7 (Temporal counts them every 5 s)")

	require.Contains(t, show("stop", "--reason", "wrong list", "--by", "ops@desk", "--dry-run"), "Would stop")
	require.Contains(t, show("start", "--rate", "5", "--dry-run"), "Would dial 5 per second")
	require.Empty(t, d.done(), "a dry run changes nothing")

	out := show("stop", "--reason", "wrong list,\n\x1b[31m+966500000001 complains", "--by", "ops@desk")
	require.Equal(t, changes, d.done())
	for _, shown := range []string{out, show("status"), d.limit.GetMetadata().GetReason()} {
		require.Contains(t, shown, "wrong list")
		require.Contains(t, shown, "ops@desk")
		require.NotContains(t, shown, "500000001")
	}
	require.Zero(t, d.limit.GetRateLimit().GetRequestsPerSecond())
	require.JSONEq(t, `"ops@desk"`, member(t, d.told, "stop", "by"))
	require.NotContains(t, string(d.told), "500000001", "requests keep what they are told in clear")
	require.JSONEq(t, `"wrong list, [31m+9665•••••01 complains"`, member(t, d.told, "stop", "reason"), "nothing that a terminal obeys")

	var s struct {
		Rate    *float64
		Waiting int
		Stop    *struct{ By string }
	}
	require.NoError(t, json.Unmarshal([]byte(show("status", "--output", "json")), &s))
	require.Equal(t, "ops@desk", s.Stop.By)
	require.Zero(t, *s.Rate)
	require.Equal(t, 7, s.Waiting)

	t.Setenv("AFTERCALL_DIAL_RATE", "4")
	require.Contains(t, show("start", "--by", "ops@desk"), "dials 4 per second")
	require.Equal(t, changes, d.done())
	require.InDelta(t, 4, d.limit.GetRateLimit().GetRequestsPerSecond(), 0)
	require.JSONEq(t, `4`, member(t, d.told, "rate"))
	require.Contains(t, show("start", "--rate", "0.5"), "dials 0.5 per second")
	require.NotContains(t, show("status"), "stopped")
}

// member returns a value within a JSON object.
func member(t *testing.T, object []byte, path ...string) string {
	t.Helper()
	for _, name := range path {
		members := map[string]json.RawMessage{}
		require.NoError(t, json.Unmarshal(object, &members))
		object = members[name]
	}
	return string(object)
}

func TestDialThatCannotBe(t *testing.T) {
	d := serveDialTemporal(t)
	for _, wrong := range [][]string{{"stop"}, {"stop", "now"}, {"start", "--rate", "0"}, {"start", "--rate", "-1"}} {
		require.Equal(t, 2, aftercall(t, slices.Concat([]string{"dial"}, wrong)...).code, wrong)
	}
	t.Setenv("AFTERCALL_DIAL_RATE", "0")
	got := aftercall(t, "dial", "start")
	require.Equal(t, 2, got.code)
	require.Contains(t, got.err, "AFTERCALL_DIAL_RATE")
	require.Empty(t, d.done())

	for _, code := range []codes.Code{codes.PermissionDenied, codes.Unimplemented} {
		d.refuses = code
		got := aftercall(t, "dial", "stop", "--reason", "wrong list")
		require.Equal(t, 1, got.code)
		require.Contains(t, got.err, "AFTERCALL_DIAL_RATE=0", "what to do instead")
		require.Equal(t, changes[:1], d.done(), "nobody is told of a stop that does not hold")
	}
}
