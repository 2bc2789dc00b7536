package workflows_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"
	"pgregory.net/rapid"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/workflows"
)

// continued runs a Call whose history Temporal reports as long, and returns the input of the next run.
func continued(t *testing.T, e *callEnv, in contract.CallInput) contract.CallInput {
	t.Helper()
	e.ExecuteWorkflow(contract.WorkflowCall.Name, in)
	var again *workflow.ContinueAsNewError
	require.ErrorAs(t, e.GetWorkflowError(), &again)
	var next contract.CallInput
	require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(again.Input, &next))
	return next
}

// TestCallContinuesAsNew holds that a long call loses nothing from run to run: subscribers, who was told, what was handed
// over, the evidence, and that it is final. A waiter on the run is released.
func TestCallContinuesAsNew(t *testing.T) {
	recorded := func(e *calls.StatusEvent) { e.RecordingURL = "https://r.example/a" }
	e := newCallEnv(t)
	var waiter error
	e.at(0, func() {
		e.UpdateWorkflow(contract.UpdateAwaitOutcome.Name, "w", &testsuite.TestUpdateCallback{
			OnAccept: func() {}, OnReject: func(err error) { waiter = err }, OnComplete: func(_ any, err error) { waiter = err },
		})
	})
	e.subscribe(time.Minute, "order-1")
	e.notify(2*time.Minute, said("1", calls.StatusRinging, recorded))
	e.at(3*time.Minute, func() {
		e.SetContinueAsNewSuggested(true)
		e.SignalWorkflow(contract.SignalCallStatus.Name, said("2", calls.StatusAnswered))
	})
	next := continued(t, e, contract.CallInput{CallKey: "c1", Edition: contract.Edition, Settings: settings})
	require.Len(t, next.Subscribers, 1)
	require.Len(t, next.State.Evidence.Events, 2)
	require.Len(t, e.kept, 1)
	require.ErrorContains(t, waiter, "continues in a new run")

	f := newCallEnv(t)
	f.notify(time.Minute, said("3", calls.StatusCompleted, recorded))
	f.at(2*time.Minute, func() {
		f.SetContinueAsNewSuggested(true)
		f.SignalWorkflow(contract.SignalCallStatus.Name, said("4", calls.StatusAnswered))
	})
	next = continued(t, f, next)
	require.Equal(t, []string{"order-1 call-outcome:c1"}, f.toldTo)
	require.Empty(t, f.kept, "handed over in the run before")
	require.True(t, next.State.Final)

	g := newCallEnv(t)
	g.notify(time.Minute, said("5", calls.StatusRinging, func(e *calls.StatusEvent) { e.CallSID, e.To = "s2", "+966500000002" }))
	g.ExecuteWorkflow(contract.WorkflowCall.Name, next)
	require.NoError(t, g.GetWorkflowError())
	var state calls.CallState
	require.NoError(t, g.GetWorkflowResult(&state))
	require.True(t, state.Final, "final stays final")
	require.Equal(t, calls.StatusCompleted, state.Outcome.Status)
	require.Len(t, g.told, 1, "what was told is not told again; that there is more is")
	require.True(t, g.told[0].Partial)
}

// TestCallContinuesAsNewAfterSoManySignals holds that the length of a run can be set, and has no limit by default.
func TestCallContinuesAsNewAfterSoManySignals(t *testing.T) {
	e := newCallEnv(t)
	e.notify(time.Minute, said("1", calls.StatusRinging))
	e.notify(2*time.Minute, said("2", calls.StatusAnswered))
	e.notify(3*time.Minute, said("3", calls.StatusCompleted))
	often := settings
	often.SignalsPerRun = 2
	next := continued(t, e, contract.CallInput{CallKey: "c1", Edition: contract.Edition, Settings: often})
	require.Len(t, next.State.Evidence.Events, 2)
	require.Equal(t, often, next.Settings)
	require.Zero(t, contract.CallSettings{}.WithDefaults().SignalsPerRun)
}

// TestCallWaitsForWhatIsUnderWay holds that a call does not end before everything that it started is done.
func TestCallWaitsForWhatIsUnderWay(t *testing.T) {
	e := newCallEnv(t)
	done := false
	e.OnActivity(contract.ActivityKeepRecording.Name, mock.Anything, mock.Anything).After(3 * time.Hour).Return(
		func(context.Context, contract.RecordingURL) (calls.Recording, error) {
			done = true
			return calls.Recording{}, nil
		})
	e.notify(time.Minute, said("1", calls.StatusCompleted, func(e *calls.StatusEvent) { e.RecordingURL = "https://r.example/a" }))
	late := time.Now().UTC()
	e.notify(2*time.Hour, said("2", calls.StatusBusy, func(e *calls.StatusEvent) { e.CompletedAt = &late }))
	state := e.run(t, settings)
	require.True(t, done)
	require.Equal(t, calls.StatusBusy, state.Outcome.Status, "what comes meanwhile counts")
}

// TestCallAnswersWhoWaitsBeforeItGoesOn holds that a run does not end while it answers an update.
func TestCallAnswersWhoWaitsBeforeItGoesOn(t *testing.T) {
	e := newEnv("call:c1")
	slow := func(ctx workflow.Context, in contract.CallInput) (calls.CallState, error) {
		err := workflow.SetUpdateHandler(ctx, "slow", func(ctx workflow.Context) error { return workflow.Sleep(ctx, 5*time.Minute) })
		require.NoError(t, err)
		return workflows.CallWorkflow(ctx, in)
	}
	e.RegisterWorkflowWithOptions(slow, workflow.RegisterOptions{Name: "slow"})
	answered := false
	e.RegisterDelayedCallback(func() {
		e.UpdateWorkflow("slow", "s", &testsuite.TestUpdateCallback{
			OnAccept: func() {}, OnReject: func(err error) { require.NoError(t, err) }, OnComplete: func(any, error) { answered = true },
		})
	}, time.Hour)
	e.RegisterDelayedCallback(func() { e.SignalWorkflow(contract.SignalCallStatus.Name, said("1", calls.StatusCompleted)) }, time.Minute)
	e.ExecuteWorkflow("slow", contract.CallInput{CallKey: "c1", Settings: settings})
	require.NoError(t, e.GetWorkflowError())
	require.True(t, answered)
}

// TestCallCommandsFitTheServer runs a Call with events of any content and length, and checks its commands against the
// limits of the server.
func TestCallCommandsFitTheServer(t *testing.T) {
	long := foreign()
	rapid.Check(t, func(rt *rapid.T) {
		e := newCallEnv(t)
		fitsServer(rt, e.TestWorkflowEnvironment)
		for i := range rapid.IntRange(1, 4).Draw(rt, "events") {
			d := time.Duration(i+1) * time.Minute
			switch rapid.IntRange(0, 5).Draw(rt, "what") {
			case 0:
				tracking := calls.Tracking{To: long.Draw(rt, "to"), ReferenceID: long.Draw(rt, "ref")}
				e.at(d, func() { e.SignalWorkflow(contract.SignalTrack.Name, tracking) })
			case 1:
				id := long.Draw(rt, "subscriber")
				e.subscribe(d, id)
			default:
				ev := said(fmt.Sprint(i), rapid.SampledFrom([]calls.Status{calls.StatusCompleted, calls.StatusUnknown, calls.StatusFailed}).Draw(rt, "status"))
				for _, field := range []*string{
					&ev.CallSID, &ev.RawStatus, &ev.FailureReason, &ev.ReferenceID, &ev.MaskID, &ev.From, &ev.To, &ev.SecondaryCallerID,
					&ev.UniqueCallID, &ev.CallID, &ev.UseCase,
				} {
					if rapid.Bool().Draw(rt, "change") {
						*field = long.Draw(rt, "text")
					}
				}
				e.notify(d, ev)
			}
		}
		var shown string
		e.at(10*time.Minute, func() { shown = currentDetails(t, e.TestWorkflowEnvironment) })
		e.ExecuteWorkflow(contract.WorkflowCall.Name, contract.CallInput{CallKey: "c1", Edition: anyEdition(rt), Settings: settings})
		require.NoError(rt, e.GetWorkflowError())
		var state calls.CallState
		require.NoError(rt, e.GetWorkflowResult(&state))
		for _, n := range state.Notified {
			require.LessOrEqual(rt, len(n.WorkflowID), 1000)
		}
		requireSmall(rt, state, shown)
	})
}
