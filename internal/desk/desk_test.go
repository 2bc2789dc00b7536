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
	"go.temporal.io/sdk/converter"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/callstate"
	"github.com/aftercall/aftercall/internal/callstate/callstatetest"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/intake"
)

// frontend is a Temporal server for starts and signals: ids are unique for ever, and a closed workflow accepts no
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
	if f.started[r.WorkflowId] == nil {
		f.started[r.WorkflowId] = &workflowservice.StartWorkflowExecutionRequest{
			WorkflowId: r.WorkflowId, TaskQueue: r.TaskQueue, SearchAttributes: r.SearchAttributes, UserMetadata: r.UserMetadata,
			WorkflowStartDelay: r.WorkflowStartDelay,
		}
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

// TestACallIsExpected: a call without an event starts with its expected values and its waiters. Its first task waits until
// the call log is due. The next signal ends that wait.
func TestACallIsExpected(t *testing.T) {
	t.Parallel()
	waiting := calls.Subscription{WorkflowID: "order-1", Waiter: "w1"}
	for name, row := range map[string]struct {
		expect func(ctx context.Context, s *desk.Desk) (created bool, err error)
		signal string
		want   contract.CallInput
		found  string // the referenceId in its search attribute
	}{
		"tracked": {
			func(ctx context.Context, s *desk.Desk) (bool, error) {
				return s.Track(ctx, "abc", calls.Tracking{To: "+966500000001", ReferenceID: "order-1-a2", Subscription: &waiting})
			}, "track", contract.CallInput{
				State: &calls.CallState{
					ReferenceID: "order-1-a2", Revision: 1,
					Evidence: &calls.Evidence{ExpectedTo: "+966500000001", TrackedRef: "order-1-a2", Rules: callstate.New("").Evidence.Rules},
				}, Subscribers: []calls.Subscription{waiting},
			}, `"order-1"`,
		},
		"subscribed to": {
			func(ctx context.Context, s *desk.Desk) (bool, error) { return true, s.Subscribe(ctx, "abc", waiting) }, "subscribe",
			contract.CallInput{State: &calls.CallState{Evidence: callstate.New("").Evidence}, Subscribers: []calls.Subscription{waiting}}, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			f, s := serveWith(t, desk.Settings{Call: contract.CallSettings{ReconcileAfter: 7 * time.Minute}})
			created, err := row.expect(desk.WithOwner(t.Context(), "shop"), s)
			require.NoError(t, err)
			require.True(t, created)
			require.Empty(t, f.signals)
			started := f.started["call:abc"]
			require.Equal(t, 7*time.Minute, started.WorkflowStartDelay.AsDuration())
			require.Equal(t, `"abc"`, string(started.SearchAttributes.IndexedFields["CallId"].GetData()))
			require.Equal(t, `"UNKNOWN"`, string(started.SearchAttributes.IndexedFields["CallStatus"].GetData()))
			require.Equal(t, row.found, string(started.SearchAttributes.IndexedFields["ReferenceId"].GetData()))
			require.Equal(t, `"shop"`, string(started.Memo.Fields["owner"].GetData()))
			var in contract.CallInput
			require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(started.Input, &in))
			row.want.CallKey, row.want.Edition, row.want.Settings.ReconcileAfter = "abc", contract.Edition, 7*time.Minute
			row.want.State.CallKey, row.want.State.WorkflowID = "abc", "call:abc"
			row.want.State.Legs, row.want.State.Recordings, row.want.State.Notified = []calls.Leg{}, []calls.Recording{}, []calls.Notified{}
			require.Equal(t, row.want, in)

			created, err = row.expect(t.Context(), s)
			require.NoError(t, err)
			require.Equal(t, row.signal != "track", created)
			require.Equal(t, map[string]int{"call:abc " + row.signal: 1}, f.signals)

			f.closed["call:abc"] = true
			_, err = row.expect(t.Context(), s)
			require.ErrorIs(t, err, desk.ErrClosed)
		})
	}
}

// TestARequestIsToldWhenItIsExpectedToBeDialled: its workflow shows that while it waits.
func TestARequestIsToldWhenItIsExpectedToBeDialled(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 10, 0, 30, 0, time.UTC)
	for name, row := range map[string]struct {
		expected func(intake.Outbound) time.Time
		want     *time.Time
	}{
		"known":   {func(intake.Outbound) time.Time { return at.In(time.FixedZone("", 3600)) }, &at},
		"unknown": {func(intake.Outbound) time.Time { return time.Time{} }, nil},
		"nobody":  {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			f, s := serveWith(t, desk.Settings{Expected: row.expected})
			asked, fault := ask(t, "hello", "", time.Now())
			_, err := s.PlaceCall(t.Context(), asked, fault)
			require.NoError(t, err)
			var in contract.OutboundCallInput
			require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(f.started["outbound:order-1"].Input, &in))
			require.Equal(t, row.want, in.ExpectedStart)
		})
	}
}

// TestWorkersOfBeforeEditionsAreTold: while such a worker runs, no call starts in a way that it would run differently from
// its successors.
func TestWorkersOfBeforeEditionsAreTold(t *testing.T) {
	t.Parallel()
	f, s := serveWith(t, desk.Settings{Edition: func() int { return 0 }})
	created, err := s.Track(t.Context(), "abc", calls.Tracking{To: "+966500000001"})
	require.NoError(t, err)
	require.True(t, created)
	created, err = s.Track(t.Context(), "abc", calls.Tracking{To: "+966500000001"})
	require.NoError(t, err)
	require.False(t, created)
	require.Equal(t, map[string]int{"call:abc track": 2}, f.signals)
	started := f.started["call:abc"]
	require.Zero(t, started.WorkflowStartDelay.AsDuration())
	var in contract.CallInput
	require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(started.Input, &in))
	require.Equal(t, contract.CallInput{CallKey: "abc"}, in)
}

// TestACallStartsWithWhatItsFirstEventSays: the workflow has no search attribute left to write.
func TestACallStartsWithWhatItsFirstEventSays(t *testing.T) {
	t.Parallel()
	f, s := serve(t)
	e := callstatetest.Event(time.Now(), "1", calls.StatusRinging, func(e *calls.StatusEvent) {
		e.CallKey, e.CallSID, e.MaskID, e.ReferenceID = "abc", "s1", "m1", "order-1-a1"
	})
	require.NoError(t, s.Notify(t.Context(), e))
	require.Equal(t, 1, f.signals["call:abc call-status"])
	require.Nil(t, f.started["call:abc"].WorkflowStartDelay)
	got := map[string]string{}
	for name, p := range f.started["call:abc"].SearchAttributes.IndexedFields {
		got[name] = string(p.GetData())
	}
	require.Equal(t, map[string]string{
		"CallId": `"abc"`, "CallStatus": `"RINGING"`, "CallSid": `["s1"]`, "MaskId": `"m1"`, "ReferenceId": `"order-1"`,
	}, got)
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
