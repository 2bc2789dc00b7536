package dispatch_test

import (
	"context"
	"fmt"
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
		time.Sleep(4 * time.Second)
		require.EqualValues(t, 1, most.Load(), "one at a time")
		require.LessOrEqual(t, delivered.Load(), int64(11))
		require.Greater(t, delivered.Load(), int64(5), "and it never stands still")

		store(r.d, 38*time.Millisecond, 30) // behind one commit, and with the next; all in one turn of the senders
		time.Sleep(4 * time.Second)
		require.Greater(t, most.Load(), int64(4))
		require.Greater(t, delivered.Load(), int64(120))
		crowd()
		r.stop()
	})
}

// TestDeliveriesYieldBetweenCommits holds that deliveries yield also in the moments between two commits, when all that was
// being stored is stored and the next has not arrived, and on a disk so fast that all of it takes 2 ms; and that they take
// turns with senders who do not end.
func TestDeliveriesYieldBetweenCommits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const calls = 200
		f := newTemporal(t, 100*time.Millisecond, 0)
		r := newRig(t, dispatch.Options{}, f.deliver)
		store(r.d, 200*time.Microsecond, 1)
		store(r.d, 2*time.Millisecond, 30)
		var senders sync.WaitGroup
		commit := func() {
			for range 30 {
				senders.Go(func() { store(r.d, 2*time.Millisecond, 1) })
			}
		}
		commit()
		senders.Go(func() {
			next := time.NewTicker(50 * time.Millisecond)
			defer next.Stop()
			for f.done() < calls {
				<-next.C
				commit()
			}
		})
		synctest.Wait()
		fill(t, r, calls)
		began := time.Now()
		r.d.Wake()
		r.eventually("outcomes are not kept for ever", func() bool { return f.done() == calls })
		yielding := 0
		for _, at := range f.worked {
			if at.Sub(began) < 8*time.Second {
				yielding++
			}
		}
		require.LessOrEqual(t, yielding, 22)
		require.Greater(t, yielding, 10, "and they never stand still")
		senders.Wait()

		store(r.d, 2*time.Millisecond, 60) // the crowd has gone
		r.d.Wake()
		synctest.Wait()
		stored := crowd(r.d, 30)
		for i := range 20 {
			r.append(fmt.Sprint("new", i), fmt.Sprint("new", i))
		}
		began = time.Now()
		r.eventually("all are delivered", func() bool { return f.done() == calls+20 })
		require.Greater(t, time.Since(began), 6*time.Second, "the turns begin anew with a crowd")
		stored()
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
