package dispatch_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/dispatch"
	"github.com/aftercall/aftercall/internal/inbox"
)

// temporal is a Temporal with one worker, which picks up deliveries one after the other.
type temporal struct {
	signal, task time.Duration // what each takes
	tasks        chan string

	mu     sync.Mutex
	waits  map[string]bool
	taken  []string             // by the worker, in order
	worked map[string]time.Time // when it was done
}

func newTemporal(t *testing.T, signal, task time.Duration) *temporal {
	f := &temporal{signal: signal, task: task, tasks: make(chan string, 100_000), waits: map[string]bool{}, worked: map[string]time.Time{}}
	var worker sync.WaitGroup
	worker.Go(func() {
		for call := range f.tasks {
			f.mu.Lock()
			f.waits[call] = false
			f.mu.Unlock()
			time.Sleep(f.task)
			f.mu.Lock()
			f.taken = append(f.taken, call)
			f.worked[call] = time.Now()
			f.mu.Unlock()
		}
	})
	t.Cleanup(func() {
		close(f.tasks)
		worker.Wait()
	})
	return f
}

func (f *temporal) deliver(_ context.Context, it inbox.Item) (dispatch.Result, error) {
	time.Sleep(f.signal)
	f.mu.Lock()
	f.waits[it.CallKey] = true
	f.mu.Unlock()
	f.tasks <- it.CallKey
	return dispatch.Signalled, nil
}

func (f *temporal) waiting(_ context.Context, it inbox.Item) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.waits[it.CallKey], nil
}

func (f *temporal) done() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.taken)
}

// fill appends notifications of n calls, one each, received an hour ago.
func fill(t *testing.T, in inbox.Inbox, n int) {
	t.Helper()
	var all sync.WaitGroup
	for w := range 50 {
		all.Go(func() {
			for i := w; i < n; i += 50 {
				if _, err := in.Append(t.Context(), inbox.Notification{
					EventKey: fmt.Sprint("old", i), CallKey: fmt.Sprint("old", i), Body: []byte("{}"), ReceivedAt: time.Now().Add(-time.Hour),
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

// arrive appends a notification of a new call n times, at an interval, and returns when each came.
func arrive(r *rig, n int, every time.Duration) map[string]time.Time {
	came := map[string]time.Time{}
	for i := range n {
		time.Sleep(every)
		call := fmt.Sprint("new", i)
		came[call] = time.Now()
		_, err := r.Append(r.t.Context(), inbox.Notification{EventKey: call, CallKey: call, Body: []byte("{}"), ReceivedAt: time.Now()})
		require.NoError(r.t, err)
		r.d.Wake()
	}
	return came
}

// While 3,000 old notifications are delivered to a worker that does 60 of them a second and to a Temporal that would
// accept them all at once, outcomes flow, and a new call is handled as if hardly any were ahead of it.
func TestABacklogDoesNotComeBeforeItsOutcomesNorBeforeNewCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newTemporal(t, 3*time.Millisecond, time.Second/60)
		r := newRig(t, dispatch.Options{Waits: f.waiting}, f.deliver)
		fill(t, r, 3000)
		r.d.Wake()
		start := time.Now()
		came := arrive(r, 100, 100*time.Millisecond)
		require.WithinDuration(t, start.Add(10*time.Second), time.Now(), time.Second)
		require.Greater(t, f.done(), 500, "the worker was kept busy")
		require.Greater(t, r.stats().Pending, 2000, "the rest waits where it can be overtaken")
		time.Sleep(5 * time.Second)
		f.mu.Lock()
		defer f.mu.Unlock()
		var took []time.Duration
		for call, at := range came {
			require.Contains(t, f.worked, call)
			took = append(took, f.worked[call].Sub(at))
		}
		slices.Sort(took)
		t.Logf("a new call is worked on after %v, at most %v", took[len(took)/2], took[len(took)-1])
		require.Less(t, took[len(took)/2], time.Second)
	})
}

// New notifications come all the time, and neither they nor the old ones wait for the others to end.
func TestNewNotificationsAndOldOnesGoInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newTemporal(t, 10*time.Millisecond, 0)
		r := newRig(t, dispatch.Options{Concurrency: 1}, f.deliver)
		fill(t, r, 1000)
		r.d.Wake()
		came := arrive(r, 200, 10*time.Millisecond) // as many as can be delivered
		time.Sleep(5 * time.Second)
		f.mu.Lock()
		defer f.mu.Unlock()
		news := 0
		for _, call := range f.taken[:200] {
			if _, ok := came[call]; ok {
				news++
			}
		}
		require.InDelta(t, 100, news, 20, "of the first 200")
		for call, at := range came {
			require.Contains(t, f.worked, call)
			require.Less(t, f.worked[call].Sub(at), 5*time.Second)
		}
	})
}

func TestABacklogIsDeliveredWhereNobodyWorksOrNobodyKnows(t *testing.T) {
	for name, waits := range map[string]func(context.Context, inbox.Item) (bool, error){
		"no worker":   func(context.Context, inbox.Item) (bool, error) { return true, nil },
		"not allowed": func(context.Context, inbox.Item) (bool, error) { return false, errors.New("permission denied") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newTemporal(t, 3*time.Millisecond, 0)
				var asked atomic.Int64
				r := newRig(t, dispatch.Options{Waits: func(ctx context.Context, it inbox.Item) (bool, error) {
					asked.Add(1)
					return waits(ctx, it)
				}}, f.deliver)
				fill(t, r, 2000)
				r.d.Wake()
				time.Sleep(time.Minute)
				require.Zero(t, r.stats().Pending)
				require.Less(t, asked.Load(), int64(600))
				require.Positive(t, asked.Load())
			})
		})
	}
}

// Temporal answers more slowly the more requests it has at once, as behind one database: the limit follows.
func TestWhatIsUnderWayFollowsTheLatency(t *testing.T) {
	var slow atomic.Bool
	var flying, most atomic.Int64
	deliver := func(context.Context, inbox.Item) (dispatch.Result, error) {
		n := flying.Add(1)
		defer flying.Add(-1)
		most.Store(max(most.Load(), n))
		took := 4 * time.Millisecond
		if slow.Load() {
			took = time.Duration(n) * 20 * time.Millisecond
		}
		time.Sleep(took)
		return dispatch.Signalled, nil
	}
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, dispatch.Options{Concurrency: 16}, deliver)
		fill(t, r, 10_000)
		for range 2 {
			slow.Store(false)
			r.d.Wake()
			time.Sleep(time.Second)
			require.EqualValues(t, 16, most.Load(), "it is fast: as many as are allowed")
			slow.Store(true)
			time.Sleep(5 * time.Second)
			most.Store(0)
			time.Sleep(5 * time.Second)
			require.LessOrEqual(t, most.Load(), int64(4), "it is slow")
			require.Positive(t, most.Load())
		}
	})
}

// appendAll appends many at once.
func appendAll(t *testing.T, in inbox.Inbox, list []inbox.Notification) {
	t.Helper()
	var all sync.WaitGroup
	for _, n := range list {
		all.Go(func() {
			n.Body = []byte("{}")
			if _, err := in.Append(t.Context(), n); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// Notifications come twice as fast as they are delivered, five for each call, a second apart. A call that has begun gets
// the rest of its notifications as they come, however long the backlog grows, and calls go on beginning.
func TestACallThatHasBegunDoesNotWaitBehindABacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const perCall, seconds = 5, 60
		var mu sync.Mutex
		began, count := map[string]int{}, map[string]int{}
		second := 0
		deliver := func(_ context.Context, it inbox.Item) (dispatch.Result, error) {
			time.Sleep(20 * time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			if count[it.CallKey]++; count[it.CallKey] == 1 {
				began[it.CallKey] = second
			}
			return dispatch.Signalled, nil
		}
		r := newRig(t, dispatch.Options{Concurrency: 1}, deliver) // 50 a second
		for s := range seconds {
			mu.Lock()
			second = s
			mu.Unlock()
			for i := range min(perCall, s+1) { // the next notification of the calls that were placed i seconds ago
				var list []inbox.Notification
				for call := range 20 {
					name := fmt.Sprint(s-i, "-", call)
					list = append(list, inbox.Notification{EventKey: fmt.Sprint(name, "-", i), CallKey: name, ReceivedAt: time.Now()})
				}
				appendAll(t, r, list)
			}
			r.d.Wake()
			time.Sleep(time.Second)
		}
		require.Greater(t, r.stats().Pending, seconds*40, "half of all")
		mu.Lock()
		defer mu.Unlock()
		complete, waiting := 0, 0
		for call, n := range count {
			switch {
			case n == perCall:
				complete++
			case began[call] < seconds-2*perCall:
				waiting++
			}
		}
		t.Logf("%d calls have begun, %d have everything, %d have waited for the rest for more than 10 s", len(count), complete, waiting)
		require.Zero(t, waiting)
		require.Greater(t, complete, seconds*50/perCall*8/10, "most of what was delivered")
	})
}

// Notifications without end come for a few calls, and others begin all the same.
func TestAFloodForAFewCallsLeavesPlacesToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newTemporal(t, 10*time.Millisecond, 0)
		r := newRig(t, dispatch.Options{Concurrency: 2}, f.deliver)
		for call := range 4 {
			var list []inbox.Notification
			for i := range 500 {
				list = append(list, inbox.Notification{
					EventKey: fmt.Sprint("flood", call, "-", i), CallKey: fmt.Sprint("flood", call), ReceivedAt: time.Now().Add(-time.Hour),
				})
			}
			appendAll(t, r, list)
		}
		r.d.Wake()
		came := arrive(r, 10, 500*time.Millisecond)
		time.Sleep(2 * time.Second)
		require.NotZero(t, r.stats().Pending, "the flood goes on")
		f.mu.Lock()
		defer f.mu.Unlock()
		for call, at := range came {
			require.Contains(t, f.worked, call)
			require.Less(t, f.worked[call].Sub(at), time.Second)
		}
	})
}

// Temporal is slow now and then, however many requests it has: other programs keep its machine busy. Fewer deliveries
// would not make it faster.
func TestASlownessThatDeliveriesDoNotCauseDoesNotStopThem(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var mu sync.Mutex
	delivered := 0
	deliver := func(context.Context, inbox.Item) (dispatch.Result, error) {
		mu.Lock()
		took := 5 * time.Millisecond
		if r.IntN(2) == 0 {
			took = 105 * time.Millisecond
		}
		mu.Unlock()
		time.Sleep(took)
		mu.Lock()
		delivered++
		mu.Unlock()
		return dispatch.Signalled, nil
	}
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, dispatch.Options{Concurrency: 8}, deliver)
		fill(t, r, 4000)
		r.d.Wake()
		time.Sleep(20 * time.Second)
		mu.Lock()
		defer mu.Unlock()
		t.Logf("%d a second, of 145 with no limit and 18 one at a time", delivered/20)
		require.Greater(t, delivered/20, 50) // what comes depends on which deliveries are slow
	})
}
