package desk_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/intake"
)

// frontend is as much of a Temporal server as starting takes: ids are unique for ever, and a closed workflow takes no
// signals.
type frontend struct {
	workflowservice.UnimplementedWorkflowServiceServer
	mu      sync.Mutex
	started map[string]*workflowservice.StartWorkflowExecutionRequest
	signals map[string]int
	closed  map[string]bool
	down    bool
}

func (f *frontend) GetSystemInfo(context.Context, *workflowservice.GetSystemInfoRequest) (*workflowservice.GetSystemInfoResponse, error) {
	return &workflowservice.GetSystemInfoResponse{}, nil
}

func (f *frontend) StartWorkflowExecution(_ context.Context, r *workflowservice.StartWorkflowExecutionRequest) (*workflowservice.StartWorkflowExecutionResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		return nil, serviceerror.NewPermissionDenied("down", "")
	}
	if f.started[r.WorkflowId] != nil {
		return nil, serviceerror.NewWorkflowExecutionAlreadyStarted("started", "", "run")
	}
	f.started[r.WorkflowId] = r
	return &workflowservice.StartWorkflowExecutionResponse{RunId: "run", Started: true}, nil
}

func (f *frontend) SignalWithStartWorkflowExecution(_ context.Context, r *workflowservice.SignalWithStartWorkflowExecutionRequest) (*workflowservice.SignalWithStartWorkflowExecutionResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed[r.WorkflowId] && r.WorkflowIdReusePolicy == enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE {
		return nil, serviceerror.NewWorkflowExecutionAlreadyStarted("closed", "", "run")
	}
	f.signals[r.WorkflowId+" "+r.SignalName]++
	f.started[r.WorkflowId] = &workflowservice.StartWorkflowExecutionRequest{
		WorkflowId: r.WorkflowId, TaskQueue: r.TaskQueue, SearchAttributes: r.SearchAttributes, UserMetadata: r.UserMetadata,
	}
	return &workflowservice.SignalWithStartWorkflowExecutionResponse{RunId: "run"}, nil
}

func (f *frontend) DescribeWorkflowExecution(_ context.Context, r *workflowservice.DescribeWorkflowExecutionRequest) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	started := f.started[r.Execution.WorkflowId]
	if started == nil {
		return nil, serviceerror.NewNotFound("unknown")
	}
	return &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: &workflowpb.WorkflowExecutionInfo{
		Execution: r.Execution, Type: &commonpb.WorkflowType{Name: "x"}, Memo: started.Memo,
		SearchAttributes: &commonpb.SearchAttributes{},
		StartTime:        timestamppb.Now(), ExecutionTime: timestamppb.Now(),
	}, ExecutionConfig: &workflowpb.WorkflowExecutionConfig{TaskQueue: &taskqueuepb.TaskQueue{Name: contract.TaskQueue}}}, nil
}

func serve(t *testing.T) (*frontend, *desk.Desk) { return serveWith(t, desk.Settings{}) }

func serveWith(t *testing.T, settings desk.Settings) (*frontend, *desk.Desk) {
	t.Helper()
	f := &frontend{
		started: map[string]*workflowservice.StartWorkflowExecutionRequest{}, signals: map[string]int{}, closed: map[string]bool{},
	}
	server := grpc.NewServer(grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		res, err := next(ctx, req)
		if err != nil {
			err = serviceerror.ToStatus(err).Err()
		}
		return res, err
	}))
	workflowservice.RegisterWorkflowServiceServer(server, f)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	c, err := client.Dial(client.Options{HostPort: l.Addr().String()})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return f, desk.New(c, settings)
}

func ask(t *testing.T, text, deadline string, now time.Time) (intake.Outbound, error) {
	t.Helper()
	return intake.OutboundCall(calls.OutboundCallRequest{
		ReferenceID: "order-1", To: "+966500000004", CallerID: "+966115219000", Type: calls.CallTypeTTS,
		TTS: &calls.TTS{Text: text}, Deadline: deadline,
	}, now)
}

func TestARequestIsStartedOnce(t *testing.T) {
	t.Parallel()
	f, s := serve(t)
	now := time.Now()
	deadline := now.Add(time.Hour).Format(time.RFC3339)

	asked, fault := ask(t, "hello", deadline, now)
	created, err := s.PlaceCall(t.Context(), asked, fault)
	require.NoError(t, err)
	require.True(t, created)
	started := f.started["outbound:order-1"]
	require.Equal(t, contract.TaskQueue, started.TaskQueue.Name)
	require.Equal(t, enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE, started.WorkflowIdReusePolicy)
	require.Contains(t, started.SearchAttributes.IndexedFields, "ReferenceId")
	require.Contains(t, string(started.UserMetadata.Summary.Data), "order-1")

	created, err = s.PlaceCall(t.Context(), asked, fault)
	require.NoError(t, err)
	require.False(t, created, "the same again")

	asked, fault = ask(t, "hello", deadline, now.Add(2*time.Hour))
	require.Error(t, fault)
	created, err = s.PlaceCall(t.Context(), asked, fault)
	require.NoError(t, err, "a repetition after its deadline")
	require.False(t, created)

	asked, fault = ask(t, "good bye", deadline, now)
	_, err = s.PlaceCall(t.Context(), asked, fault)
	require.ErrorIs(t, err, desk.ErrConflict)
}

func TestARequestAtFaultIsNotStarted(t *testing.T) {
	t.Parallel()
	f, s := serve(t)
	asked, fault := ask(t, "hello", time.Now().Add(-time.Hour).Format(time.RFC3339), time.Now())
	_, err := s.PlaceCall(t.Context(), asked, fault)
	require.Equal(t, fault, err)
	asked, fault = ask(t, "", "", time.Now())
	_, err = s.PlaceCall(t.Context(), asked, fault)
	require.Equal(t, fault, err)
	require.Empty(t, f.started)

	f.down = true
	asked, fault = ask(t, "hello", "", time.Now())
	_, err = s.PlaceCall(t.Context(), asked, fault)
	require.ErrorContains(t, err, "start OutboundCall")
}

func TestOpenMaskingSession(t *testing.T) {
	t.Parallel()
	f, s := serve(t)
	ask := func(to string) intake.Masking {
		asked, err := intake.MaskingSession(calls.MaskingSessionRequest{ReferenceID: "m1", To: to})
		require.NoError(t, err)
		return asked
	}
	created, err := s.OpenMaskingSession(t.Context(), ask("+966500000001"))
	require.NoError(t, err)
	require.True(t, created)
	require.Equal(t, enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE, f.started["mask-open:m1"].WorkflowIdReusePolicy, "else each request makes a mask")
	created, err = s.OpenMaskingSession(t.Context(), ask("+966500000001"))
	require.NoError(t, err)
	require.False(t, created)
	_, err = s.OpenMaskingSession(t.Context(), ask("+966500000002"))
	require.ErrorIs(t, err, desk.ErrConflict)
}

func TestTrack(t *testing.T) {
	t.Parallel()
	f, s := serve(t)
	created, err := s.Track(t.Context(), "abc", calls.Tracking{ReferenceID: "r"})
	require.NoError(t, err)
	require.True(t, created)
	require.Contains(t, f.started["call:abc"].SearchAttributes.IndexedFields, "CallId")

	created, err = s.Track(t.Context(), "abc", calls.Tracking{})
	require.NoError(t, err)
	require.False(t, created)
	require.Equal(t, 2, f.signals["call:abc track"])

	f.closed["call:abc"] = true
	created, err = s.Track(t.Context(), "abc", calls.Tracking{})
	require.ErrorIs(t, err, desk.ErrClosed)
	require.False(t, created)
}

func TestSessionReference(t *testing.T) {
	t.Parallel()
	_, s := serve(t)
	_, err := s.SessionReference(t.Context(), "m1")
	require.ErrorIs(t, err, desk.ErrUnknown)
	require.NoError(t, s.MaskOpened(t.Context(), "m1", contract.MaskOpened{}))
	ref, err := s.SessionReference(t.Context(), "m1")
	require.NoError(t, err)
	require.Empty(t, ref, "a leg's session belongs to no request")
}
