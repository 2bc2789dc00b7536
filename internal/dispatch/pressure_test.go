package dispatch_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/dispatch"
	"github.com/aftercall/aftercall/internal/inbox"
)

// TestDeliveriesYieldToWhatIsStored holds that a quarter of the time is left to deliveries while many notifications are
// stored at once and take longer than the disk explains, and all of it when they do not, however slow the disk is.
func TestDeliveriesYieldToWhatIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var flying, most, delivered atomic.Int64
		r := newRig(t, dispatch.Options{}, func(context.Context, inbox.Item) (dispatch.Result, error) {
			most.Store(max(most.Load(), flying.Add(1)))
			defer flying.Add(-1)
			time.Sleep(100 * time.Millisecond)
			delivered.Add(1)
			return dispatch.Signalled, nil
		})
		store(r.d, 20*time.Millisecond, 1)
		store(r.d, 100*time.Millisecond, 30)
		crowd := crowd(r.d, 30)
		fill(t, r, 200)
		r.d.Wake()
		time.Sleep(8 * time.Second)
		require.EqualValues(t, 1, most.Load(), "one at a time")
		require.LessOrEqual(t, delivered.Load(), int64(22))
		require.Greater(t, delivered.Load(), int64(10), "and it never stands still")

		store(r.d, 38*time.Millisecond, 30) // behind one commit, and with the next
		time.Sleep(4 * time.Second)
		require.Greater(t, most.Load(), int64(4))
		require.Greater(t, delivered.Load(), int64(120))
		crowd()
		r.stop()
	})
}

// TestDeliveriesYieldBetweenCommits holds that deliveries yield also in the moments between two commits, when all that was
// being stored is stored and the next has not arrived; and that they take turns with senders who do not end.
func TestDeliveriesYieldBetweenCommits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var delivered atomic.Int64
		r := newRig(t, dispatch.Options{}, func(context.Context, inbox.Item) (dispatch.Result, error) {
			time.Sleep(100 * time.Millisecond)
			delivered.Add(1)
			return dispatch.Signalled, nil
		})
		store(r.d, 20*time.Millisecond, 1)
		fill(t, r, 200)
		var senders sync.WaitGroup
		senders.Go(func() {
			for range 160 { // somewhat longer than the test looks
				stored := crowd(r.d, 30)
				time.Sleep(100 * time.Millisecond)
				stored()
				time.Sleep(20 * time.Millisecond)
			}
		})
		time.Sleep(time.Second)
		r.d.Wake()
		time.Sleep(8 * time.Second)
		require.LessOrEqual(t, delivered.Load(), int64(22))
		require.Greater(t, delivered.Load(), int64(10), "and it never stands still")
		time.Sleep(8 * time.Second)
		require.Greater(t, delivered.Load(), int64(100), "and outcomes are not kept for ever")
		senders.Wait()
		r.stop()
	})
}

// store stores n notifications one after the other; each takes as long as took says.
func store(d *dispatch.Dispatcher, took time.Duration, n int) {
	for range n {
		stored := d.Storing()
		time.Sleep(took)
		stored()
	}
}

// crowd begins to store n notifications at once; end stores them.
func crowd(d *dispatch.Dispatcher, n int) (end func()) {
	all := make([]func(), n)
	for i := range all {
		all[i] = d.Storing()
	}
	return func() {
		for _, stored := range all {
			stored()
		}
	}
}
