package workflows_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

// TestWhatDoesNotWorkAtOnceIsTriedOn holds that a signal or a hand-over that fails within the workflow task is not lost: it
// becomes an activity, which is retried until it succeeds.
func TestWhatDoesNotWorkAtOnceIsTriedOn(t *testing.T) {
	e := newCallEnv(t)
	local, scheduled := map[string]int{}, map[string]int{}
	fail := func(ctx context.Context) error {
		info := activity.GetInfo(ctx)
		e.mu.Lock()
		defer e.mu.Unlock()
		if info.IsLocalActivity {
			local[info.ActivityType.Name]++
			return errors.New("away")
		}
		scheduled[info.ActivityType.Name]++
		if info.Attempt < 5 {
			return errors.New("still away")
		}
		return nil
	}
	e.OnActivity(contract.ActivityTell.Name, mock.Anything, mock.Anything).Return(func(ctx context.Context, in contract.TellInput) (contract.TellResult, error) {
		if err := fail(ctx); err != nil {
			return contract.TellResult{}, err
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		e.told = append(e.told, payloadOf(in).(calls.Outcome))
		return contract.TellResult{Result: calls.NotifiedTold}, nil
	})
	e.OnActivity(contract.ActivityKeepRecording.Name, mock.Anything, mock.Anything).Return(func(ctx context.Context, r contract.RecordingURL) (calls.Recording, error) {
		if err := fail(ctx); err != nil {
			return calls.Recording{}, err
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		e.kept = append(e.kept, r)
		return calls.Recording{}, nil
	})
	e.subscribe(0, "order-1")
	e.notify(time.Minute, said("1", calls.StatusCompleted, func(e *calls.StatusEvent) { e.RecordingURL = "https://r.example/a" }))
	state := e.run(t, settings)
	require.Len(t, e.told, 1)
	require.Len(t, e.kept, 1)
	require.Equal(t, calls.NotifiedTold, state.Notified[0].Result)
	for _, name := range []string{contract.ActivityTell.Name, contract.ActivityKeepRecording.Name} {
		require.Equal(t, 2, local[name], "bounded, so that the workflow task is not held up")
		require.Equal(t, 5, scheduled[name])
	}
}

// TestWhatWorksAtOnceIsNoActivity holds that no activity is scheduled if none is needed.
func TestWhatWorksAtOnceIsNoActivity(t *testing.T) {
	e := newCallEnv(t)
	e.SetOnActivityStartedListener(func(info *activity.Info, _ context.Context, _ converter.EncodedValues) {
		require.Equal(t, contract.ActivityLookUpCall.Name, info.ActivityType.Name)
	})
	e.subscribe(0, "order-1")
	e.notify(time.Minute, said("1", calls.StatusCompleted, func(e *calls.StatusEvent) { e.RecordingURL, e.MaskID = "https://r.example/a", "m1" }))
	e.run(t, settings)
	require.Len(t, e.told, 1)
	require.Len(t, e.kept, 1)
	require.Len(t, e.sessions, 1)
}
