package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

func TestOutboundStop(t *testing.T) {
	t.Run("before the next attempt", func(t *testing.T) {
		e := newOutboundEnv(t)
		e.in.Request.Failover.Delay = "5m"
		e.logSays(calls.StatusFailed)
		e.update(10*time.Second, 1, calls.StatusFailed)
		e.updated(time.Minute, contract.UpdateStopRetrying.Name, contract.StopRetrying{Reason: "paid"}, func(s calls.OutboundCallState, err error) {
			require.NoError(t, err)
			require.Equal(t, calls.OutboundStopped, s.State)
		})
		s := e.run()
		require.Len(t, e.posts, 1)
		require.Equal(t, []calls.Status{calls.StatusFailed}, e.statuses(), "what was dialled is told")
		require.Contains(t, s.StopReason, "paid")
		require.Equal(t, calls.OutboundStopped, s.State)
	})
	t.Run("while it waits for the calling hours, and twice", func(t *testing.T) {
		e := newOutboundEnv(t)
		e.place = func(int) (contract.PlaceCallResult, error) {
			return contract.PlaceCallResult{Placement: calls.NotPlaced, RetryAfter: 10 * time.Minute, Reason: "429"}, nil
		}
		for _, at := range []time.Duration{time.Minute, time.Minute + time.Millisecond} {
			e.updated(at, contract.UpdateStopRetrying.Name, contract.StopRetrying{}, func(_ calls.OutboundCallState, err error) { require.NoError(t, err) })
		}
		s := e.run()
		require.Len(t, e.posts, 1)
		require.Equal(t, calls.StatusStopped, s.Outcome.Status)
		require.Equal(t, calls.NotPlaced, s.Attempts[0].Placement)
		require.Less(t, e.lived(), 2*time.Minute)
	})
	t.Run("while it waits in the dial queue", func(t *testing.T) {
		e := newOutboundEnv(t)
		e.queued = 30 * time.Minute
		e.updated(time.Minute, contract.UpdateStopRetrying.Name, contract.StopRetrying{}, func(calls.OutboundCallState, error) {})
		e.at(30*time.Second, func() {
			s := e.state()
			require.Equal(t, calls.OutboundDialling, s.State)
			require.Equal(t, "attempt 1 to have its turn: in the dial queue, or being posted, since 2026-11-23 10:00:00Z", s.Waiting)
			require.Contains(t, currentDetails(t, e.TestWorkflowEnvironment), " **waits for its turn to be dialled** (state DIALLING)")
		})
		s := e.run()
		require.Equal(t, calls.StatusStopped, s.Outcome.Status)
		require.Less(t, e.lived(), 2*time.Minute)
	})
	t.Run("a call under way is waited for", func(t *testing.T) {
		e := newOutboundEnv(t)
		e.updated(time.Minute, contract.UpdateStopRetrying.Name, contract.StopRetrying{}, func(s calls.OutboundCallState, _ error) {
			require.Equal(t, calls.OutboundAwaiting, s.State)
		})
		e.update(2*time.Minute, 1, calls.StatusCompleted)
		s := e.run()
		require.Equal(t, calls.OutboundDone, s.State)
		require.Equal(t, calls.StatusCompleted, s.Outcome.Status)
	})
}

func TestOutboundCancelled(t *testing.T) {
	cancelled := func(e *outboundEnv) calls.OutboundCallState {
		t.Helper()
		e.execute()
		var err *temporal.CanceledError
		require.ErrorAs(t, e.GetWorkflowError(), &err)
		var s calls.OutboundCallState
		require.NoError(t, err.Details(&s))
		return s
	}
	t.Run("before anything was dialled", func(t *testing.T) {
		e := newOutboundEnv(t)
		e.queued = 30 * time.Minute
		e.at(time.Minute, e.CancelWorkflow)
		s := cancelled(e)
		require.Equal(t, []calls.Status{calls.StatusStopped}, e.statuses())
		require.Equal(t, calls.OutboundStopped, s.State)
		require.Less(t, e.lived(), 2*time.Minute)
	})
	t.Run("a call under way is told", func(t *testing.T) {
		e := newOutboundEnv(t)
		e.logSays(calls.StatusFailed)
		var waiter calls.OutboundOutcome
		e.at(30*time.Second, func() { e.await("early", func(o calls.OutboundOutcome) { waiter = o }) })
		e.at(time.Minute, e.CancelWorkflow)
		e.update(10*time.Minute, 1, calls.StatusFailed)
		s := cancelled(e)
		require.Equal(t, calls.StatusFailed, waiter.Status, "who waits is told as well")
		require.Len(t, e.posts, 1)
		require.Equal(t, []calls.Status{calls.StatusFailed}, e.statuses())
		require.Equal(t, "told", s.Notified[0].Result)
		require.Equal(t, 10*time.Minute, e.lived(), "no grace")
	})
	t.Run("in its grace", func(t *testing.T) {
		e := newOutboundEnv(t)
		e.update(time.Minute, 1, calls.StatusCompleted)
		e.at(2*time.Minute, e.CancelWorkflow)
		require.Equal(t, calls.StatusCompleted, cancelled(e).Outcome.Status)
		require.Equal(t, 2*time.Minute, e.lived())
	})
}

func TestOutboundRetryNow(t *testing.T) {
	again := contract.RetryNow{Attempt: 1, Reason: "mended"}
	accepted := func(_ calls.OutboundCallState, err error) { require.NoError(t, err) }
	t.Run("after a refusal", func(t *testing.T) {
		e := newOutboundEnv(t)
		e.place = func(n int) (contract.PlaceCallResult, error) {
			if n == 1 {
				return contract.PlaceCallResult{Placement: calls.NotPlaced, Final: true, Reason: "403"}, nil
			}
			return contract.PlaceCallResult{Placement: calls.Placed, CallID: "call-2"}, nil
		}
		e.updated(10*time.Minute, contract.UpdateRetryNow.Name, again, accepted)
		e.update(11*time.Minute, 2, calls.StatusCompleted)
		s := e.run()
		require.Equal(t, []calls.Status{calls.StatusNotPlaced, calls.StatusCompleted}, e.statuses())
		require.Len(t, s.Attempts, 2)
		require.Equal(t, "retry-now: mended", s.Attempts[1].Reason)
	})
	t.Run("of an unknown placement only by force", func(t *testing.T) {
		e := newOutboundEnv(t)
		e.place = func(n int) (contract.PlaceCallResult, error) {
			if n == 1 {
				return unknownResult(n)
			}
			return contract.PlaceCallResult{Placement: calls.Placed, CallID: "call-2"}, nil
		}
		e.updated(11*time.Minute, contract.UpdateRetryNow.Name, again, func(_ calls.OutboundCallState, err error) {
			require.ErrorContains(t, err, "force")
			require.Len(t, e.posts, 1)
		})
		forced := again
		forced.Force = true
		e.updated(12*time.Minute, contract.UpdateRetryNow.Name, forced, accepted)
		e.update(13*time.Minute, 2, calls.StatusCompleted)
		e.run()
		require.Len(t, e.posts, 2)
		require.Equal(t, []calls.Status{calls.StatusUnknown, calls.StatusCompleted}, e.statuses())
	})
	t.Run("never after somebody was reached", func(t *testing.T) {
		e := newOutboundEnv(t)
		e.update(time.Minute, 1, calls.StatusCompleted)
		forced := again
		forced.Force = true
		e.updated(2*time.Minute, contract.UpdateRetryNow.Name, forced, func(_ calls.OutboundCallState, err error) {
			require.ErrorContains(t, err, "reached")
		})
		e.run()
		require.Len(t, e.posts, 1)
	})
	t.Run("not while the call is under way", func(t *testing.T) {
		e := newOutboundEnv(t)
		e.updated(time.Minute, contract.UpdateRetryNow.Name, again, func(_ calls.OutboundCallState, err error) {
			require.ErrorContains(t, err, "not over")
		})
		e.update(2*time.Minute, 1, calls.StatusCompleted)
		e.run()
		require.Len(t, e.posts, 1)
	})
}

func TestOutboundAwaitOutcome(t *testing.T) {
	e := newOutboundEnv(t)
	var got []calls.OutboundOutcome
	for _, d := range []time.Duration{time.Second, 2 * time.Minute} {
		e.at(d, func() { e.await(d.String(), func(o calls.OutboundOutcome) { got = append(got, o) }) })
	}
	e.update(time.Minute, 1, calls.StatusCompleted)
	e.run()
	require.Len(t, got, 2)
	require.Equal(t, calls.StatusCompleted, got[0].Status)
}

// await sends update await-outcome.
func (e *outboundEnv) await(id string, done func(calls.OutboundOutcome)) {
	e.UpdateWorkflow(contract.UpdateAwaitOutcome.Name, id, &testsuite.TestUpdateCallback{
		OnAccept: func() {}, OnReject: func(err error) { require.NoError(e.t, err) },
		OnComplete: func(v any, err error) {
			require.NoError(e.t, err)
			done(v.(calls.OutboundOutcome))
		},
	})
}

func TestOutboundTellsNobodyWhoIsGone(t *testing.T) {
	e := newOutboundEnv(t)
	e.in.Request.Notify.WorkflowID = "gone"
	e.update(time.Minute, 1, calls.StatusCompleted)
	s := e.run()
	require.Equal(t, "not-found", s.Notified[0].Result)
}

func TestOutboundShowsTheOperatorTheStory(t *testing.T) {
	e := newOutboundEnv(t)
	e.logSays(calls.StatusFailed)
	e.update(10*time.Second, 1, calls.StatusFailed)
	e.at(20*time.Second, func() {
		d := currentDetails(t, e.TestWorkflowEnvironment)
		require.Contains(t, d, "| 1 | +9661•••••01 | `call:call-1` | PLACED | FAILED by notification, verified |")
		require.Contains(t, d, "| 2 | +9661•••••02 |")
		require.Contains(t, d, "Waiting for attempt 2 to end")
	})
	e.update(30*time.Second, 2, calls.StatusCompleted)
	e.run()
	d := currentDetails(t, e.TestWorkflowEnvironment)
	require.Contains(t, d, "has ended: outcome **COMPLETED** (revision 1")
	require.Contains(t, d, "This workflow stays open and waits for late news, until ")
	for _, number := range []string{callee, primary, secondary} {
		require.NotContains(t, d, number[1:], "no number is readable")
	}
}
