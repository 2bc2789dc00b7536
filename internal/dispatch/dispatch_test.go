package dispatch_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.uber.org/goleak"

	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/dispatch"
	"github.com/aftercall/aftercall/internal/inbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type delivererFunc func(context.Context, inbox.Item) (dispatch.Result, error)

func (f delivererFunc) Deliver(ctx context.Context, it inbox.Item) (dispatch.Result, error) {
	return f(ctx, it)
}

// metricsFake counts.
type metricsFake struct {
	mu      sync.Mutex
	results map[dispatch.Result]int
	circuit []bool
}

func (m *metricsFake) Dispatched(r dispatch.Result, _ time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.results == nil {
		m.results = map[dispatch.Result]int{}
	}
	m.results[r]++
}

func (m *metricsFake) Circuit(open bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.circuit = append(m.circuit, open)
}

func (m *metricsFake) count(r dispatch.Result) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.results[r]
}

// rig is an inbox and a dispatcher that empties it.
type rig struct {
	inbox.Inbox
	t       *testing.T
	metrics metricsFake
	d       *dispatch.Dispatcher
	stop    func() // stops Run and waits for its end
}

func newRig(t *testing.T, o dispatch.Options, deliver delivererFunc) *rig {
	t.Helper()
	r := &rig{t: t}
	in, err := inbox.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "inbox.db"), inbox.Options{})
	require.NoError(t, err)
	r.Inbox = in
	if o.Inbox == nil {
		o.Inbox = in
	}
	o.Deliverer, o.Metrics = deliver, &r.metrics
	r.d, err = dispatch.New(o)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.d.Run(ctx)
	}()
	r.stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(func() {
		r.stop()
		require.NoError(t, in.Close())
	})
	return r
}

func (r *rig) append(eventKey, callKey string) {
	r.t.Helper()
	_, err := r.Append(r.t.Context(), inbox.Notification{EventKey: eventKey, CallKey: callKey, Body: []byte("{}")})
	require.NoError(r.t, err)
	r.d.Wake()
}

func (r *rig) stats() inbox.Stats {
	r.t.Helper()
	st, err := r.Stats(context.WithoutCancel(r.t.Context()))
	require.NoError(r.t, err)
	return st
}

func (r *rig) eventually(what string, ok func() bool) {
	r.t.Helper()
	require.Eventually(r.t, ok, 30*time.Second, 5*time.Millisecond, what)
}

func TestNewNeedsItsParts(t *testing.T) {
	_, err := dispatch.New(dispatch.Options{})
	require.Error(t, err)
}

func TestDispatchInOrderWithinACall(t *testing.T) {
	const callCount, each = 10, 6
	var mu sync.Mutex
	got := map[string][]string{}
	under := map[string]bool{}
	r := newRig(t, dispatch.Options{Concurrency: 4}, func(_ context.Context, it inbox.Item) (dispatch.Result, error) {
		mu.Lock()
		if under[it.CallKey] {
			t.Errorf("two deliveries of %s at once", it.CallKey)
		}
		under[it.CallKey] = true
		got[it.CallKey] = append(got[it.CallKey], it.EventKey)
		mu.Unlock()
		runtime.Gosched()
		mu.Lock()
		under[it.CallKey] = false
		mu.Unlock()
		return dispatch.Signalled, nil
	})
	for i := range each {
		for c := range callCount {
			r.append(fmt.Sprintf("c%d-%d", c, i), fmt.Sprint("c", c))
		}
	}
	r.eventually("all delivered", func() bool { return r.stats().Pending == 0 })
	for c := range callCount {
		var want []string
		for i := range each {
			want = append(want, fmt.Sprintf("c%d-%d", c, i))
		}
		require.Equal(t, want, got[fmt.Sprint("c", c)])
	}
	r.stop()
	require.Equal(t, callCount*each, r.metrics.count(dispatch.Signalled))
}

func TestDispatchInParallelAcrossCallsUpToItsConcurrency(t *testing.T) {
	var flying atomic.Int64
	finish := make(chan struct{})
	r := newRig(t, dispatch.Options{Concurrency: 4, StopTimeout: time.Second}, func(ctx context.Context, _ inbox.Item) (dispatch.Result, error) {
		flying.Add(1)
		defer flying.Add(-1)
		select {
		case <-finish:
			return dispatch.Signalled, nil
		case <-ctx.Done():
			return "", ctx.Err()
		}
	})
	for i := range 12 {
		r.append(fmt.Sprint("e", i), fmt.Sprint("c", i))
	}
	r.eventually("four under way", func() bool { return flying.Load() == 4 })
	require.Never(t, func() bool {
		r.d.Wake()
		return flying.Load() > 4
	}, 100*time.Millisecond, time.Millisecond)
	close(finish)
	r.eventually("all delivered", func() bool { return r.stats().Pending == 0 })
}

func TestPermanentErrorIsADeadLetterAndTheCallGoesOn(t *testing.T) {
	var log bytes.Buffer
	r := newRig(t, dispatch.Options{Log: slog.New(slog.NewTextHandler(&log, nil))}, func(_ context.Context, it inbox.Item) (dispatch.Result, error) {
		switch it.EventKey {
		case "bad":
			return "", desk.Classify("signal Call", serviceerror.NewInvalidArgument("Blob data size exceeds limit, from +966500000002"))
		case "late":
			return "", dispatch.Reject(inbox.ReasonLate, errors.New("closed"))
		}
		return dispatch.Signalled, nil
	})
	r.append("bad", "c")
	r.append("late", "c")
	r.append("good", "c")
	r.eventually("all settled", func() bool { return r.stats().Pending == 0 })
	r.stop()
	require.Equal(t, map[inbox.Reason]int{inbox.ReasonPermanent: 1, inbox.ReasonLate: 1}, r.stats().ByReason)
	require.Equal(t, 2, r.metrics.count(dispatch.Buried))
	require.Equal(t, 1, r.metrics.count(dispatch.Signalled))
	list, err := r.DeadLetters(t.Context(), inbox.Filter{Reason: inbox.ReasonPermanent})
	require.NoError(t, err)
	require.Contains(t, list[0].Detail, "Blob data size exceeds limit")
	require.NotContains(t, list[0].Detail+log.String(), "966500000002")
}

// An outage of two minutes: nothing is lost or given up, few deliveries are tried, and afterwards everything goes through.
func TestOutage(t *testing.T) {
	for name, outage := range map[string]error{
		"away":          desk.ErrAway,
		"slow":          context.DeadlineExceeded,
		"misconfigured": desk.ErrMisconfigured,
		"unheard of":    errors.New("something else"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var down atomic.Bool
				down.Store(true)
				var mu sync.Mutex
				tries, order := 0, map[string][]string{}
				r := newRig(t, dispatch.Options{}, func(_ context.Context, it inbox.Item) (dispatch.Result, error) {
					mu.Lock()
					defer mu.Unlock()
					if down.Load() {
						tries++
						return "", outage
					}
					order[it.CallKey] = append(order[it.CallKey], it.EventKey)
					return dispatch.Signalled, nil
				})
				for i := range 60 {
					r.append(fmt.Sprint("e", i), fmt.Sprint("c", i%20))
				}
				time.Sleep(2 * time.Minute) // the clock of synctest
				synctest.Wait()
				st := r.stats()
				require.Equal(t, 60, st.Pending)
				require.Zero(t, st.DeadLetters)
				mu.Lock()
				require.Less(t, tries, 150, "about one a second")
				require.Greater(t, tries, 40)
				mu.Unlock()

				down.Store(false)
				start := time.Now()
				for r.stats().Pending > 0 {
					time.Sleep(10 * time.Millisecond)
					require.Less(t, time.Since(start), 35*time.Second)
				}
				r.stop()
				require.Equal(t, []bool{true, false}, r.metrics.circuit)
				for c, got := range order {
					var n int
					_, err := fmt.Sscanf(c, "c%d", &n)
					require.NoError(t, err)
					require.Equal(t, []string{fmt.Sprint("e", n), fmt.Sprint("e", n+20), fmt.Sprint("e", n+40)}, got)
				}
				if name == "misconfigured" {
					require.Positive(t, r.metrics.count(dispatch.Misconfigured))
				} else {
					require.Zero(t, r.metrics.count(dispatch.Misconfigured))
				}
			})
		})
	}
}

func TestOneFailingCallDoesNotStopTheOthers(t *testing.T) {
	r := newRig(t, dispatch.Options{CircuitWait: 10 * time.Millisecond}, func(_ context.Context, it inbox.Item) (dispatch.Result, error) {
		if it.CallKey == "bad" {
			return "", desk.ErrAway
		}
		return dispatch.Signalled, nil
	})
	r.append("bad-1", "bad")
	for i := range 50 {
		r.append(fmt.Sprint("e", i), fmt.Sprint("c", i))
	}
	r.eventually("the others are through", func() bool { return r.stats().Pending == 1 })
	require.Zero(t, r.stats().DeadLetters)
}

func TestPanicIsRetriedAndContained(t *testing.T) {
	var calls atomic.Int64
	r := newRig(t, dispatch.Options{}, func(_ context.Context, it inbox.Item) (dispatch.Result, error) {
		if it.EventKey == "bad" && calls.Add(1) == 1 {
			panic("boom")
		}
		return dispatch.Signalled, nil
	})
	r.append("bad", "a")
	r.append("good", "b")
	r.eventually("all delivered", func() bool { return r.stats().Pending == 0 })
	require.EqualValues(t, 2, calls.Load())
}

func TestStopFinishesWhatIsUnderWay(t *testing.T) {
	started, finish := make(chan struct{}), make(chan struct{})
	r := newRig(t, dispatch.Options{Concurrency: 1}, func(ctx context.Context, _ inbox.Item) (dispatch.Result, error) {
		close(started)
		select {
		case <-finish:
			return dispatch.Signalled, nil
		case <-ctx.Done():
			return "", ctx.Err()
		}
	})
	r.append("e1", "c1")
	r.append("e2", "c2")
	<-started
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		r.stop()
	}()
	select {
	case <-stopped:
		t.Fatal("it did not wait")
	case <-time.After(50 * time.Millisecond):
	}
	close(finish)
	<-stopped
	require.Equal(t, 1, r.stats().Pending, "e1 is done, e2 was not begun")
}

func TestStopGivesUpInTime(t *testing.T) {
	started := make(chan struct{})
	r := newRig(t, dispatch.Options{StopTimeout: 20 * time.Millisecond}, func(ctx context.Context, _ inbox.Item) (dispatch.Result, error) {
		close(started)
		<-ctx.Done()
		return "", ctx.Err()
	})
	r.append("e1", "c1")
	<-started
	r.stop()
	require.Equal(t, 1, r.stats().Pending)
	require.Zero(t, r.stats().DeadLetters)
}

// failingInbox cannot commit for a while.
type failingInbox struct {
	inbox.Inbox
	left atomic.Int64
}

func (f *failingInbox) Done(ctx context.Context, ids ...int64) error {
	if f.left.Add(-1) >= 0 {
		return inbox.ErrUnavailable
	}
	return f.Inbox.Done(ctx, ids...)
}

func TestDoneIsRepeatedUntilTheInboxListens(t *testing.T) {
	in, err := inbox.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "inbox.db"), inbox.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, in.Close()) })
	f := &failingInbox{Inbox: in}
	f.left.Store(3)
	var delivered atomic.Int64
	r := newRig(t, dispatch.Options{Inbox: f}, func(context.Context, inbox.Item) (dispatch.Result, error) {
		delivered.Add(1)
		return dispatch.Signalled, nil
	})
	_, err = in.Append(t.Context(), inbox.Notification{EventKey: "e1", CallKey: "c1"})
	require.NoError(t, err)
	r.d.Wake()
	r.eventually("it is done", func() bool {
		st, err := in.Stats(t.Context())
		return err == nil && st.Pending == 0
	})
	require.EqualValues(t, 1, delivered.Load())
}

func TestRetryDelay(t *testing.T) {
	for attempts, most := range map[int]time.Duration{0: 100 * time.Millisecond, 1: 200 * time.Millisecond, 8: 25600 * time.Millisecond, 9: 30 * time.Second, 1_000_000: 30 * time.Second} {
		var longest time.Duration
		for range 2000 {
			d := dispatch.RetryDelay(attempts)
			require.Positive(t, d)
			longest = max(longest, d)
		}
		require.LessOrEqual(t, longest, most)
		require.Greater(t, longest, most*9/10)
	}
}
