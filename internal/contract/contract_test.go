package contract_test

import (
	"context"
	"log/slog"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/internal/contract"
)

// TestNamesAreThoseInHistories holds the names that running workflows, ours and others, use.
func TestNamesAreThoseInHistories(t *testing.T) {
	t.Parallel()
	for want, named := range map[string]any{
		"Call": contract.WorkflowCall, "OutboundCall": contract.WorkflowOutboundCall, "Recording": contract.WorkflowRecording,
		"OpenMaskingSession": contract.WorkflowOpenMaskingSession, "MaskingSession": contract.WorkflowMaskingSession, "Callback": contract.WorkflowCallback,

		"call-status": contract.SignalCallStatus, "subscribe": contract.SignalSubscribe, "unsubscribe": contract.SignalUnsubscribe,
		"track": contract.SignalTrack, "call-update": contract.SignalCallUpdate, "recording-url": contract.SignalRecordingURL,
		"mask-opened": contract.SignalMaskOpened, "call-outcome:c": contract.SignalCallOutcome("c"), "recording:c": contract.SignalRecording("c"),
		"outbound-outcome:o": contract.SignalOutboundOutcome("o"), "masking-closed:m": contract.SignalMaskingClosed("m"),

		"state": contract.QueryCall, "await-outcome": contract.UpdateAwaitOutcome, "retry-now": contract.UpdateRetryNow,
		"stop-retrying": contract.UpdateStopRetrying, "close": contract.UpdateClose,

		"Subscribe": contract.ActivitySubscribe, "Place": contract.ActivityPlace, "PlaceCall": contract.ActivityPlaceCall,
		"TrackCall": contract.ActivityTrackCall, "CallingHours": contract.ActivityCallingHours, "LookUpCall": contract.ActivityLookUpCall,
		"CreateMask": contract.ActivityCreateMask, "FindMask": contract.ActivityFindMask, "CloseMask": contract.ActivityCloseMask,
		"StartMaskingSession": contract.ActivityStartMaskingSession, "TellMaskingSession": contract.ActivityTellMaskingSession,
		"KeepSessionRecordings": contract.ActivityKeepSessionRecordings, "KeepRecording": contract.ActivityKeepRecording,
		"DeliverCallback": contract.ActivityDeliverCallback, "HearRecordings": contract.ActivityHearRecordings,
		"DownloadRecording": contract.ActivityDownloadRecording, "RefreshRecordingURL": contract.ActivityRefreshRecordingURL,
	} {
		require.Equal(t, want, reflect.ValueOf(named).FieldByName("Name").String())
	}
}

type greeting struct{ To, From string }

// messages is a workflow with every kind of message.
func messages(ctx workflow.Context) ([]greeting, error) {
	greetings := contract.Signal[greeting]{Name: "greet"}.Receive(ctx)
	var heard []greeting
	done := false
	err := contract.Query[int]{Name: "how-many"}.Answer(ctx, func() int { return len(heard) })
	if err == nil {
		err = contract.Update[contract.None, contract.None]{Name: "end"}.Handle(ctx, "", nil,
			func(workflow.Context, contract.None) (contract.None, error) { done = true; return contract.None{}, nil })
	}
	if err != nil {
		return nil, err
	}
	err = workflow.Await(ctx, func() bool {
		for g := range greetings.Drain() {
			heard = append(heard, g)
		}
		return done
	})
	return heard, err
}

func TestMessages(t *testing.T) {
	t.Parallel()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	env.SetTestTimeout(time.Minute) // the SDK's 3 s are short on a busy machine
	env.RegisterDelayedCallback(func() {
		env.SignalWorkflow("greet", greeting{To: "a", From: "b"})
		env.SignalWorkflow("greet", map[string]any{"To": "c"})
	}, time.Second)
	env.RegisterDelayedCallback(func() {
		v, err := env.QueryWorkflow("how-many")
		require.NoError(t, err)
		var n int
		require.NoError(t, v.Get(&n))
		require.Equal(t, 2, n)
		end := contract.Update[contract.None, contract.None]{Name: "end"}
		require.Empty(t, end.Arguments(contract.None{}))
		env.UpdateWorkflowNoRejection(end.Name, "u", t, end.Arguments(contract.None{})...)
	}, 2*time.Second)
	env.ExecuteWorkflow(messages)
	require.NoError(t, env.GetWorkflowError())
	var heard []greeting
	require.NoError(t, env.GetWorkflowResult(&heard))
	require.Equal(t, []greeting{{"a", "b"}, {To: "c"}}, heard, "each is decoded into a fresh value")
}

func TestActivities(t *testing.T) {
	t.Parallel()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	env.SetTestTimeout(time.Minute) // the SDK's 3 s are short on a busy machine
	double := contract.Activity[int, int]{Name: "Double", Queue: "sums"}
	forget := contract.Activity[int, contract.None]{Name: "Forget", Queue: "sums"}
	double.Register(env, func(_ context.Context, n int) (int, error) { return 2 * n, nil })
	contract.RegisterNone(env, forget, func(context.Context, int) error { return nil })
	env.ExecuteWorkflow(func(ctx workflow.Context) (int, error) {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: 1e9})
		if _, err := forget.Do(ctx, 1); err != nil {
			return 0, err
		}
		return double.Do(ctx, 21)
	})
	require.NoError(t, env.GetWorkflowError())
	var n int
	require.NoError(t, env.GetWorkflowResult(&n))
	require.Equal(t, 42, n)
}
