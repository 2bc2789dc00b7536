package dialqueue

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/calls"
)

func TestWaitCountsWhatIsAsUrgent(t *testing.T) {
	var w Watch
	_, _, known := w.Wait(3)
	require.False(t, known, "nobody has looked yet")

	rate, none := 2.0, 0.0
	w.known, w.since = true, map[int32]int64{}
	w.seen = Status{Dialling: calls.Dialling{Rate: &rate}, Ahead: map[int32]int64{1: 4, 3: 100, 5: 1000}}
	wait := func(priority int) time.Duration {
		d, never, known := w.Wait(priority)
		require.True(t, known)
		require.False(t, never)
		return d
	}
	require.Equal(t, 2*time.Second, wait(1))
	require.Equal(t, 2*time.Second, wait(1), "to ask changes nothing")
	w.Note(1)
	require.Equal(t, 2500*time.Millisecond, wait(1), "the one before is in the queue by now")
	w.Note(1)
	require.Equal(t, 53*time.Second, wait(3))
	w.Note(3)
	require.Equal(t, 553500*time.Millisecond, wait(5))

	slow := 0.01
	w.seen, w.since, w.next = Status{Dialling: calls.Dialling{Rate: &slow}}, map[int32]int64{}, time.Time{}
	require.Zero(t, wait(3), "it has dialled nothing of late")
	w.Note(3)
	w.since = map[int32]int64{} // it has left the queue
	require.InDelta(t, 100, wait(3).Seconds(), 1, "the next turn comes 100 s after the last")
	w.seen.Rate = &none
	_, never, known := w.Wait(1)
	require.True(t, never && known)
	w.seen.Rate = nil
	_, _, known = w.Wait(1)
	require.False(t, known, "who sets no rate is told no time")
}
