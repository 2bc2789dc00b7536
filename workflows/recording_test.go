package workflows_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	_ "gocloud.dev/blob/memblob" // mem:// URLs

	"github.com/aftercall/aftercall/activities"
	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/recordings"
	"github.com/aftercall/aftercall/workflows"
)

const (
	recordingCall = "c1"
	recordingLeg  = "sid-1"
	recordingURL  = "https://rec.example.com/a.wav?signature=1"
)

// recordingEnv is a Recording workflow in a test environment that skips time; it records everything around it.
type recordingEnv struct {
	*testsuite.TestWorkflowEnvironment
	t         *testing.T
	start     time.Time
	fetch     func(url string) error // nil: the recording is there
	audio     func() recordings.Audio
	fetcher   func() activities.RecordingFetcher // nil: one that follows fetch and audio
	store     error                              // the store's error
	refresh   func(contract.RefreshRecordingURLInput) (string, error)
	mu        sync.Mutex
	tries     []try
	refreshes int
	told      []calls.Recording // to "business"
	toldAt    []time.Duration   // since the start
	tellings  []string          // to whom
	toldCall  []calls.Recording // to the workflow of the call
	calledAt  []time.Duration   // when
	onTell    func()            // at the first signal
}

// scriptedFetcher returns a whole recording, or what the test sets.
type scriptedFetcher struct{ e *recordingEnv }

func (f scriptedFetcher) Fetch(ctx context.Context, url string, into *os.File, progress func(int64)) (recordings.Audio, error) {
	f.e.mu.Lock()
	f.e.tries = append(f.e.tries, try{f.e.Now().Sub(f.e.start), url})
	fetch := f.e.fetch
	f.e.mu.Unlock()
	if f.e.fetcher != nil {
		return f.e.fetcher().Fetch(ctx, url, into, progress)
	}
	if err := fetch(url); err != nil {
		return recordings.Audio{}, err
	}
	if _, err := into.WriteString(wholeRecording); err != nil {
		return recordings.Audio{}, err
	}
	return f.e.audio(), nil
}

const wholeRecording = "audio"

var wholeAudio = recordings.Audio{ContentType: "audio/wav", Extension: ".wav", SizeBytes: int64(len(wholeRecording)), SHA256: digestOf(wholeRecording)}

func digestOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// scriptedStore fails when the test says so.
type scriptedStore struct {
	activities.RecordingStore
	e *recordingEnv
}

func (s scriptedStore) Meta(ctx context.Context, callKey, legHash string) (calls.Recording, bool, error) {
	s.e.mu.Lock()
	err := s.e.store
	s.e.mu.Unlock()
	if err != nil {
		return calls.Recording{}, false, err
	}
	return s.RecordingStore.Meta(ctx, callKey, legHash)
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
	e.fetch = func(string) error { return nil }
	e.audio = func() recordings.Audio { return wholeAudio }
	e.refresh = func(contract.RefreshRecordingURLInput) (string, error) { return "", nil }
	store, err := recordings.OpenStore(t.Context(), "mem://")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	a := &activities.Recordings{Store: scriptedStore{store, e}, Fetcher: scriptedFetcher{e}, Now: e.Now}
	e.RegisterActivityWithOptions(a.DownloadRecording, activity.RegisterOptions{Name: contract.ActivityDownloadRecording.Name})
	e.RegisterActivityWithOptions(func(_ context.Context, in contract.RefreshRecordingURLInput) (contract.RefreshRecordingURLResult, error) {
		e.refreshes++
		u, err := e.refresh(in)
		return contract.RefreshRecordingURLResult{URL: u}, err
	}, activity.RegisterOptions{Name: contract.ActivityRefreshRecordingURL.Name})
	hearSignals(e.TestWorkflowEnvironment, func(workflowID, signal string, arg any) {
		e.mu.Lock()
		defer e.mu.Unlock()
		require.Equal(t, calls.SignalRecording(recordingCall), signal)
		if workflowID == calls.CallWorkflowID(recordingCall) {
			e.toldCall, e.calledAt = append(e.toldCall, arg.(calls.Recording)), append(e.calledAt, e.Now().Sub(e.start))
			return
		}
		e.tellings = append(e.tellings, workflowID)
		if workflowID == "gone" {
			return
		}
		e.told, e.toldAt = append(e.told, arg.(calls.Recording)), append(e.toldAt, e.Now().Sub(e.start))
		if e.onTell != nil {
			e.onTell()
			e.onTell = nil
		}
	})
	return e
}

// url returns KeepRecording's signal; the call was completed when the workflow starts.
func (e *recordingEnv) url(u string) contract.RecordingURL {
	return contract.RecordingURL{CallKey: recordingCall, CallID: recordingCall, LegKey: recordingLeg, CallSID: recordingLeg, URL: u,
		CompletedAt: &e.start, ReceivedAt: e.start, Subscribers: []string{"business"}}
}

func (e *recordingEnv) signalAfter(d time.Duration, u contract.RecordingURL) {
	e.RegisterDelayedCallback(func() { e.SignalWorkflow(contract.SignalRecordingURL.Name, u) }, d)
}

// run runs the workflow and returns its recording, and how long it took.
func (e *recordingEnv) run(u contract.RecordingURL) (calls.Recording, time.Duration, error) {
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

func status(verdict recordings.Verdict, code int) error {
	return &recordings.FetchError{Verdict: verdict, Reason: "status-" + strconv.Itoa(code), Host: "rec.example.com", Status: code}
}

func unavailable() error { return status(recordings.VerdictTransient, 503) }

func denied() error { return status(recordings.VerdictForbidden, 403) }

func gone() error { return status(recordings.VerdictDead, 410) }

// livesFrom makes every try fail until a time after the start.
func (e *recordingEnv) livesFrom(d time.Duration) {
	e.fetch = func(string) error {
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
	require.Empty(t, e.toldCall, "no event is spent on what goes as it should")
}

// TestCallIsToldOfTrouble: the call's page says at once that a recording is in danger, even without a subscriber, and later
// how it ended.
func TestCallIsToldOfTrouble(t *testing.T) {
	setting := &recordings.FetchError{Verdict: recordings.VerdictRefused, Reason: "host-not-allowed", Host: "rec.example.com"}
	for name, ends := range map[string]struct {
		fails  error
		reason string
		mended time.Duration
		status calls.RecordingStatus
	}{
		"mended":           {fails: denied(), reason: "status-403", mended: 5 * time.Hour, status: calls.RecordingStored},
		"lost":             {fails: denied(), reason: "status-403", mended: 100 * time.Hour, status: calls.RecordingExpired},
		"a setting mended": {fails: setting, reason: "host-not-allowed", mended: 5 * time.Hour, status: calls.RecordingStored},
	} {
		t.Run(name, func(t *testing.T) {
			e := newRecordingEnv(t)
			e.fetch = func(string) error {
				if e.Now().Sub(e.start) < ends.mended {
					return ends.fails
				}
				return nil
			}
			u := e.url(recordingURL)
			u.Subscribers = nil
			rec, _, _ := e.run(u)
			require.Equal(t, ends.status, rec.Status)
			require.Len(t, e.toldCall, 2)
			require.True(t, e.toldCall[0].Alarm)
			require.Less(t, e.calledAt[0], time.Minute, "at once, and not after the next try")
			require.Equal(t, calls.RecordingPending, e.toldCall[0].Status)
			require.Equal(t, ends.reason, e.toldCall[0].Reason)
			require.Equal(t, rec, e.toldCall[1])
			require.Empty(t, e.tellings)
		})
	}
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
	e.fetch = func(string) error {
		if len(e.tries) < 3 {
			return &recordings.FetchError{Verdict: recordings.VerdictTransient, Reason: "status-429", Status: 429, RetryAfter: 7 * time.Minute}
		}
		return nil
	}
	_, _, err := e.run(e.url(recordingURL))
	require.NoError(t, err)
	require.Equal(t, []try{{0, recordingURL}, {7 * time.Minute, recordingURL}, {14 * time.Minute, recordingURL}}, e.tries)
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
	late := func(e *recordingEnv) contract.RecordingURL {
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
		e.fetch = func(string) error {
			if len(e.tries) < 5 {
				return errors.New("no space left")
			}
			return nil
		}
		_, _, err := e.run(late(e))
		require.NoError(t, err)
	})
	t.Run("also of a fresh URL", func(t *testing.T) {
		e := newRecordingEnv(t)
		e.refresh = func(contract.RefreshRecordingURLInput) (string, error) { return "https://rec.example.com/fresh", nil }
		e.fetch = func(url string) error {
			if url == recordingURL {
				return gone()
			}
			return nil
		}
		_, _, err := e.run(late(e))
		require.NoError(t, err)
	})
}

func TestRecordingThatNoWorkerTriedGetsItsTryWhenOneIsBack(t *testing.T) {
	e := newRecordingEnv(t)
	e.fetch = func(string) error {
		if e.Now().Sub(e.start) < 72*time.Hour {
			return errors.New("no space left")
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
	e.fetch = func(url string) error {
		if url == second {
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

func TestF32OnlyTwoLinksThatAreOverEndARecording(t *testing.T) {
	fresh := "https://rec.example.com/a.wav?signature=2"
	t.Run("and the fresh one lives", func(t *testing.T) {
		e := newRecordingEnv(t)
		e.fetch = func(url string) error {
			if url == recordingURL {
				return gone()
			}
			return nil
		}
		e.refresh = func(in contract.RefreshRecordingURLInput) (string, error) {
			require.Equal(t, contract.RefreshRecordingURLInput{URL: recordingURL, CallID: recordingCall, CallSID: recordingLeg}, in)
			return fresh, nil
		}
		rec, _, err := e.run(e.url(recordingURL))
		require.NoError(t, err)
		require.Equal(t, 2, rec.Tries)
		require.Equal(t, []string{recordingURL, fresh}, []string{e.tries[0].url, e.tries[1].url})
	})
	t.Run("and the fresh one is dead too", func(t *testing.T) {
		e := newRecordingEnv(t)
		e.fetch = func(string) error { return gone() }
		e.refresh = func(contract.RefreshRecordingURLInput) (string, error) { return fresh, nil }
		rec, took, err := e.run(e.url(recordingURL))
		e.requireLost(err, calls.ErrTypeRecordingExpired)
		require.Equal(t, "status-410", rec.Reason)
		require.Equal(t, 1, e.refreshes)
		require.Len(t, e.tries, 2)
		require.Less(t, took, time.Minute, "at once")
		require.True(t, rec.Alarm)
		require.Equal(t, []calls.Recording{rec}, e.told)
	})
	t.Run("and there is none", func(t *testing.T) {
		e := newRecordingEnv(t)
		e.fetch = func(string) error {
			if e.Now().Sub(e.start) < 20*time.Hour {
				return gone()
			}
			return nil
		}
		e.RegisterDelayedCallback(func() { require.True(t, e.state().Alarm) }, time.Minute)
		_, took, err := e.run(e.url(recordingURL))
		require.NoError(t, err)
		require.Less(t, took, 21*time.Hour+time.Minute)
		require.Less(t, len(e.tries), 30, "hourly")
	})
	t.Run("though the call log is away for a while", func(t *testing.T) {
		e := newRecordingEnv(t)
		e.fetch = func(url string) error {
			if url == recordingURL {
				return gone()
			}
			return nil
		}
		e.refresh = func(contract.RefreshRecordingURLInput) (string, error) {
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
	e.fetch = func(string) error {
		return &recordings.FetchError{Verdict: recordings.VerdictMissing, Reason: recordings.ReasonNotFound, Status: 404}
	}
	rec, took, err := e.run(e.url(recordingURL))
	e.requireLost(err, calls.ErrTypeRecordingExpired)
	require.Equal(t, "not-found", rec.Reason)
	require.InDelta(t, 72*time.Hour, took, float64(2*time.Second))
	require.Zero(t, e.refreshes)
}

// A fault that a person must fix is reported at once, costs nothing once fixed, and loses the recording only at the deadline.
func TestWhatNeedsAPersonIsToldAtOnceAndTriedOn(t *testing.T) {
	for reason, verdict := range map[string]recordings.Verdict{
		recordings.ReasonHost: recordings.VerdictRefused, recordings.ReasonScheme: recordings.VerdictRefused,
		recordings.ReasonAddress: recordings.VerdictRefused, recordings.ReasonNotAudio: recordings.VerdictNotAudio,
	} {
		until := func(e *recordingEnv, d time.Duration) {
			e.fetch = func(string) error {
				if e.Now().Sub(e.start) < d {
					return &recordings.FetchError{Verdict: verdict, Reason: reason, Host: "rec.example.com"}
				}
				return nil
			}
		}
		t.Run(reason+" until it is mended", func(t *testing.T) {
			e := newRecordingEnv(t)
			until(e, 2*time.Hour)
			e.RegisterDelayedCallback(func() {
				rec := e.state()
				require.True(t, rec.Alarm)
				require.Equal(t, calls.RecordingPending, rec.Status)
				require.Equal(t, reason, rec.Reason)
				require.Equal(t, &calls.RecordingTry{At: e.start, Reason: reason}, rec.LastTry)
				require.Contains(t, currentDetails(t, e.TestWorkflowEnvironment), reason)
			}, 10*time.Second)
			rec, took, err := e.run(e.url(recordingURL))
			require.NoError(t, err)
			require.Equal(t, calls.RecordingStored, rec.Status)
			require.Less(t, took, 3*time.Hour, "within an hour after it is mended")
			require.Len(t, e.told, 2, "the alarm, and that it is over")
			require.Nil(t, rec.LastTry)
		})
		t.Run(reason+" until the deadline", func(t *testing.T) {
			e := newRecordingEnv(t)
			until(e, 1000*time.Hour)
			rec, took, err := e.run(e.url(recordingURL))
			e.requireLost(err, calls.ErrTypeRecordingExpired)
			require.Equal(t, reason, rec.Reason)
			require.InDelta(t, 72*time.Hour, took, float64(2*time.Second))
			require.Less(t, len(e.tries), 600)
		})
	}
}

func TestDenialIsNoEnd(t *testing.T) {
	deniedUntil := func(e *recordingEnv, d time.Duration) {
		e.fetch = func(string) error {
			if e.Now().Sub(e.start) < d {
				return denied()
			}
			return nil
		}
	}
	t.Run("of a file that is not there yet", func(t *testing.T) {
		e := newRecordingEnv(t)
		deniedUntil(e, time.Second)
		rec, took, err := e.run(e.url(recordingURL))
		require.NoError(t, err)
		require.Less(t, took, 5*time.Second)
		require.False(t, rec.Alarm)
		require.Len(t, e.told, 1, "no alarm")
	})
	t.Run("three times", func(t *testing.T) {
		e := newRecordingEnv(t)
		deniedUntil(e, 71*time.Hour)
		e.RegisterDelayedCallback(func() {
			require.True(t, e.state().Alarm)
			require.Equal(t, 403, e.state().LastTry.HTTPStatus)
		}, time.Minute)
		_, took, err := e.run(e.url(recordingURL))
		require.NoError(t, err)
		require.Less(t, took, 72*time.Hour+time.Minute)
		require.Less(t, len(e.tries), 90, "hourly")
		require.Greater(t, e.refreshes, 5, "another link is looked for now and then")
	})
	t.Run("though each look gives a link that is denied too", func(t *testing.T) {
		e := newRecordingEnv(t)
		e.fetch = func(string) error { return denied() }
		e.refresh = func(contract.RefreshRecordingURLInput) (string, error) {
			return "https://rec.example.com/a.wav?signature=" + strconv.Itoa(e.refreshes), nil
		}
		rec, took, err := e.run(e.url(recordingURL))
		e.requireLost(err, calls.ErrTypeRecordingExpired)
		require.Equal(t, "status-403", rec.Reason)
		require.InDelta(t, 72*time.Hour, took, float64(2*time.Second))
		require.Less(t, len(e.tries), 120)
	})
	t.Run("until the deadline", func(t *testing.T) {
		e := newRecordingEnv(t)
		deniedUntil(e, 1000*time.Hour)
		rec, took, err := e.run(e.url(recordingURL))
		e.requireLost(err, calls.ErrTypeRecordingExpired)
		require.Equal(t, "status-403", rec.Reason)
		require.InDelta(t, 72*time.Hour, took, float64(2*time.Second))
		require.Less(t, len(e.tries), 120)
	})
}

func TestRetryNowSkipsTheBackOff(t *testing.T) {
	e := newRecordingEnv(t)
	e.livesFrom(5 * time.Hour)
	at := 5*time.Hour + time.Second
	update := func() *updated {
		u := &updated{}
		e.UpdateWorkflow(contract.UpdateRetryNow.Name, "", &testsuite.TestUpdateCallback{
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
		e.UpdateWorkflow(contract.UpdateRetryNow.Name, "", &testsuite.TestUpdateCallback{
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
	e.fetch = func(url string) error {
		if url == second {
			return nil
		}
		return gone()
	}
	e.refresh = func(contract.RefreshRecordingURLInput) (string, error) { return recordingURL + "0", nil }
	e.onTell = func() {
		require.Equal(t, calls.RecordingExpired, e.told[0].Status)
		e.SignalWorkflow(contract.SignalRecordingURL.Name, e.url(second))
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
	u.LegKey, u.CallSID, u.CallID, u.MaskID, u.CallKey = contract.SessionLegKey(calls.RecordingIdentity(recordingURL)), "", "", "m1", recordingCall
	e.fetch = func(url string) error {
		if url == recordingURL {
			return gone()
		}
		return nil
	}
	e.refresh = func(in contract.RefreshRecordingURLInput) (string, error) {
		require.Equal(t, contract.RefreshRecordingURLInput{URL: recordingURL, MaskID: "m1"}, in)
		return recordingURL + "0", nil
	}
	rec, _, err := e.run(u)
	require.NoError(t, err)
	require.Equal(t, "m1", rec.MaskID)
	require.Empty(t, rec.Leg)
	require.Equal(t, calls.LegHash(u.LegKey), rec.LegHash)
}
