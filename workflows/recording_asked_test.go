package workflows_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

var errNotSaid = temporal.NewApplicationError("not said", contract.ErrTypeNoRecordingURL)

// asked returns KeepRecording's signal about a requested recording without a URL.
func (e *recordingEnv) asked() contract.RecordingURL {
	u := e.url("")
	u.Asked = true
	return u
}

// saidFrom makes the call log return the recording's URL from a time after the start.
func (e *recordingEnv) saidFrom(d time.Duration) {
	e.refresh = func(in contract.RefreshRecordingURLInput) (string, error) {
		if e.Now().Sub(e.start) < d {
			if in.Patient {
				return "", errNotSaid
			}
			return "", nil
		}
		return recordingURL, nil
	}
}

func TestAskedRecordingIsFoundInTheCallLog(t *testing.T) {
	e := newRecordingEnv(t)
	e.saidFrom(30 * time.Hour)
	rec, took, err := e.run(e.asked())
	require.NoError(t, err)
	require.Equal(t, calls.RecordingStored, rec.Status)
	require.Less(t, took, 31*time.Hour+time.Minute, "within an hour after it is said")
	require.Less(t, e.refreshes, 40, "hourly")
	require.Equal(t, e.start.Add(72*time.Hour), rec.Deadline)
	require.Equal(t, []calls.Recording{rec}, e.told)
}

func TestAskedRecordingIsMissingAtTheDeadline(t *testing.T) {
	e := newRecordingEnv(t)
	e.saidFrom(1000 * time.Hour)
	var attention []string
	e.OnUpsertTypedSearchAttributes(mock.MatchedBy(func(a temporal.SearchAttributes) bool {
		if v, ok := a.GetKeyword(calls.AttributeCallAttention); ok && !slices.Contains(attention, v) {
			attention = append(attention, v)
		}
		return true
	})).Return(nil)
	e.RegisterDelayedCallback(func() { require.Contains(t, currentDetails(t, e.TestWorkflowEnvironment), "no URL has arrived") }, time.Hour)
	e.RegisterDelayedCallback(func() { require.True(t, e.state().Alarm) }, 48*time.Hour+time.Second)
	rec, took, err := e.run(e.asked())
	e.requireLost(err, calls.ErrTypeRecordingMissing)
	require.Equal(t, calls.RecordingMissing, rec.Status)
	require.Equal(t, "no-url", rec.Reason)
	require.Contains(t, rec.Advice, "console")
	require.InDelta(t, 72*time.Hour, took, float64(time.Minute+time.Second))
	require.Equal(t, []string{calls.AttentionRecordingAlarm, calls.AttentionRecordingMissing}, attention)
	require.Equal(t, calls.RecordingPending, e.told[0].Status, "the alarm, a day before it is lost")
	require.Equal(t, rec, e.told[1])
	require.Empty(t, e.tries)
}

func TestAskedRecordingTakesAURLThatComes(t *testing.T) {
	e := newRecordingEnv(t)
	e.saidFrom(1000 * time.Hour)
	e.signalAfter(50*time.Hour, e.url(recordingURL))
	rec, took, err := e.run(e.asked())
	require.NoError(t, err)
	require.Equal(t, calls.RecordingStored, rec.Status)
	require.Equal(t, 50*time.Hour, took)
	require.Len(t, e.tries, 1)
}

func TestAskedRecordingOutlivesAProviderThatRefuses(t *testing.T) {
	e := newRecordingEnv(t)
	e.refresh = func(contract.RefreshRecordingURLInput) (string, error) {
		if e.Now().Sub(e.start) < 5*time.Hour {
			return "", temporal.NewNonRetryableApplicationError("refused", contract.ErrTypeProviderRefused, nil)
		}
		return recordingURL, nil
	}
	rec, took, err := e.run(e.asked())
	require.NoError(t, err)
	require.Equal(t, calls.RecordingStored, rec.Status)
	require.Less(t, took, 7*time.Hour)
}

func TestAskedRecordingIsAskedForAtOnceByAnOperator(t *testing.T) {
	e := newRecordingEnv(t)
	e.saidFrom(20*time.Hour + time.Second)
	var rejected error
	e.RegisterDelayedCallback(func() {
		e.UpdateWorkflow(contract.UpdateRetryNow.Name, "", &testsuite.TestUpdateCallback{
			OnAccept: func() {}, OnReject: func(err error) { rejected = err }, OnComplete: func(any, error) {},
		})
	}, 20*time.Hour+2*time.Second)
	_, took, err := e.run(e.asked())
	require.NoError(t, err)
	require.NoError(t, rejected)
	require.Equal(t, 20*time.Hour+2*time.Second, took)
}

// A recording that is tried once more after its deadline is looked for once.
func TestMissingRecordingTriedOnceMore(t *testing.T) {
	for _, there := range []bool{true, false} {
		e := newRecordingEnv(t)
		e.saidFrom(1000 * time.Hour)
		if there {
			e.saidFrom(0)
		}
		u := e.asked()
		completed := e.start.Add(-80 * time.Hour)
		u.CompletedAt = &completed
		rec, took, err := e.run(u)
		require.Less(t, took, time.Minute)
		if there {
			require.NoError(t, err)
			require.Equal(t, calls.RecordingStored, rec.Status)
			continue
		}
		e.requireLost(err, calls.ErrTypeRecordingMissing)
		require.Equal(t, 1, e.refreshes)
	}
}

func TestAskedRecordingOfAFoundURLThatExpiresIsNotMissing(t *testing.T) {
	e := newRecordingEnv(t)
	e.saidFrom(0)
	e.fetch = func(string) error { return unavailable() }
	rec, _, err := e.run(e.asked())
	require.Error(t, err)
	require.Equal(t, calls.RecordingExpired, rec.Status)
}

// recorded tells the call that it is to be recorded, as the request that placed it does.
func (e *callEnv) recorded(d time.Duration) {
	e.at(d, func() {
		e.SignalWorkflow(contract.SignalTrack.Name, calls.Tracking{To: "+966500000001", ReferenceID: "r1-a1", Recorded: true})
	})
}

// spoke returns a notification of a leg in which somebody spoke.
func spoke(key string, edit ...func(*calls.StatusEvent)) calls.StatusEvent {
	e := said(key, calls.StatusCompleted, edit...)
	seconds := 17
	e.DurationSeconds = &seconds
	return e
}

func TestCallSeeksTheRecordingThatWasAskedFor(t *testing.T) {
	e := newCallEnv(t)
	e.recorded(0)
	e.subscribe(time.Second, "order-1")
	e.notify(time.Minute, spoke("1"))
	e.at(10*time.Minute, func() { require.Empty(t, e.kept, "the provider has 10 minutes to name it") })
	e.subscribe(20*time.Minute, "order-2")
	state := e.run(t, settings)
	require.Len(t, e.kept, 2)
	require.True(t, e.kept[0].Asked)
	require.Empty(t, e.kept[0].URL)
	require.Equal(t, []string{"order-1"}, e.kept[0].Subscribers)
	require.Equal(t, 17, e.kept[0].Seconds)
	require.False(t, e.kept[1].Asked, "who comes later is told by the workflow that looks for it")
	require.Equal(t, []string{"order-2"}, e.kept[1].Subscribers)
	require.Len(t, state.Recordings, 1)
	require.Equal(t, calls.RecordingPending, state.Recordings[0].Status)
	require.Equal(t, calls.LegHash("s1"), state.Recordings[0].LegHash)
	require.Equal(t, []string{"order-1 call-outcome:c1", "order-2 call-outcome:c1"}, e.toldTo, "the outcome is told once")
}

func TestCallSeeksNoRecording(t *testing.T) {
	for name, play := range map[string]func(*callEnv){
		"that is named in time":      func(e *callEnv) { e.recorded(0); e.notify(0, spoke("1")); e.notify(time.Minute, spoke("2", withURL)) },
		"of a call without a word":   func(e *callEnv) { e.recorded(0); e.notify(0, said("1", calls.StatusCompleted)) },
		"of a call nobody answered":  func(e *callEnv) { e.recorded(0); e.notify(0, said("1", calls.StatusNoAnswer)) },
		"that nobody asked for":      func(e *callEnv) { e.notify(0, spoke("1")) },
		"that is named and fetching": func(e *callEnv) { e.recorded(0); e.notify(0, spoke("1", withURL)) },
	} {
		t.Run(name, func(t *testing.T) {
			e := newCallEnv(t)
			play(e)
			e.run(t, settings)
			for _, k := range e.kept {
				require.False(t, k.Asked)
			}
		})
	}
}

func withURL(e *calls.StatusEvent) { e.RecordingURL = recordingURL }

func TestCallSeeksBeforeItsGraceIsOver(t *testing.T) {
	e := newCallEnv(t)
	e.recorded(0)
	e.notify(time.Second, spoke("1"))
	short := settings
	short.Grace = time.Minute
	e.run(t, short)
	require.Len(t, e.kept, 1)
	require.True(t, e.kept[0].Asked)
}

func TestCallHandsOverTheURLThatComesAfterAll(t *testing.T) {
	e := newCallEnv(t)
	e.recorded(0)
	e.notify(time.Second, spoke("1"))
	e.notify(30*time.Minute, spoke("2", withURL))
	state := e.run(t, settings)
	require.Len(t, e.kept, 2)
	require.Equal(t, recordingURL, e.kept[1].URL)
	require.Equal(t, e.kept[0].Input().LegHash, e.kept[1].Input().LegHash, "the workflow that looks for it takes it")
	require.Len(t, state.Recordings, 1)
}

func TestRequestSaysThatItsCallIsRecorded(t *testing.T) {
	e := newOutboundEnv(t)
	e.in.Request.CallRecording = true
	e.update(time.Minute, 1, calls.StatusCompleted)
	e.run()
	require.True(t, e.tracks[0].Recorded)
}
