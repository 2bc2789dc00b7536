package workflows_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

// legEnded returns the end of one of the legs of call c1.
func legEnded(i int) calls.StatusEvent {
	return said(fmt.Sprint("leg", i), calls.StatusCompleted, func(e *calls.StatusEvent) {
		ended := time.Date(2026, 11, 23, 9, 0, i, 0, time.UTC)
		e.CallSID, e.To, e.CompletedAt, e.MaskID, e.ReferenceID = fmt.Sprint("s", i), fmt.Sprintf("+9665012%05d", i), &ended, "m1", "order-1-a1"
	})
}

// stateOf queries the state of the call.
func stateOf(t *testing.T, e *callEnv) (state calls.CallState) {
	t.Helper()
	v, err := e.QueryWorkflow(contract.QueryCall.Name)
	require.NoError(t, err)
	require.NoError(t, v.Get(&state))
	return state
}

// TestWhatComesOfManyLegsIsMergedOnceASecond holds that a call does not merge, derive and show its whole state for each of
// hundreds of notifications that arrive one after the other.
func TestWhatComesOfManyLegsIsMergedOnceASecond(t *testing.T) {
	const legs = 200
	e := newCallEnv(t)
	for i := range legs {
		e.notify(time.Minute+time.Duration(i)*20*time.Millisecond, legEnded(i)) // 4 s
	}
	state := e.run(t, settings)
	require.Len(t, state.Legs, legs)
	require.Equal(t, calls.StatusCompleted, state.Outcome.Status)
	require.Less(t, state.Revision, 20, "each merge is a revision at most")
}

// TestACallOfFewLegsIsMergedAtOnce holds that gathering does not delay a call to one person.
func TestACallOfFewLegsIsMergedAtOnce(t *testing.T) {
	e := newCallEnv(t)
	for i := range 4 {
		e.notify(time.Minute+time.Duration(i)*20*time.Millisecond, legEnded(i))
	}
	var seen calls.CallState
	e.at(time.Minute+70*time.Millisecond, func() { seen = stateOf(t, e) })
	e.run(t, settings)
	require.Len(t, seen.Legs, 4)
	require.Equal(t, 4, seen.Revision)
}

// TestGatheredNotificationsAreNotLost holds that read but unmerged notifications are merged before a run ends: when it is
// cancelled, and when it continues as new.
func TestGatheredNotificationsAreNotLost(t *testing.T) {
	begin := func(e *callEnv) {
		e.at(time.Minute, func() {
			for i := range 10 {
				e.SignalWorkflow(contract.SignalCallStatus.Name, legEnded(i))
			}
		})
		e.notify(time.Minute+100*time.Millisecond, legEnded(10))
	}
	t.Run("cancelled", func(t *testing.T) {
		e := newCallEnv(t)
		begin(e)
		e.at(time.Minute+200*time.Millisecond, e.CancelWorkflow)
		e.ExecuteWorkflow(contract.WorkflowCall.Name, contract.CallInput{CallKey: "c1", Edition: contract.Edition, Settings: settings})
		require.ErrorContains(t, e.GetWorkflowError(), "canceled")
		require.Len(t, stateOf(t, e).Legs, 11)
		require.Len(t, e.updates[len(e.updates)-1].Legs, 11)
	})
	t.Run("continued as new", func(t *testing.T) {
		e := newCallEnv(t)
		begin(e)
		often := settings
		often.SignalsPerRun = 11
		next := continued(t, e, contract.CallInput{CallKey: "c1", Edition: contract.Edition, Settings: often})
		require.Len(t, next.State.Legs, 11)
	})
}
