package workflows_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/aftercall/aftercall/activities"
	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/workflows"
)

const (
	recordingCall = "c1"
	recordingLeg  = "sid-1"
	recordingURL  = "https://rec.example.com/a.wav?signature=1"
)

// recordingEnv is a Recording workflow in a test environment that skips time, with the world around it written down.
type recordingEnv struct {
	*testsuite.TestWorkflowEnvironment
	t         *testing.T
	start     time.Time
	download  func(activities.DownloadRecordingInput) error // nil: there it is
	refresh   func(activities.RefreshRecordingURLInput) (string, error)
	mu        sync.Mutex
	tries     []try
	refreshes int
	told      []calls.Recording // to "business"
	tellings  []string          // whom
	onTell    func()            // when the first is told
}

type try struct {
	at  time.Duration // since the start
	url string
}

func newRecordingEnv(t *testing.T) *recordingEnv {
	t.Helper()
	e := &recordingEnv{TestWorkflowEnvironment: newEnv(calls.RecordingWorkflowID(recordingCall, recordingLeg)), t: t}
	e.SetTestTimeout(30 * time.Second)
	e.start = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	e.SetStartTime(e.start)
	e.download = func(activities.DownloadRecordingInput) error { return nil }
	e.refresh = func(activities.RefreshRecordingURLInput) (string, error) { return "", nil }
	e.RegisterActivityWithOptions(func(ctx context.Context, in activities.DownloadRecordingInput) (calls.Recording, error) {
		e.mu.Lock()
		e.tries = append(e.tries, try{e.Now().Sub(e.start), in.URL})
		download := e.download
		e.mu.Unlock()
		if err := download(in); err != nil {
			return calls.Recording{}, err
		}
		at := e.Now()
		rec := in.Recording
		rec.Status, rec.ContentType, rec.SizeBytes, rec.SHA256, rec.StoredAt, rec.Tries = calls.RecordingStored, "audio/wav", 7, "abc", &at, int(activity.GetInfo(ctx).Attempt)
		return rec, nil
	}, activity.RegisterOptions{Name: activities.NameDownloadRecording})
	e.RegisterActivityWithOptions(func(_ context.Context, in activities.RefreshRecordingURLInput) (activities.RefreshRecordingURLResult, error) {
		e.refreshes++
		u, err := e.refresh(in)
		return activities.RefreshRecordingURLResult{URL: u}, err
	}, activity.RegisterOptions{Name: activities.NameRefreshRecordingURL})
	e.OnSignalExternalWorkflow(mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything).Return(
		func(_, workflowID, _, signal string, arg any) error {
			e.mu.Lock()
			defer e.mu.Unlock()
			require.Equal(t, calls.SignalRecording(recordingCall), signal)
			e.tellings = append(e.tellings, workflowID)
			if workflowID == "gone" {
				return &temporal.UnknownExternalWorkflowExecutionError{}
			}
			e.told = append(e.told, arg.(calls.Recording))
			if e.onTell != nil {
				e.onTell()
				e.onTell = nil
			}
			return nil
		})
	return e
}

// url is what KeepRecording signals; the call was completed when the workflow starts.
func (e *recordingEnv) url(u string) calls.RecordingURL {
	return calls.RecordingURL{CallKey: recordingCall, CallID: recordingCall, LegKey: recordingLeg, CallSID: recordingLeg, URL: u,
		CompletedAt: &e.start, ReceivedAt: e.start, Subscribers: []string{"business"}}
}

func (e *recordingEnv) signalAfter(d time.Duration, u calls.RecordingURL) {
	e.RegisterDelayedCallback(func() { e.SignalWorkflow(calls.SignalRecordingURL, u) }, d)
}

// run runs the workflow and returns its recording, and how long it took.
func (e *recordingEnv) run(u calls.RecordingURL) (calls.Recording, time.Duration, error) {
	e.t.Helper()
	e.signalAfter(0, u)
	e.ExecuteWorkflow(workflows.RecordingWorkflow, u.Input())
	require.True(e.t, e.IsWorkflowCompleted())
	took := e.Now().Sub(e.start)
	var rec calls.Recording
	err := e.GetWorkflowError()
	if lost, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		require.NoError(e.t, lost.Details(&rec))
		return rec, took, err
	}
	if err == nil {
		require.NoError(e.t, e.GetWorkflowResult(&rec))
	}
	return rec, took, err
}

func (e *recordingEnv) requireLost(err error, kind string) {
	e.t.Helper()
	lost, ok := errors.AsType[*temporal.ApplicationError](err)
	require.True(e.t, ok, "%v", err)
	require.Equal(e.t, kind, lost.Type())
	require.NotContains(e.t, err.Error(), "signature")
}

func (e *recordingEnv) state() calls.Recording {
	e.t.Helper()
	v, err := e.QueryWorkflow(calls.QueryState)
	require.NoError(e.t, err)
	var rec calls.Recording
	require.NoError(e.t, v.Get(&rec))
	return rec
}

func downloadFailure(kind, reason string, o temporal.ApplicationErrorOptions) error {
	o.Details = []any{activities.DownloadFailure{Reason: reason, Tries: 1}}
	return temporal.NewApplicationErrorWithOptions(reason, kind, o)
}

func unavailable() error {
	return downloadFailure(activities.ErrTypeRecordingUnavailable, "status-503", temporal.ApplicationErrorOptions{})
}

func dead() error {
	return downloadFailure(activities.ErrTypeRecordingURLDead, "status-403", temporal.ApplicationErrorOptions{NonRetryable: true})
}

// livesFrom makes every try fail until a time after the start.
func (e *recordingEnv) livesFrom(d time.Duration) {
	e.download = func(activities.DownloadRecordingInput) error {
		if e.Now().Sub(e.start) < d {
			return unavailable()
		}
		return nil
	}
}

func TestRecordingIsStoredAndTold(t *testing.T) {
	e := newRecordingEnv(t)
	u := e.url(recordingURL)
	u.Subscribers = []string{"business", "gone"}
	rec, _, err := e.run(u)
	require.NoError(t, err)
	require.Equal(t, calls.RecordingStored, rec.Status)
	require.Equal(t, recordingLeg, rec.Leg)
	require.Equal(t, calls.LegHash(recordingLeg), rec.LegHash)
	require.Equal(t, 1, rec.Tries)
	require.Equal(t, e.start.Add(72*time.Hour), rec.Deadline)
	require.Equal(t, []calls.Recording{rec}, e.told)
	require.ElementsMatch(t, []string{"business", "gone"}, e.tellings)
}

func TestRecordingBacksOffToTenMinutes(t *testing.T) {
	e := newRecordingEnv(t)
	e.livesFrom(3 * time.Hour)
	rec, took, err := e.run(e.url(recordingURL))
	require.NoError(t, err)
	require.Equal(t, len(e.tries), rec.Tries)
	require.Less(t, took, 3*time.Hour+11*time.Minute)
	for i, pause := range []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600} {
		require.Equal(t, pause*time.Second, e.tries[i+1].at-e.tries[i].at)
	}
}

func TestRecordingRetryAfterIsKept(t *testing.T) {
	e := newRecordingEnv(t)
	e.download = func(activities.DownloadRecordingInput) error {
		if len(e.tries) < 3 {
			return downloadFailure(activities.ErrTypeRecordingUnavailable, "status-429", temporal.ApplicationErrorOptions{NextRetryDelay: 17 * time.Minute})
		}
		return nil
	}
	_, _, err := e.run(e.url(recordingURL))
	require.NoError(t, err)
	require.Equal(t, []try{{0, recordingURL}, {17 * time.Minute, recordingURL}, {34 * time.Minute, recordingURL}}, e.tries)
}

func TestF32RecordingIsStoredInTheLastMinute(t *testing.T) {
	e := newRecordingEnv(t)
	e.livesFrom(71*time.Hour + 59*time.Minute)
	rec, took, err := e.run(e.url(recordingURL))
	require.NoError(t, err)
	require.Equal(t, calls.RecordingStored, rec.Status)
	require.GreaterOrEqual(t, took, 71*time.Hour+59*time.Minute)
	require.Less(t, took, 72*time.Hour)
	require.False(t, rec.Alarm, "the danger is over")
	require.Len(t, e.told, 2, "the alarm, and that it is over")
}

func TestF32RecordingExpiresAfter72Hours(t *testing.T) {
	e := newRecordingEnv(t)
	e.livesFrom(1000 * time.Hour)
	rec, took, err := e.run(e.url(recordingURL))
	e.requireLost(err, calls.ErrTypeRecordingExpired)
	require.Equal(t, calls.RecordingExpired, rec.Status)
	require.Equal(t, "status-503", rec.Reason)
	require.Contains(t, rec.Advice, "console")
	require.InDelta(t, 72*time.Hour, took, float64(2*time.Second))
	last := e.tries[len(e.tries)-1].at
	require.Greater(t, last, 71*time.Hour+59*time.Minute+30*time.Second)
	require.Less(t, len(e.tries), 600, "back-off")
}

func TestRecordingAlarmComesAt48Hours(t *testing.T) {
	e := newRecordingEnv(t)
	e.livesFrom(50 * time.Hour)
	e.RegisterDelayedCallback(func() {
		require.False(t, e.state().Alarm)
		require.Empty(t, e.told)
	}, 48*time.Hour-time.Second)
	e.RegisterDelayedCallback(func() {
		require.True(t, e.state().Alarm)
		require.Len(t, e.told, 1)
		require.Equal(t, calls.RecordingPending, e.told[0].Status)
		details := currentDetails(t, e.TestWorkflowEnvironment)
		require.Contains(t, details, "In danger")
		require.NotContains(t, details, "rec.example.com")
	}, 48*time.Hour+time.Second)
	e.OnUpsertTypedSearchAttributes(temporal.NewSearchAttributes(
		calls.AttributeRecordingStatus.ValueSet("PENDING"), calls.AttributeCallAttention.ValueSet(calls.AttentionRecordingAlarm))).Return(nil).Once()
	e.OnUpsertTypedSearchAttributes(mock.Anything).Return(nil)
	rec, _, err := e.run(e.url(recordingURL))
	require.NoError(t, err)
	require.Len(t, e.told, 2)
	require.False(t, rec.Alarm)
	e.AssertExpectations(t)
}

func TestRecordingNotifiedLateGetsOneTry(t *testing.T) {
	late := func(e *recordingEnv) calls.RecordingURL {
		u := e.url(recordingURL)
		completed := e.start.Add(-80 * time.Hour)
		u.CompletedAt = &completed
		return u
	}
	t.Run("and expires", func(t *testing.T) {
		e := newRecordingEnv(t)
		e.livesFrom(time.Hour)
		rec, took, err := e.run(late(e))
		e.requireLost(err, calls.ErrTypeRecordingExpired)
		require.Len(t, e.tries, 1)
		require.Less(t, took, time.Minute)
		require.Equal(t, e.start.Add(-8*time.Hour), rec.Deadline)
	})
	t.Run("and is stored", func(t *testing.T) {
		e := newRecordingEnv(t)
		rec, _, err := e.run(late(e))
		require.NoError(t, err)
		require.Equal(t, calls.RecordingStored, rec.Status)
		require.Len(t, e.told, 1, "no alarm where it came at once")
	})
	t.Run("for which a store that is away does not count", func(t *testing.T) {
		e := newRecordingEnv(t)
		e.download = func(activities.DownloadRecordingInput) error {
			if len(e.tries) < 5 {
				return downloadFailure(activities.ErrTypeRecordingStore, "store-unavailable", temporal.ApplicationErrorOptions{})
			}
			return nil
		}
		_, _, err := e.run(late(e))
		require.NoError(t, err)
	})
	t.Run("also of a fresh URL", func(t *testing.T) {
		e := newRecordingEnv(t)
		e.refresh = func(activities.RefreshRecordingURLInput) (string, error) { return "https://rec.example.com/fresh", nil }
		e.download = func(in activities.DownloadRecordingInput) error {
			if in.URL == recordingURL {
				return dead()
			}
			return nil
		}
		_, _, err := e.run(late(e))
		require.NoError(t, err)
	})
}

func TestRecordingThatNoWorkerTriedGetsItsTryWhenOneIsBack(t *testing.T) {
	e := newRecordingEnv(t)
	e.download = func(activities.DownloadRecordingInput) error {
		if e.Now().Sub(e.start) < 72*time.Hour {
			return downloadFailure(activities.ErrTypeRecordingStore, "store-unavailable", temporal.ApplicationErrorOptions{})
		}
		return nil
	}
	_, _, err := e.run(e.url(recordingURL))
	require.NoError(t, err)
}

func TestRecordingDeadlineWhereCompletedAtCannotBe(t *testing.T) {
	epoch := time.Unix(0, 0)
	for name, completedAt := range map[string]func(start time.Time) *time.Time{
		"missing":       func(time.Time) *time.Time { return nil },
		"zero":          func(time.Time) *time.Time { return &time.Time{} },
		"epoch":         func(time.Time) *time.Time { return &epoch },
		"in the future": func(s time.Time) *time.Time { s = s.Add(time.Hour); return &s },
	} {
		t.Run(name, func(t *testing.T) {
			e := newRecordingEnv(t)
			u := e.url(recordingURL)
			u.CompletedAt = completedAt(e.start)
			rec, _, err := e.run(u)
			require.NoError(t, err)
			require.Equal(t, e.start.Add(72*time.Hour), rec.Deadline, "72 hours after receipt")
		})
	}
}

func TestSecondURLReplacesAPendingOne(t *testing.T) {
	e := newRecordingEnv(t)
	second := "https://rec.example.com/b.wav"
	e.download = func(in activities.DownloadRecordingInput) error {
		if in.URL == second {
			return nil
		}
		return unavailable()
	}
	e.signalAfter(5*time.Hour+time.Second, e.url(second))
	rec, took, err := e.run(e.url(recordingURL))
	require.NoError(t, err)
	require.Equal(t, calls.RecordingStored, rec.Status)
	require.Equal(t, 5*time.Hour+time.Second, took, "no back-off of the first one is waited for")
	require.Equal(t, second, e.tries[len(e.tries)-1].url)
}

func TestSameURLAgainChangesNothing(t *testing.T) {
	e := newRecordingEnv(t)
	e.livesFrom(2 * time.Hour)
	e.signalAfter(time.Hour, e.url(recordingURL))
	_, _, err := e.run(e.url(recordingURL))
	require.NoError(t, err)
	for _, x := range e.tries {
		require.NotEqual(t, time.Hour, x.at)
	}
}

func TestF32DeadURLIsRefreshedOnce(t *testing.T) {
	fresh := "https://rec.example.com/a.wav?signature=2"
	t.Run("and the fresh one lives", func(t *testing.T) {
		e := newRecordingEnv(t)
		e.download = func(in activities.DownloadRecordingInput) error {
			if in.URL == recordingURL {
				return dead()
			}
			return nil
		}
		e.refresh = func(in activities.RefreshRecordingURLInput) (string, error) {
			require.Equal(t, activities.RefreshRecordingURLInput{URL: recordingURL, CallID: recordingCall, CallSID: recordingLeg}, in)
			return fresh, nil
		}
		rec, _, err := e.run(e.url(recordingURL))
		require.NoError(t, err)
		require.Equal(t, 2, rec.Tries)
		require.Equal(t, []string{recordingURL, fresh}, []string{e.tries[0].url, e.tries[1].url})
	})
	t.Run("and the fresh one is dead too", func(t *testing.T) {
		e := newRecordingEnv(t)
		e.download = func(activities.DownloadRecordingInput) error { return dead() }
		e.refresh = func(activities.RefreshRecordingURLInput) (string, error) { return fresh, nil }
		rec, took, err := e.run(e.url(recordingURL))
		e.requireLost(err, calls.ErrTypeRecordingExpired)
		require.Equal(t, "status-403", rec.Reason)
		require.Equal(t, 1, e.refreshes)
		require.Len(t, e.tries, 2)
		require.Less(t, took, time.Minute, "at once")
		require.True(t, rec.Alarm)
		require.Equal(t, []calls.Recording{rec}, e.told)
	})
	t.Run("and there is none", func(t *testing.T) {
		e := newRecordingEnv(t)
		e.download = func(activities.DownloadRecordingInput) error { return dead() }
		_, took, err := e.run(e.url(recordingURL))
		e.requireLost(err, calls.ErrTypeRecordingExpired)
		require.Len(t, e.tries, 1)
		require.Less(t, took, time.Minute)
	})
	t.Run("though the call log is away for a while", func(t *testing.T) {
		e := newRecordingEnv(t)
		e.download = func(in activities.DownloadRecordingInput) error {
			if in.URL == recordingURL {
				return dead()
			}
			return nil
		}
		e.refresh = func(activities.RefreshRecordingURLInput) (string, error) {
			if e.refreshes < 20 {
				return "", errors.New("away")
			}
			return fresh, nil
		}
		_, _, err := e.run(e.url(recordingURL))
		require.NoError(t, err)
	})
}

func TestRecordingNotFoundIsTriedUntilTheDeadline(t *testing.T) {
	e := newRecordingEnv(t)
	e.download = func(activities.DownloadRecordingInput) error {
		return downloadFailure(activities.ErrTypeRecordingUnavailable, "not-found", temporal.ApplicationErrorOptions{})
	}
	rec, took, err := e.run(e.url(recordingURL))
	e.requireLost(err, calls.ErrTypeRecordingExpired)
	require.Equal(t, "not-found", rec.Reason)
	require.InDelta(t, 72*time.Hour, took, float64(2*time.Second))
	require.Zero(t, e.refreshes)
}

func TestRefusedRecordingFailsAtOnce(t *testing.T) {
	e := newRecordingEnv(t)
	e.download = func(activities.DownloadRecordingInput) error {
		return downloadFailure(calls.ErrTypeRecordingRefused, "host-not-allowed", temporal.ApplicationErrorOptions{NonRetryable: true})
	}
	rec, took, err := e.run(e.url(recordingURL))
	e.requireLost(err, calls.ErrTypeRecordingRefused)
	require.Equal(t, calls.RecordingRefused, rec.Status)
	require.Less(t, took, time.Minute)
	require.Len(t, e.tries, 1)
}

func TestLoginPageIsAlarmedAtOnceAndTriedOn(t *testing.T) {
	page := func(e *recordingEnv, until time.Duration) {
		e.download = func(in activities.DownloadRecordingInput) error {
			if e.Now().Sub(e.start) < until {
				return downloadFailure(activities.ErrTypeRecordingNotAudio, "not-audio", temporal.ApplicationErrorOptions{NonRetryable: !in.Suspect})
			}
			return nil
		}
	}
	t.Run("until it is gone", func(t *testing.T) {
		e := newRecordingEnv(t)
		page(e, 2*time.Hour)
		e.RegisterDelayedCallback(func() { require.True(t, e.state().Alarm) }, 10*time.Second)
		rec, _, err := e.run(e.url(recordingURL))
		require.NoError(t, err)
		require.Equal(t, calls.RecordingStored, rec.Status)
		require.Len(t, e.told, 2)
	})
	t.Run("until the deadline", func(t *testing.T) {
		e := newRecordingEnv(t)
		page(e, 1000*time.Hour)
		rec, _, err := e.run(e.url(recordingURL))
		e.requireLost(err, calls.ErrTypeRecordingRefused)
		require.Equal(t, "not-audio", rec.Reason)
	})
}

func TestRetryNowSkipsTheBackOff(t *testing.T) {
	e := newRecordingEnv(t)
	e.livesFrom(5 * time.Hour)
	at := 5*time.Hour + time.Second
	update := func() *updated {
		u := &updated{}
		e.UpdateWorkflow(calls.UpdateRetryNow, "", &testsuite.TestUpdateCallback{
			OnAccept: func() {}, OnReject: func(err error) { u.rejected = err }, OnComplete: func(any, error) { u.done = true },
		})
		return u
	}
	var first *updated
	e.RegisterDelayedCallback(func() { first = update() }, at)
	_, took, err := e.run(e.url(recordingURL))
	require.NoError(t, err)
	require.True(t, first.done)
	require.Equal(t, at, took)
}

func TestRetryNowIsRefusedWhereNothingIsPending(t *testing.T) {
	e := newRecordingEnv(t)
	var rejected error
	e.RegisterDelayedCallback(func() {
		e.UpdateWorkflow(calls.UpdateRetryNow, "", &testsuite.TestUpdateCallback{
			OnAccept: func() {}, OnReject: func(err error) { rejected = err }, OnComplete: func(any, error) {},
		})
	}, time.Second)
	e.signalAfter(time.Minute, e.url(recordingURL))
	u := e.url("")
	_, _, err := e.run(u)
	require.NoError(t, err)
	require.ErrorContains(t, rejected, "PENDING")
}

type updated struct {
	rejected error
	done     bool
}

func TestLaterSubscriberIsTold(t *testing.T) {
	e := newRecordingEnv(t)
	e.livesFrom(50 * time.Hour)
	late := e.url("")
	late.Subscribers = []string{"latecomer"}
	e.signalAfter(49*time.Hour, late)
	_, _, err := e.run(e.url(recordingURL))
	require.NoError(t, err)
	require.Len(t, e.tellings, 4)
	require.Equal(t, []string{"business", "latecomer"}, e.tellings[:2], "the alarm, and the alarm again for who came later")
	require.ElementsMatch(t, []string{"business", "latecomer"}, e.tellings[2:], "the end")
}

func TestURLThatComesWhileTheEndIsToldIsTried(t *testing.T) {
	e := newRecordingEnv(t)
	second := "https://rec.example.com/b.wav"
	e.download = func(in activities.DownloadRecordingInput) error {
		if in.URL == second {
			return nil
		}
		return dead()
	}
	e.onTell = func() {
		require.Equal(t, calls.RecordingExpired, e.told[0].Status)
		e.SignalWorkflow(calls.SignalRecordingURL, e.url(second))
	}
	rec, _, err := e.run(e.url(recordingURL))
	require.NoError(t, err)
	require.Equal(t, calls.RecordingStored, rec.Status)
	require.Equal(t, rec, e.told[len(e.told)-1])
}

func TestRecordingWithoutAURLEnds(t *testing.T) {
	e := newRecordingEnv(t)
	rec, _, err := e.run(e.url(""))
	e.requireLost(err, calls.ErrTypeRecordingExpired)
	require.Equal(t, "no-url", rec.Reason)
}

func TestCancelledRecordingEnds(t *testing.T) {
	e := newRecordingEnv(t)
	e.livesFrom(50 * time.Hour)
	e.RegisterDelayedCallback(e.CancelWorkflow, time.Hour)
	_, _, err := e.run(e.url(recordingURL))
	require.True(t, temporal.IsCanceledError(err), "%v", err)
}

func TestRecordingOfASession(t *testing.T) {
	e := newRecordingEnv(t)
	u := e.url(recordingURL)
	u.LegKey, u.CallSID, u.CallID, u.MaskID, u.CallKey = calls.SessionLegKey(calls.RecordingIdentity(recordingURL)), "", "", "m1", recordingCall
	e.download = func(in activities.DownloadRecordingInput) error {
		if in.URL == recordingURL {
			return dead()
		}
		return nil
	}
	e.refresh = func(in activities.RefreshRecordingURLInput) (string, error) {
		require.Equal(t, activities.RefreshRecordingURLInput{URL: recordingURL, MaskID: "m1"}, in)
		return recordingURL + "0", nil
	}
	rec, _, err := e.run(u)
	require.NoError(t, err)
	require.Equal(t, "m1", rec.MaskID)
	require.Empty(t, rec.Leg)
	require.Equal(t, calls.LegHash(u.LegKey), rec.LegHash)
}
