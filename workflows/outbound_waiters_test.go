package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/calls"
)

// waitedFor returns a request that calls.Place has made with these waiters of the workflow shop-1.
func waitedFor(t *testing.T, waiters ...string) *outboundEnv {
	t.Helper()
	e := newOutboundEnv(t)
	e.in.Request.Notify = nil
	for _, w := range waiters {
		e.in.Waiters = append(e.in.Waiters, calls.Subscription{WorkflowID: "shop-1", Waiter: w})
	}
	e.business = append(e.business, "shop-1")
	return e
}

func (e *outboundEnv) leaves(at time.Duration, waiter string, withdraw bool) {
	e.at(at, func() {
		e.SignalWorkflow(calls.SignalUnsubscribe, calls.Subscription{WorkflowID: "shop-1", Waiter: waiter, Withdraw: withdraw})
	})
}

func TestOutboundTellsEachWaiterOnce(t *testing.T) {
	e := waitedFor(t, "a")
	e.at(time.Minute, func() { e.SignalWorkflow(calls.SignalSubscribe, calls.Subscription{WorkflowID: "shop-1", Waiter: "b"}) })
	e.update(2*time.Minute, 1, calls.StatusCompleted)
	e.at(3*time.Minute, func() { e.SignalWorkflow(calls.SignalSubscribe, calls.Subscription{WorkflowID: "shop-1", Waiter: "c"}) })
	s := e.run()
	require.Equal(t, calls.StatusCompleted, s.Outcome.Status)
	require.Len(t, e.told, 3, "the third asked when the outcome was known")
}

func TestOutboundIsTakenBackByItsLastWaiter(t *testing.T) {
	t.Run("before it is dialled", func(t *testing.T) {
		e := waitedFor(t, "a", "b")
		e.queued = 30 * time.Minute
		e.leaves(time.Minute, "a", true)
		e.at(2*time.Minute, func() { require.Equal(t, calls.OutboundDialling, e.state().State, "the other one still waits") })
		e.leaves(3*time.Minute, "b", true)
		s := e.run()
		require.Equal(t, calls.OutboundStopped, s.State)
		require.Equal(t, calls.StatusStopped, s.Outcome.Status)
		require.Contains(t, s.StopReason, "nobody waits for it")
		require.Empty(t, e.told)
		require.Less(t, e.lived(), 4*time.Minute)
	})
	t.Run("before the next attempt", func(t *testing.T) {
		e := waitedFor(t, "a")
		e.in.Request.Failover.Delay = "5m"
		e.logSays(calls.StatusFailed)
		e.update(10*time.Second, 1, calls.StatusFailed)
		e.leaves(time.Minute, "a", true)
		e.run()
		require.Len(t, e.posts, 1)
	})
	t.Run("not by one whose time was up", func(t *testing.T) {
		e := waitedFor(t, "a")
		e.leaves(time.Second, "a", false)
		e.update(time.Minute, 1, calls.StatusCompleted)
		require.Equal(t, calls.StatusCompleted, e.run().Outcome.Status)
		require.Empty(t, e.told)
	})
	t.Run("not where somebody else is notified, or has made the request", func(t *testing.T) {
		notified := waitedFor(t, "a")
		notified.in.Request.Notify = &calls.Notify{WorkflowID: "business-1"}
		made := waitedFor(t)
		for _, e := range []*outboundEnv{notified, made} {
			e.at(time.Second, func() { e.SignalWorkflow(calls.SignalSubscribe, calls.Subscription{WorkflowID: "shop-1", Waiter: "a"}) })
			e.leaves(2*time.Second, "a", true)
			e.update(time.Minute, 1, calls.StatusCompleted)
			require.Equal(t, calls.StatusCompleted, e.run().Outcome.Status)
		}
	})
}

func TestOutboundStopSignal(t *testing.T) {
	e := waitedFor(t, "a")
	e.queued = 30 * time.Minute
	e.at(time.Minute, func() { e.SignalWorkflow(calls.SignalStop, calls.StopRequest{Reason: "stopped by workflow shop-2"}) })
	s := e.run()
	require.Equal(t, calls.OutboundStopped, s.State)
	require.Contains(t, s.StopReason, "shop-2")
	require.Len(t, e.told, 1, "who waits is told")
	require.Equal(t, calls.StatusStopped, e.told[0].Status)
}
