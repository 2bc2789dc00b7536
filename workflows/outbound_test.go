package workflows_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

func TestOutboundFirstTry(t *testing.T) {
	e := newOutboundEnv(t)
	e.at(time.Second, func() {
		s := e.state()
		require.Equal(t, calls.OutboundAwaiting, s.State)
		require.Equal(t, "attempt 1 to end: it was placed, and nothing is heard of it yet", s.Waiting)
		require.Contains(t, currentDetails(t, e.TestWorkflowEnvironment), "**is dialled, and has not ended** (state AWAITING)")
	})
	e.at(3*time.Second, func() {
		require.Equal(t, "attempt 1 to end: it was placed, and is RINGING", e.state().Waiting)
	})
	e.update(2*time.Second, 1, calls.StatusRinging)
	e.update(20*time.Second, 1, calls.StatusCompleted)
	s := e.run()
	require.Equal(t, calls.OutboundDone, s.State)
	require.Equal(t, calls.StatusCompleted, s.Outcome.Status)
	require.Equal(t, "call-1", s.Outcome.CallKey)
	require.Equal(t, 1, s.Outcome.Attempt)
	require.Equal(t, calls.Placed, s.Attempts[0].Placement)
	require.Equal(t, []calls.Status{calls.StatusCompleted}, e.statuses())
	require.Equal(t, "told", s.Notified[0].Result)
	require.Len(t, e.posts, 1)
	require.Equal(t, "order-1-a1", e.posts[0].ReferenceID)
	require.Equal(t, primary, e.posts[0].CallerID)
	require.Empty(t, e.posts[0].SecondaryCallerID)
	require.Equal(t, e.began.Add(time.Hour), e.posts[0].NotAfter)
	require.Equal(t, []contract.TrackCallInput{{CallID: "call-1", ReferenceID: "order-1-a1", To: callee}}, e.tracks)
	require.Equal(t, time.Hour+time.Minute+20*time.Second, e.lived(), "open for revisions")
	require.Empty(t, e.looks)
}

func TestOutboundFailover(t *testing.T) {
	e := newOutboundEnv(t)
	e.logSays(calls.StatusFailed)
	e.update(10*time.Second, 1, calls.StatusFailed)
	e.at(12*time.Second, func() {
		require.Equal(t, calls.OutboundPending, e.state().State)
		require.Len(t, e.posts, 1, "the delay is kept")
	})
	e.update(30*time.Second, 2, calls.StatusCompleted)
	s := e.run()
	require.Len(t, e.posts, 2)
	require.Equal(t, "order-1-a2", e.posts[1].ReferenceID)
	require.Equal(t, secondary, e.posts[1].CallerID)
	require.Equal(t, calls.StatusFailed, s.Attempts[0].Status)
	require.True(t, *s.Attempts[0].Verified)
	require.Equal(t, 15*time.Second, s.Attempts[1].StartedAt.Sub(e.began).Round(time.Second))
	require.Equal(t, []calls.Status{calls.StatusCompleted}, e.statuses())
	require.Equal(t, 2, s.Outcome.Attempt)
	require.Equal(t, "call-1", e.looks[0].ID)
	require.False(t, e.looks[0].AcceptNonTerminal)
}

func TestOutboundBothFail(t *testing.T) {
	e := newOutboundEnv(t)
	e.logSays(calls.StatusFailed)
	e.update(10*time.Second, 1, calls.StatusFailed)
	e.update(30*time.Second, 2, calls.StatusFailed)
	s := e.run()
	require.Len(t, e.posts, 2)
	require.Equal(t, calls.StatusFailed, s.Outcome.Status)
	require.Equal(t, 2, s.Outcome.Attempt)
	require.Len(t, e.looks, 1, "the last failure is not verified: nothing is dialled after it")
}

func TestOutboundNotInOn(t *testing.T) {
	e := newOutboundEnv(t)
	e.update(10*time.Second, 1, calls.StatusRejected)
	s := e.run()
	require.Len(t, e.posts, 1)
	require.Equal(t, calls.StatusRejected, s.Outcome.Status)
}

func TestOutboundProviderFailover(t *testing.T) {
	e := newOutboundEnv(t)
	e.in.Request.Failover.By = calls.FailoverByProvider
	e.update(10*time.Second, 1, calls.StatusFailed)
	s := e.run()
	require.Len(t, e.posts, 1)
	require.Equal(t, secondary, e.posts[0].SecondaryCallerID)
	require.Equal(t, calls.StatusFailed, s.Outcome.Status)
}

// TestOutboundUnknown settles unknown placements, whatever made them unknown.
func TestOutboundUnknown(t *testing.T) {
	for name, place := range map[string]func(int) (contract.PlaceCallResult, error){
		"said so": unknownResult,
		"worker lost": func(int) (contract.PlaceCallResult, error) {
			return contract.PlaceCallResult{}, timeout(enumspb.TIMEOUT_TYPE_START_TO_CLOSE)
		},
		"heartbeat lost": func(int) (contract.PlaceCallResult, error) {
			return contract.PlaceCallResult{}, timeout(enumspb.TIMEOUT_TYPE_HEARTBEAT)
		},
		"failed":          func(int) (contract.PlaceCallResult, error) { return contract.PlaceCallResult{}, errors.New("boom") },
		"an empty answer": func(int) (contract.PlaceCallResult, error) { return contract.PlaceCallResult{}, nil },
		"placed, not a callId": func(int) (contract.PlaceCallResult, error) {
			return contract.PlaceCallResult{Placement: calls.Placed}, nil
		},
	} {
		t.Run(name+", settled by notification", func(t *testing.T) {
			e := newOutboundEnv(t)
			e.place = place
			e.update(30*time.Second, 1, calls.StatusCompleted)
			s := e.run()
			require.Len(t, e.posts, 1)
			require.Equal(t, calls.Placed, s.Attempts[0].Placement)
			require.Equal(t, "call-1", s.Attempts[0].CallID)
			require.Equal(t, []calls.Status{calls.StatusCompleted}, e.statuses())
			require.Equal(t, calls.SourceNotification, s.Outcome.Source)
		})
		t.Run(name+", settled by the call log", func(t *testing.T) {
			e := newOutboundEnv(t)
			e.place = place
			e.logSays(calls.StatusCompleted)
			s := e.run()
			require.Len(t, e.posts, 1)
			require.Equal(t, "order-1-a1", e.looks[0].ID)
			require.True(t, e.looks[0].AcceptNonTerminal)
			require.Equal(t, "call-1", s.Outcome.CallKey)
			require.Equal(t, calls.SourceCallLog, s.Outcome.Source)
			require.Equal(t, calls.StatusCompleted, s.Outcome.Status)
			require.Len(t, e.tracks, 1)
		})
	}
}

// TestOutboundSilence is ending 17: one post, which nobody accepted; the result comes much later.
func TestOutboundSilence(t *testing.T) {
	t.Run("for ever", func(t *testing.T) {
		e := newOutboundEnv(t)
		e.place = unknownResult
		s := e.run()
		require.Len(t, e.posts, 1)
		require.Equal(t, []calls.Status{calls.StatusUnknown}, e.statuses())
		require.Empty(t, s.Outcome.CallKey)
		require.Equal(t, []string{calls.AttentionUnknownPlacement}, s.Attention)
		require.Equal(t, 24*time.Hour, e.lived())
		require.Len(t, e.looks, 10, "as often as the test environment retries anything")
	})
	t.Run("until a notification comes 20 minutes later", func(t *testing.T) {
		e := newOutboundEnv(t)
		e.place = unknownResult
		e.update(20*time.Minute, 1, calls.StatusCompleted)
		s := e.run()
		require.Len(t, e.posts, 1)
		require.Equal(t, []calls.Status{calls.StatusUnknown, calls.StatusCompleted}, e.statuses())
		require.Equal(t, 2, s.Revision)
		require.Empty(t, s.Attention)
	})
	t.Run("a failure that comes too late is told and not dialled after", func(t *testing.T) {
		e := newOutboundEnv(t)
		e.place = unknownResult
		e.update(20*time.Minute, 1, calls.StatusFailed)
		e.run()
		require.Len(t, e.posts, 1)
		require.Equal(t, []calls.Status{calls.StatusUnknown, calls.StatusFailed}, e.statuses())
	})
}

func TestOutboundRedial(t *testing.T) {
	e := newOutboundEnv(t)
	e.in.Request.Failover.OnUnknown = calls.OnUnknownRedial
	e.place = func(n int) (contract.PlaceCallResult, error) {
		if n == 1 {
			return unknownResult(n)
		}
		return contract.PlaceCallResult{Placement: calls.Placed, CallID: "call-2"}, nil
	}
	e.look = func(in contract.LookUpInput) (contract.LookUpResult, error) {
		if in.Silence != nil && len(e.looks) >= in.Silence.Answers && !e.Now().Before(in.Silence.Until) {
			return contract.LookUpResult{}, temporal.NewNonRetryableApplicationError("no", contract.ErrTypeSurelyNotFound, nil)
		}
		return contract.LookUpResult{}, temporal.NewApplicationError("no", contract.ErrTypeNotFound)
	}
	e.at(15*time.Minute-time.Second, func() { require.Len(t, e.posts, 1) })
	e.update(20*time.Minute, 2, calls.StatusCompleted)
	s := e.run()
	require.Len(t, e.posts, 2)
	require.Equal(t, 3, e.looks[0].Silence.Answers)
	require.Equal(t, secondary, e.posts[1].CallerID)
	require.Equal(t, []calls.Status{calls.StatusCompleted}, e.statuses())
	require.Equal(t, calls.PlacementUnknown, s.Attempts[0].Placement)
	require.Equal(t, []string{calls.AttentionUnknownPlacement}, s.Attention)
}

func TestOutboundNotPlaced(t *testing.T) {
	t.Run("posted again under the same referenceId", func(t *testing.T) {
		e := newOutboundEnv(t)
		e.place = func(n int) (contract.PlaceCallResult, error) {
			if n < 3 {
				return contract.PlaceCallResult{Placement: calls.NotPlaced, RetryAfter: 9 * time.Second, Reason: "429"}, nil
			}
			return contract.PlaceCallResult{Placement: calls.Placed, CallID: "call-1"}, nil
		}
		e.at(5*time.Second, func() { require.Len(t, e.posts, 1, "Retry-After is honoured") })
		e.update(time.Minute, 1, calls.StatusCompleted)
		s := e.run()
		require.Len(t, e.posts, 3)
		require.Len(t, s.Attempts, 1)
		for _, p := range e.posts {
			require.Equal(t, "order-1-a1", p.ReferenceID)
			require.Equal(t, primary, p.CallerID)
		}
		require.Equal(t, 3, s.Attempts[0].Posts)
	})
	t.Run("until the deadline", func(t *testing.T) {
		e := newOutboundEnv(t)
		e.place = func(int) (contract.PlaceCallResult, error) {
			return contract.PlaceCallResult{Placement: calls.NotPlaced, Reason: "connection refused"}, nil
		}
		s := e.run()
		require.Equal(t, calls.StatusDeadline, s.Outcome.Status)
		require.Empty(t, s.Outcome.CallKey)
		require.Contains(t, s.Outcome.FailureReason, "connection refused")
		require.LessOrEqual(t, e.lived(), time.Hour)
		require.Less(t, len(e.posts), 70)
	})
	t.Run("refused for good", func(t *testing.T) {
		e := newOutboundEnv(t)
		e.place = func(int) (contract.PlaceCallResult, error) {
			return contract.PlaceCallResult{Placement: calls.NotPlaced, Final: true, Reason: "the provider refused the credentials (AppsId)"}, nil
		}
		e.at(time.Second, func() { require.Equal(t, calls.StatusNotPlaced, e.state().Outcome.Status) })
		s := e.run()
		require.Len(t, e.posts, 1)
		require.Contains(t, s.Outcome.FailureReason, "AppsId")
		require.Equal(t, calls.NotPlaced, s.Attempts[0].Placement)
	})
	t.Run("never left the dial queue", func(t *testing.T) {
		e := newOutboundEnv(t)
		e.place = func(int) (contract.PlaceCallResult, error) {
			return contract.PlaceCallResult{}, timeout(enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START)
		}
		e.in.Request.Deadline = e.began.Add(500 * time.Millisecond).Format(time.RFC3339Nano)
		s := e.run()
		require.Equal(t, calls.StatusDeadline, s.Outcome.Status)
		require.Len(t, e.posts, 1)
	})
}

func TestOutboundCallingHours(t *testing.T) {
	opens := func(e *outboundEnv, from, to time.Duration) {
		e.in.Request.CallingHours = &calls.CallingHours{Timezone: "Asia/Riyadh", From: "09:00", To: "22:00"}
		e.hours = func() (contract.Window, error) {
			return contract.Window{OpenAt: e.began.Add(from), ClosesAt: e.began.Add(to)}, nil
		}
	}
	t.Run("waits until they open", func(t *testing.T) {
		e := newOutboundEnv(t)
		opens(e, 30*time.Minute, 40*time.Minute)
		e.at(29*time.Minute, func() { require.Empty(t, e.posts) })
		e.update(31*time.Minute, 1, calls.StatusCompleted)
		s := e.run()
		require.Len(t, e.posts, 1)
		require.Equal(t, 30*time.Minute, s.Attempts[0].StartedAt.Sub(e.began))
		require.Equal(t, e.began.Add(40*time.Minute), e.posts[0].NotAfter, "the dial queue knows when they close")
	})
	t.Run("open only after the deadline", func(t *testing.T) {
		e := newOutboundEnv(t)
		opens(e, 2*time.Hour, 3*time.Hour)
		s := e.run()
		require.Empty(t, e.posts)
		require.Equal(t, calls.StatusRefused, s.Outcome.Status)
		require.Equal(t, calls.RuleCallingHours, s.Outcome.Rule)
		require.Empty(t, s.Attempts)
	})
	t.Run("close while it waits in the queue", func(t *testing.T) {
		e := newOutboundEnv(t)
		opens(e, 0, time.Second)
		e.place = func(n int) (contract.PlaceCallResult, error) {
			if n == 1 {
				opens(e, 20*time.Minute, 40*time.Minute)
				return contract.PlaceCallResult{}, timeout(enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START)
			}
			return contract.PlaceCallResult{Placement: calls.Placed, CallID: "call-1"}, nil
		}
		e.update(30*time.Minute, 1, calls.StatusCompleted)
		s := e.run()
		require.Len(t, e.posts, 2)
		require.Equal(t, calls.StatusCompleted, s.Outcome.Status)
		require.Len(t, s.Attempts, 1)
	})
	t.Run("cannot be read", func(t *testing.T) {
		e := newOutboundEnv(t)
		opens(e, 0, 0)
		e.hours = func() (contract.Window, error) {
			return contract.Window{}, temporal.NewNonRetryableApplicationError("no such zone", calls.ErrTypeInvalidRequest, nil)
		}
		s := e.run()
		require.Empty(t, e.posts)
		require.Equal(t, calls.StatusNotPlaced, s.Outcome.Status)
		require.Contains(t, s.Outcome.FailureReason, "no such zone")
	})
}

// TestFormerReferenceIsClaimed: each attempt is claimed under the name that an earlier release gives it.
func TestFormerReferenceIsClaimed(t *testing.T) {
	e := newOutboundEnv(t)
	e.in.Former = "idem-old"
	e.update(time.Second, 1, calls.StatusFailed)
	e.logSays(calls.StatusFailed)
	e.update(time.Minute, 2, calls.StatusCompleted)
	e.run()
	require.Len(t, e.posts, 2)
	require.Equal(t, "order-1-a1 idem-old-a1", e.posts[0].ReferenceID+" "+e.posts[0].Former)
	require.Equal(t, "order-1-a2 idem-old-a2", e.posts[1].ReferenceID+" "+e.posts[1].Former)
}
