package inboxtest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/inbox"
)

// beside opens the same place once more, as another store.
func (s *store) beside() *store {
	return &store{Inbox: s.another(), t: s.t, url: s.url, opts: s.opts, kill: s.kill, now: s.clock()}
}

func testShared(t *testing.T, s *store) {
	other := s.beside()
	s.append("a1", "a")
	other.append("a2", "a")
	require.Equal(t, inbox.Receipt{Duplicate: true}, other.append("a1", "a"))
	require.Equal(t, 2, other.stats().Pending)

	a1 := s.only()
	require.Equal(t, "a1", a1.EventKey)
	require.Empty(t, other.claimed(10), "an earlier one of the call is under way elsewhere")
	require.Equal(t, 1, other.stats().Leased)
	require.NoError(t, other.Release(t.Context(), a1.ID, s.clock()))
	require.Empty(t, other.claimed(10), "the lease is somebody else's")
	require.NoError(t, s.Done(t.Context(), a1.ID))
	a2 := other.only()
	require.Equal(t, "a2", a2.EventKey)
	require.Empty(t, s.claimed(10))
	require.NoError(t, other.Close())
	require.Equal(t, []string{"a2"}, s.claimed(10), "who closes gives back")

	require.NoError(t, s.Bury(t.Context(), a2.ID, inbox.ReasonLate, ""))
	third := s.beside()
	id := third.deadLetters(inbox.Filter{})[0].ID
	require.NoError(t, third.Requeue(t.Context(), id, nil))
	require.Equal(t, []string{"a2"}, s.claimed(10))
}

// serving checks that each call is served in order, by one at a time.
type serving struct {
	t      *testing.T
	left   atomic.Int64
	mu     sync.Mutex
	under  map[string]bool
	served map[string]int64
}

func (s *serving) note(it inbox.Item, begins bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if begins && (s.under[it.CallKey] || it.ID < s.served[it.CallKey]) {
		s.t.Errorf("%s is served twice at once, or out of order", it.CallKey)
	}
	s.under[it.CallKey], s.served[it.CallKey] = begins, it.ID
}

// serve claims and finishes until nothing is left.
func (s *serving) serve(in inbox.Inbox) {
	ctx := s.t.Context()
	for s.left.Load() > 0 && ctx.Err() == nil && !s.t.Failed() {
		items, err := in.Claim(ctx, 2, lease)
		if err == nil && len(items) == 0 {
			items, err = in.ClaimNew(ctx, time.Time{}, 1, lease)
		}
		for _, it := range items {
			s.note(it, true)
		}
		for _, it := range items {
			s.note(it, false)
			err = errors.Join(err, in.Done(ctx, it.ID))
			s.left.Add(-1)
		}
		if err != nil {
			s.t.Error(err)
		}
	}
}

// testSharedClaims has two openings append to the same calls and claim from them at once.
func testSharedClaims(t *testing.T, s *store) {
	const calls, each = 10, 12
	stores := []*store{s, s.beside()}
	all := &serving{t: t, under: map[string]bool{}, served: map[string]int64{}}
	all.left.Store(calls * each)
	var wg sync.WaitGroup
	for nr, in := range stores {
		for c := range calls {
			wg.Go(func() {
				for i := range each / len(stores) {
					key := fmt.Sprintf("c%d-%d-%d", c, nr, i)
					if _, err := in.Append(t.Context(), inbox.Notification{EventKey: key, CallKey: fmt.Sprint("c", c), Body: body(key)}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		for range 4 {
			wg.Go(func() { all.serve(in) })
		}
	}
	wg.Wait()
	require.Zero(t, s.stats().Pending)
	require.Zero(t, all.left.Load())
}

func testSharedDuplicates(t *testing.T, s *store) {
	stores := []*store{s, s.beside()}
	const keys = 50
	var added atomic.Int64
	var wg sync.WaitGroup
	for i := range keys * 4 {
		wg.Go(func() {
			key := fmt.Sprint("e", i%keys)
			r, err := stores[i/keys%2].Append(t.Context(), inbox.Notification{EventKey: key, CallKey: fmt.Sprint("c", i%3), Body: body(key)})
			if err != nil {
				t.Error(err)
			} else if !r.Duplicate {
				added.Add(1)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, keys, added.Load())
	require.Equal(t, keys, s.stats().Pending)
	calls := map[string]bool{}
	for range keys { // each comes, one of a call at a time
		items := s.claim(1)
		require.Len(t, items, 1)
		calls[items[0].CallKey] = true
		require.NoError(t, s.Done(t.Context(), items[0].ID))
	}
	require.Len(t, calls, 3)
}

func testKilled(t *testing.T, s *store) {
	s.append("e1", "c1")
	s.append("e2", "c1")
	other := s.another()
	items, err := other.Claim(t.Context(), 10, time.Minute)
	require.NoError(t, err)
	require.Len(t, items, 1)
	s.kill(other)
	require.Empty(t, s.claimed(10), "nobody can know yet that it is dead")
	s.advance(time.Minute - time.Second)
	require.Empty(t, s.claimed(10))
	s.advance(time.Second)
	require.Equal(t, []string{"e1"}, s.claimed(10))
}

func testArrivals(t *testing.T, s *store) {
	other := s.another()
	hear := func() {
		t.Helper()
		select {
		case <-other.Arrivals():
		case <-time.After(20 * time.Second):
			require.Fail(t, "nothing was heard of")
		}
	}
	hear() // it begins to listen
	for i := range 3 {
		s.append(fmt.Sprint("e", i), "c1")
		hear()
	}
}
