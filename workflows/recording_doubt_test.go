package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/recordings"
)

// odd makes downloads doubtful until a time after the start, with the same bytes each time.
func (e *recordingEnv) odd(doubt recordings.Doubt, until time.Duration) {
	e.audio = func() recordings.Audio {
		a := wholeAudio
		if e.Now().Sub(e.start) < until {
			a.Doubt = doubt
		}
		return a
	}
}

func TestWhatMayNotBeWholeIsStoredWhenItStaysTheSame(t *testing.T) {
	for _, doubt := range []recordings.Doubt{recordings.DoubtHeader, recordings.DoubtShort, recordings.DoubtUnrecognised} {
		t.Run(string(doubt), func(t *testing.T) {
			e := newRecordingEnv(t)
			e.odd(doubt, 1000*time.Hour)
			e.RegisterDelayedCallback(func() {
				rec := e.state()
				require.Equal(t, calls.RecordingPending, rec.Status)
				require.Equal(t, string(doubt), rec.Reason)
				require.False(t, rec.Alarm, "it may still be written")
			}, 9*time.Minute)
			rec, took, err := e.run(e.url(recordingURL))
			require.NoError(t, err)
			require.Equal(t, calls.RecordingStored, rec.Status)
			require.Equal(t, string(doubt), rec.Remark)
			require.True(t, rec.Alarm)
			require.GreaterOrEqual(t, took, 10*time.Minute)
			require.Less(t, took, 21*time.Minute)
			require.Equal(t, []calls.Recording{rec}, e.told)
		})
	}
}

func TestFileThatIsStillWrittenIsWaitedFor(t *testing.T) {
	for _, doubt := range []recordings.Doubt{recordings.DoubtHeader, recordings.DoubtShort, recordings.DoubtUnfinished} {
		t.Run(string(doubt), func(t *testing.T) {
			e := newRecordingEnv(t)
			e.audio = func() recordings.Audio {
				a := wholeAudio
				if now := e.Now().Sub(e.start); now < 2*time.Hour {
					a.Doubt, a.SHA256 = doubt, digestOf(now.String())
				}
				return a
			}
			rec, took, err := e.run(e.url(recordingURL))
			require.NoError(t, err)
			require.Equal(t, wholeAudio.SHA256, rec.SHA256)
			require.Empty(t, rec.Remark)
			require.Less(t, took, 2*time.Hour+11*time.Minute)
			require.Less(t, len(e.tries), 30, "back-off")
		})
	}
}

func TestStreamedHeaderIsTakenWhenTheFileDoesNotGrow(t *testing.T) {
	e := newRecordingEnv(t)
	e.odd(recordings.DoubtUnfinished, 1000*time.Hour)
	rec, took, err := e.run(e.url(recordingURL))
	require.NoError(t, err)
	require.Empty(t, rec.Remark)
	require.False(t, rec.Alarm)
	require.Less(t, took, 5*time.Second)
}

func TestRecordingFarShorterThanItsCallIsWaitedFor(t *testing.T) {
	for _, c := range []struct {
		audio  time.Duration
		call   int
		waited bool
	}{{time.Second, 17, false}, {time.Second, 60, true}, {time.Second, 0, false}, {0, 600, false}} {
		e := newRecordingEnv(t)
		e.audio = func() recordings.Audio {
			a := wholeAudio
			a.Duration = c.audio
			return a
		}
		u := e.url(recordingURL)
		u.Seconds = c.call
		rec, took, err := e.run(u)
		require.NoError(t, err)
		require.Equal(t, c.waited, took > time.Minute)
		require.Equal(t, c.waited, rec.Remark == string(recordings.DoubtShort))
	}
}

// An MP3 looks whole wherever it ends between two frames: if it is shorter than the call, it is requested again.
func TestRecordingShorterThanItsCallIsAskedForAgain(t *testing.T) {
	e := newRecordingEnv(t)
	e.audio = func() recordings.Audio {
		a := wholeAudio
		a.Open = true
		a.Duration = min(e.Now().Sub(e.start)/time.Minute, 17) * time.Second
		if a.Duration < 17*time.Second {
			a.SHA256 = digestOf(e.Now().String())
		}
		return a
	}
	u := e.url(recordingURL)
	u.Seconds = 17
	rec, took, err := e.run(u)
	require.NoError(t, err)
	require.Equal(t, wholeAudio.SHA256, rec.SHA256)
	require.Empty(t, rec.Remark)
	require.Greater(t, took, 16*time.Minute)
}

func TestWhatMayNotBeWholeIsBetterThanNothingAtTheEnd(t *testing.T) {
	e := newRecordingEnv(t)
	e.audio = func() recordings.Audio {
		a := wholeAudio
		a.Doubt, a.SHA256 = recordings.DoubtHeader, digestOf(wholeRecording)
		return a
	}
	e.fetch = func(string) error {
		if e.Now().Sub(e.start) < 71*time.Hour+58*time.Minute {
			return unavailable()
		}
		return nil
	}
	rec, _, err := e.run(e.url(recordingURL))
	require.NoError(t, err)
	require.Equal(t, string(recordings.DoubtHeader), rec.Remark)
}
