package callstest_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/calls/callstest"
)

var request = calls.OutboundCallRequest{
	ReferenceID: "order-7", To: "+966500000001", CallerID: "+966115219000", Type: calls.CallTypeTTS,
	TTS: &calls.TTS{Text: "Your order is here."}, CallRecording: true,
}

func environment() (*testsuite.TestWorkflowEnvironment, *callstest.Aftercall) {
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.SetTestTimeout(time.Minute) // the SDK's 3 s are short on a busy machine
	return env, callstest.Register(env)
}

func result[T any](t *testing.T, env *testsuite.TestWorkflowEnvironment) T {
	t.Helper()
	require.True(t, env.IsWorkflowCompleted())
	require.NoError(t, env.GetWorkflowError())
	var v T
	require.NoError(t, env.GetWorkflowResult(&v))
	return v
}

func errorType(err error) string {
	if failure, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return failure.Type()
	}
	return ""
}

func TestPlaceThenRecording(t *testing.T) {
	env, aftercall := environment()
	aftercall.PlaceEnds("order-7", time.Minute, calls.StatusCompleted)
	aftercall.RecordingEnds("order-7", 2*time.Minute, calls.RecordingStored)
	start := env.Now()
	env.ExecuteWorkflow(func(ctx workflow.Context) (calls.RecordingStatus, error) {
		outcome, err := calls.Place(ctx, request)
		if err != nil {
			return "", err
		}
		rec, err := calls.AwaitRecording(ctx, outcome.CallID)
		return rec.Status, err
	})
	require.Equal(t, calls.RecordingStored, result[calls.RecordingStatus](t, env))
	require.Equal(t, 3*time.Minute, env.Now().Sub(start))
	require.Len(t, aftercall.Placed(), 1)
	require.Empty(t, aftercall.Withdrawn())
}

func TestARecordingThatIsMissing(t *testing.T) {
	env, aftercall := environment()
	aftercall.PlaceEnds("order-7", time.Minute, calls.StatusCompleted)
	aftercall.RecordingEnds("order-7", 72*time.Hour, calls.RecordingMissing)
	env.ExecuteWorkflow(func(ctx workflow.Context) (calls.RecordingStatus, error) {
		if _, err := calls.Place(ctx, request); err != nil {
			return "", err
		}
		rec, err := calls.AwaitRecording(ctx, "order-7")
		return rec.Status, err
	})
	require.Equal(t, calls.RecordingMissing, result[calls.RecordingStatus](t, env))
}

func TestTheSameReferenceTwiceGivesTwoOutcomes(t *testing.T) {
	env, aftercall := environment()
	aftercall.PlaceEnds("", time.Minute, calls.StatusBusy)
	env.ExecuteWorkflow(func(ctx workflow.Context) (int, error) {
		got := 0
		wg := workflow.NewWaitGroup(ctx)
		wg.Add(2)
		for range 2 {
			workflow.Go(ctx, func(ctx workflow.Context) {
				defer wg.Done()
				if o, err := calls.Place(ctx, request); err == nil && o.Status == calls.StatusBusy {
					got++
				}
			})
		}
		wg.Wait(ctx)
		return got, nil
	})
	require.Equal(t, 2, result[int](t, env))
}

func TestACancelledPlaceIsTakenBack(t *testing.T) {
	for _, c := range []struct {
		name string
		opts []calls.Option
		want []string
	}{
		{"by default", nil, []string{"order-7"}},
		{"not where it is to go on", []calls.Option{calls.LeaveRunning()}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			env, aftercall := environment()
			aftercall.PlaceEnds("order-7", time.Hour, calls.StatusCompleted)
			env.ExecuteWorkflow(func(ctx workflow.Context) (bool, error) {
				waiting, cancel := workflow.WithCancel(ctx)
				workflow.Go(ctx, func(ctx workflow.Context) {
					_ = workflow.Sleep(ctx, time.Minute)
					cancel()
				})
				_, err := calls.Place(waiting, request, c.opts...)
				return temporal.IsCanceledError(err), nil
			})
			require.True(t, result[bool](t, env))
			require.Equal(t, c.want, aftercall.Withdrawn())
		})
	}
}

func TestAPlaceThatTimesOutIsNotTakenBack(t *testing.T) {
	env, aftercall := environment()
	aftercall.PlaceEnds("order-7", time.Hour, calls.StatusCompleted)
	env.ExecuteWorkflow(func(ctx workflow.Context) (string, error) {
		_, err := calls.Place(ctx, request, calls.Within(time.Minute))
		return errorType(err), nil
	})
	require.Equal(t, calls.ErrTypeAwaitTimeout, result[string](t, env))
	require.Empty(t, aftercall.Withdrawn())
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		name, want string
		script     func(*callstest.Aftercall)
		run        func(workflow.Context) error
	}{
		{
			"a request that breaks a rule", calls.ErrTypeInvalidRequest,
			func(a *callstest.Aftercall) {
				a.PlaceFails("order-7", calls.ErrTypeInvalidRequest, "to: must be E.164")
			},
			func(ctx workflow.Context) error { _, err := calls.Place(ctx, request); return err },
		},
		{
			"a call without a recording", calls.ErrTypeNoRecording,
			func(a *callstest.Aftercall) { a.RecordingEnds("call-1", 0, "") },
			func(ctx workflow.Context) error { _, err := calls.AwaitRecording(ctx, "call-1"); return err },
		},
		{
			"a call that does not end in time", calls.ErrTypeAwaitTimeout,
			func(a *callstest.Aftercall) { a.CallEnds("call-1", time.Hour, calls.StatusBusy) },
			func(ctx workflow.Context) error {
				_, err := calls.Await(ctx, "call-1", calls.Within(time.Minute))
				return err
			},
		},
		{
			"what was not scripted", callstest.ErrTypeNotScripted,
			func(*callstest.Aftercall) {},
			func(ctx workflow.Context) error { _, err := calls.Await(ctx, "call-1"); return err },
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			env, aftercall := environment()
			c.script(aftercall)
			env.ExecuteWorkflow(func(ctx workflow.Context) (string, error) { return errorType(c.run(ctx)), nil })
			require.Equal(t, c.want, result[string](t, env))
		})
	}
}

func TestAnAlarmIsNoEnd(t *testing.T) {
	env, aftercall := environment()
	aftercall.RecordingEnds("call-1", time.Hour, calls.RecordingStored)
	env.RegisterDelayedCallback(func() {
		env.SignalWorkflow(calls.SignalRecording("call-1"), calls.Recording{Status: calls.RecordingPending, Alarm: true})
	}, time.Minute)
	env.ExecuteWorkflow(func(ctx workflow.Context) (calls.RecordingStatus, error) {
		rec, err := calls.AwaitRecording(ctx, "call-1")
		return rec.Status, err
	})
	require.Equal(t, calls.RecordingStored, result[calls.RecordingStatus](t, env))
}

func TestAnyFunctionCanFail(t *testing.T) {
	env, aftercall := environment()
	aftercall.Fails(calls.ActivitySubscribe, calls.ErrTypeCallLost, "lost")
	env.ExecuteWorkflow(func(ctx workflow.Context) (string, error) {
		_, err := calls.Await(ctx, "call-1")
		return errorType(err), nil
	})
	require.Equal(t, calls.ErrTypeCallLost, result[string](t, env))
}

func TestOneOfTwoWaitsTakesNothingBack(t *testing.T) {
	env, aftercall := environment()
	aftercall.PlaceEnds("order-7", time.Hour, calls.StatusCompleted)
	env.ExecuteWorkflow(func(ctx workflow.Context) (calls.Status, error) {
		waiting, cancel := workflow.WithCancel(ctx)
		workflow.Go(waiting, func(ctx workflow.Context) { _, _ = calls.Place(ctx, request) })
		workflow.Go(ctx, func(ctx workflow.Context) {
			_ = workflow.Sleep(ctx, time.Minute)
			cancel()
		})
		o, err := calls.Place(ctx, request)
		return o.Status, err
	})
	require.Equal(t, calls.StatusCompleted, result[calls.Status](t, env))
	require.Empty(t, aftercall.Withdrawn())
}

func TestStop(t *testing.T) {
	env, aftercall := environment()
	env.ExecuteWorkflow(func(ctx workflow.Context) error { return calls.Stop(ctx, "order-7") })
	require.NoError(t, env.GetWorkflowError())
	require.Equal(t, []string{"order-7"}, aftercall.Stopped())
}

func TestMask(t *testing.T) {
	env, aftercall := environment()
	aftercall.MaskOpens("delivery-3", calls.Mask{MaskID: "m1", MaskingNumber: "+966115219100"})
	aftercall.MaskEnds("m1", 25*time.Hour, calls.MaskingSummary{Reason: calls.MaskingEndedExpired, Totals: calls.MaskingTotals{Calls: 2}})
	env.ExecuteWorkflow(func(ctx workflow.Context) (int, error) {
		mask, err := calls.OpenMask(ctx, calls.MaskingSessionRequest{ReferenceID: "delivery-3", From: "+966500000001", To: "+966500000002"})
		if err != nil {
			return 0, err
		}
		if _, err := calls.AwaitMask(ctx, mask.MaskID, calls.Within(time.Hour)); errorType(err) != calls.ErrTypeAwaitTimeout {
			return 0, err
		}
		if err := calls.CloseMask(ctx, mask.MaskID); err != nil {
			return 0, err
		}
		summary, err := calls.AwaitMask(ctx, mask.MaskID)
		return summary.Totals.Calls, err
	})
	require.Equal(t, 2, result[int](t, env))
	require.Equal(t, []string{"m1"}, aftercall.ClosedMasks())
	require.Len(t, aftercall.Opened(), 1)
}
