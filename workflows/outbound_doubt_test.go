package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

// TestOutboundDoubtNeverDials reports a failure that the call log does not confirm.
func TestOutboundDoubtNeverDials(t *testing.T) {
	t.Run("the log says completed", func(t *testing.T) {
		e := newOutboundEnv(t)
		e.logSays(calls.StatusCompleted)
		e.update(10*time.Second, 1, calls.StatusFailed)
		s := e.run()
		require.Len(t, e.posts, 1)
		require.True(t, s.Outcome.Conflict)
		require.Equal(t, calls.StatusFailed, s.Outcome.Status)
		require.False(t, *s.Attempts[0].Verified)
		require.Equal(t, []string{calls.AttentionConflict}, s.Attention)
	})
	for name, errType := range map[string]string{"the log is silent": contract.ErrTypeNotFound, "it says it is not over": contract.ErrTypeNotTerminal, "it is away": "PROVIDER_BUSY"} {
		t.Run(name, func(t *testing.T) {
			e := newOutboundEnv(t)
			e.look = func(contract.LookUpInput) (contract.LookUpResult, error) {
				return contract.LookUpResult{}, temporal.NewApplicationError("no", errType)
			}
			e.update(10*time.Second, 1, calls.StatusFailed)
			e.at(5*time.Minute, func() { require.Nil(t, e.state().Outcome, "it is asked again") })
			e.at(11*time.Minute, func() { require.NotNil(t, e.state().Outcome) })
			s := e.run()
			require.Len(t, e.posts, 1)
			require.Len(t, e.looks, 10, "as often as the test environment retries anything")
			require.Equal(t, calls.StatusFailed, s.Outcome.Status)
			require.False(t, *s.Attempts[0].Verified)
			require.Equal(t, []string{calls.AttentionGaveUp}, s.Attention)
		})
	}
	t.Run("a revision says completed while the log is asked", func(t *testing.T) {
		e := newOutboundEnv(t)
		e.update(10*time.Second, 1, calls.StatusFailed)
		e.update(30*time.Second, 1, calls.StatusCompleted, func(c *calls.CallState) { c.Revision = 2 })
		s := e.run()
		require.Len(t, e.posts, 1)
		require.Equal(t, []calls.Status{calls.StatusCompleted}, e.statuses())
		require.Nil(t, s.Attempts[0].Verified)
		require.Len(t, e.looks, 3, "the question is taken back")
	})
	t.Run("a revision says completed while the next attempt waits", func(t *testing.T) {
		e := newOutboundEnv(t)
		e.in.Request.Failover.Delay = "5m"
		e.logSays(calls.StatusFailed)
		e.update(10*time.Second, 1, calls.StatusFailed)
		e.update(time.Minute, 1, calls.StatusCompleted, func(c *calls.CallState) { c.Revision = 2 })
		e.run()
		require.Len(t, e.posts, 1)
		require.Equal(t, []calls.Status{calls.StatusCompleted}, e.statuses())
	})
	t.Run("a forged failure of an unknown call is looked up by our referenceId", func(t *testing.T) {
		e := newOutboundEnv(t)
		e.place = unknownResult
		e.update(2*time.Second, 1, calls.StatusFailed, func(c *calls.CallState) { c.CallKey, c.CallID = "forged", "forged" })
		e.logSays(calls.StatusCompleted)
		e.run()
		require.Len(t, e.posts, 1)
		require.Equal(t, "order-1-a1", e.looks[0].ID)
	})
}

func TestOutboundWithoutVerification(t *testing.T) {
	e := newOutboundEnv(t)
	e.in.Settings.VerifyFailures = false
	e.update(10*time.Second, 1, calls.StatusFailed)
	e.update(30*time.Second, 2, calls.StatusCompleted)
	e.run()
	require.Len(t, e.posts, 2)
	require.Empty(t, e.looks)
}

func TestOutboundFailureThatTheLogToldIsVerified(t *testing.T) {
	e := newOutboundEnv(t)
	e.update(10*time.Minute, 1, calls.StatusFailed, func(c *calls.CallState) { c.Outcome.Source = calls.SourceCallLog })
	e.update(12*time.Minute, 2, calls.StatusCompleted)
	s := e.run()
	require.Len(t, e.posts, 2)
	require.Empty(t, e.looks)
	require.True(t, *s.Attempts[0].Verified)
}

func TestOutboundRefusesForeignUpdates(t *testing.T) {
	e := newOutboundEnv(t)
	e.logSays(calls.StatusFailed)
	e.update(5*time.Second, 1, calls.StatusFailed, func(c *calls.CallState) { c.Legs[0].To = "+966500000009" })
	e.update(6*time.Second, 2, calls.StatusFailed)
	e.update(7*time.Second, 1, calls.StatusFailed, func(c *calls.CallState) { c.ReferenceID = "order-2-a1" })
	e.at(time.Minute, func() { require.Nil(t, e.state().Outcome) })
	e.update(2*time.Minute, 1, calls.StatusCompleted)
	s := e.run()
	require.Equal(t, 3, s.Refused)
	require.Len(t, e.posts, 1)
	require.Equal(t, calls.StatusCompleted, s.Outcome.Status)
}

func TestOutboundNotificationBeforeTheAnswer(t *testing.T) {
	e := newOutboundEnv(t)
	e.place = func(int) (contract.PlaceCallResult, error) {
		e.SignalWorkflow(contract.SignalCallUpdate.Name, calls.CallState{
			CallKey: "call-1", CallID: "call-1", Final: true, Revision: 1, ReferenceID: "order-1-a1",
			Legs:    []calls.Leg{{To: callee, Status: calls.StatusCompleted}},
			Outcome: &calls.Outcome{CallKey: "call-1", Status: calls.StatusCompleted, Source: calls.SourceNotification},
		})
		return unknownResult(1)
	}
	s := e.run()
	require.Equal(t, []calls.Status{calls.StatusCompleted}, e.statuses())
	require.Equal(t, calls.Placed, s.Attempts[0].Placement)
	require.Empty(t, e.looks)
}

// TestOutboundProofLeavesTheDialQueueEmpty holds that a request with a proven placement posts nothing more.
func TestOutboundProofLeavesTheDialQueueEmpty(t *testing.T) {
	e := newOutboundEnv(t)
	e.queued = 30 * time.Minute
	e.update(time.Minute, 1, calls.StatusCompleted)
	e.at(2*time.Minute, func() {
		s := e.state()
		require.Equal(t, calls.OutboundDone, s.State)
		require.NotContains(t, s.Waiting, "dial queue")
	})
	s := e.run()
	require.Equal(t, calls.Placed, s.Attempts[0].Placement)
	require.Equal(t, calls.StatusCompleted, s.Outcome.Status)
}

// TestOutboundOfACallThatWasTerminated holds that the request looks up by itself how the call ended.
func TestOutboundOfACallThatWasTerminated(t *testing.T) {
	e := newOutboundEnv(t)
	e.OnActivity(contract.ActivityTrackCall.Name, mock.Anything, mock.Anything).Return(contract.TrackCallResult{},
		temporal.NewNonRetryableApplicationError("the workflow of call call-1 ended without a result", calls.ErrTypeCallLost, nil))
	e.logSays(calls.StatusNoAnswer)
	s := e.run()
	require.Equal(t, calls.StatusNoAnswer, s.Outcome.Status)
	require.Equal(t, calls.SourceCallLog, s.Outcome.Source)
	require.Less(t, s.Attempts[0].EndedAt.Sub(e.began), time.Hour)
}

func TestOutboundOfACallThatIsClosed(t *testing.T) {
	e := newOutboundEnv(t)
	e.closed = &calls.CallState{
		CallKey: "call-1", CallID: "call-1", Final: true, Revision: 4,
		Outcome: &calls.Outcome{CallKey: "call-1", Status: calls.StatusCompleted, Source: calls.SourceNotification},
	}
	s := e.run()
	require.Equal(t, calls.StatusCompleted, s.Outcome.Status)
}

func TestOutboundGivesUpACallWithoutNews(t *testing.T) {
	e := newOutboundEnv(t)
	s := e.run()
	require.Equal(t, calls.StatusUnknown, s.Outcome.Status)
	require.Equal(t, calls.SourceGaveUp, s.Outcome.Source)
	require.Equal(t, "call-1", s.Outcome.CallKey)
	require.Equal(t, []string{calls.AttentionGaveUp}, s.Attention)
	require.Len(t, e.posts, 1)
}

func TestOutboundLateRevision(t *testing.T) {
	e := newOutboundEnv(t)
	e.update(10*time.Second, 1, calls.StatusNoAnswer)
	e.update(30*time.Minute, 1, calls.StatusCompleted, func(c *calls.CallState) { c.Revision = 2 })
	e.update(40*time.Minute, 1, calls.StatusCompleted, func(c *calls.CallState) { c.Revision = 3 })
	s := e.run()
	require.Equal(t, []calls.Status{calls.StatusNoAnswer, calls.StatusCompleted}, e.statuses(), "the same again is no news")
	require.Equal(t, 2, s.Revision)
}
