package inboxtest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/inbox"
)

func testAppendClaim(t *testing.T, s *store) {
	require.Zero(t, s.append("e1", "c1"))
	it := s.only()
	require.Equal(t, inbox.Notification{EventKey: "e1", CallKey: "c1", Body: body("e1"), ReceivedAt: s.clock()}, it.Notification)
	require.Zero(t, it.Attempts)
	require.Empty(t, s.claimed(10), "it is leased")
}

func testDuplicate(t *testing.T, s *store) {
	s.append("e1", "c1")
	require.Equal(t, inbox.Receipt{Duplicate: true}, s.append("e1", "c1"))
	s.reopen()
	require.Equal(t, inbox.Receipt{Duplicate: true}, s.append("e1", "c1"))
	require.Equal(t, []string{"e1"}, s.claimed(10))
	require.Equal(t, inbox.Receipt{Duplicate: true}, s.append("e1", "c1"), "while it is leased")
	require.Equal(t, 1, s.stats().Pending)
}

func testConcurrentDuplicates(t *testing.T, s *store) {
	var added atomic.Int64
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			r, err := s.Append(t.Context(), inbox.Notification{EventKey: fmt.Sprint("e", i%4), CallKey: "c1", Body: body("e")})
			if err == nil && !r.Duplicate {
				added.Add(1)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 4, added.Load())
	require.Equal(t, 4, s.stats().Pending)
}

func testVariant(t *testing.T, s *store) {
	s.append("e1", "c1")
	other := inbox.Notification{EventKey: "e1", CallKey: "c1", Body: []byte(`{ "event": "e1" }`), ReceivedAt: s.clock()}
	for range 2 {
		r, err := s.Append(t.Context(), other)
		require.NoError(t, err)
		require.Equal(t, inbox.Receipt{Duplicate: true, Variant: true}, r)
	}
	require.Equal(t, 1, s.stats().Variants)
	it := s.only()
	require.Equal(t, body("e1"), it.Body, "the first bytes count")

	require.NoError(t, s.Bury(t.Context(), it.ID, inbox.ReasonPermanent, ""))
	d, err := s.DeadLetter(t.Context(), s.deadLetters(inbox.Filter{})[0].ID)
	require.NoError(t, err)
	require.Equal(t, [][]byte{other.Body}, d.Variants)
}

func testInvalid(t *testing.T, s *store) {
	for _, n := range []inbox.Notification{{CallKey: "c1"}, {EventKey: "e1"}} {
		_, err := s.Append(t.Context(), n)
		require.ErrorIs(t, err, inbox.ErrInvalid)
	}
	require.Zero(t, s.stats().Pending)
}

func testOrder(t *testing.T, s *store) {
	for _, e := range []struct{ event, call string }{{"a1", "a"}, {"a2", "a"}, {"b1", "b"}, {"c1", "c"}, {"b2", "b"}} {
		s.append(e.event, e.call)
	}
	items := s.claim(2)
	require.Equal(t, []string{"a1", "b1"}, []string{items[0].EventKey, items[1].EventKey})
	require.Equal(t, []string{"c1"}, s.claimed(10))
	require.Empty(t, s.claimed(10), "a2 and b2 wait for their calls")

	require.NoError(t, s.Done(t.Context(), items[1].ID))
	require.Equal(t, []string{"b2"}, s.claimed(10))
	require.NoError(t, s.Done(t.Context(), items[0].ID))
	s.append("a3", "a")
	require.Equal(t, []string{"a2"}, s.claimed(10))
}

// testRequeuedWaits: an older, requeued notification waits for the one that is first by now, also when another ends.
func testRequeuedWaits(t *testing.T, s *store) {
	for _, event := range []string{"a1", "a2", "a3"} {
		s.append(event, "a")
	}
	var ids []int64
	for _, event := range []string{"a1", "a2"} {
		it := s.claim(1)[0]
		ids = append(ids, it.ID)
		require.NoError(t, s.Bury(t.Context(), it.ID, inbox.ReasonPermanent, ""))
		require.Equal(t, event, it.EventKey)
	}
	a3 := s.claim(1)[0]
	for _, event := range []string{"a1", "a2"} {
		require.NoError(t, s.Requeue(t.Context(), inbox.DeadLetterID([]byte(event)), nil))
	}
	require.NoError(t, s.Done(t.Context(), ids[1]))
	require.Empty(t, s.claimed(10), "a3 is on its way")
	require.NoError(t, s.Done(t.Context(), a3.ID))
	require.Equal(t, []string{"a1"}, s.claimed(10))
}

func testNewest(t *testing.T, s *store) {
	for _, call := range []string{"a", "b", "c"} {
		s.append(call+"1", call)
	}
	s.advance(time.Minute)
	since := s.clock()
	s.append("a2", "a")
	s.append("d1", "d")
	s.append("d2", "d")
	s.append("e1", "e")
	s.append("f1", "f")
	newest := func(n int) []inbox.Item {
		items, err := s.ClaimNew(t.Context(), since, n, lease)
		require.NoError(t, err)
		return items
	}
	require.Empty(t, newest(0))
	f1 := newest(1)[0]
	require.Equal(t, inbox.Notification{EventKey: "f1", CallKey: "f", Body: body("f1"), ReceivedAt: s.clock()}, f1.Notification)
	require.Equal(t, []string{"a1", "b1"}, s.claimed(2), "the oldest, at the same time")
	require.NoError(t, s.Release(t.Context(), f1.ID, s.clock().Add(time.Second)))
	items := newest(10)
	require.Len(t, items, 2, "a2 and d2 wait for their calls, f1 for its retry, c1 is not new")
	require.Equal(t, []string{"e1", "d1"}, []string{items[0].EventKey, items[1].EventKey})
	require.NoError(t, s.Done(t.Context(), items[1].ID))
	require.Equal(t, []string{"c1", "d2"}, s.claimed(10))
}

func testBegun(t *testing.T, s *store) {
	begun := func(n int) (keys []string) {
		items, err := s.ClaimBegun(t.Context(), n, lease)
		require.NoError(t, err)
		for _, it := range items {
			keys = append(keys, it.EventKey)
		}
		return keys
	}
	for _, key := range []string{"a1", "b1", "a2", "c1", "d1"} {
		s.append(key, key[:1])
	}
	require.Empty(t, begun(10), "a2 waits for a1")
	items := s.claim(3)
	require.Equal(t, "a1", items[0].EventKey)
	for _, it := range items[:2] {
		require.NoError(t, s.Done(t.Context(), it.ID))
	}
	require.NoError(t, s.Bury(t.Context(), items[2].ID, inbox.ReasonPermanent, ""))
	s.append("b2", "b")
	s.append("c2", "c")
	require.Empty(t, begun(0))
	require.Equal(t, []string{"a2"}, begun(1))
	s.reopen()
	require.Equal(t, []string{"a2", "b2"}, begun(10), "of c nothing was delivered, d has only one")
	require.Equal(t, []string{"d1", "c2"}, s.claimed(10))
}

func testConcurrentClaims(t *testing.T, s *store) {
	const calls, each = 20, 5
	for i := range each {
		for c := range calls {
			s.append(fmt.Sprintf("c%d-%d", c, i), fmt.Sprint("c", c))
		}
	}
	var mu sync.Mutex
	served := map[string][]string{}
	var left atomic.Int64
	left.Store(calls * each)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for left.Load() > 0 && t.Context().Err() == nil {
				items, err := s.Claim(t.Context(), 2, lease)
				if err != nil {
					return
				}
				newest, err := s.ClaimNew(t.Context(), time.Time{}, 1, lease)
				if err != nil {
					return
				}
				items = append(items, newest...)
				for _, it := range items {
					mu.Lock()
					served[it.CallKey] = append(served[it.CallKey], it.EventKey)
					mu.Unlock()
					left.Add(-1)
					if s.Done(t.Context(), it.ID) != nil {
						return
					}
				}
			}
		})
	}
	wg.Wait()
	for c := range calls {
		var want []string
		for i := range each {
			want = append(want, fmt.Sprintf("c%d-%d", c, i))
		}
		require.Equal(t, want, served[fmt.Sprint("c", c)])
	}
}

func testLeaseExpires(t *testing.T, s *store) {
	s.append("e1", "c1")
	_, err := s.Claim(t.Context(), 1, time.Minute)
	require.NoError(t, err)
	s.advance(59 * time.Second)
	require.Empty(t, s.claimed(1))
	s.advance(time.Second)
	require.Equal(t, []string{"e1"}, s.claimed(1))
}

func testReopen(t *testing.T, s *store) {
	s.append("a1", "a")
	s.append("a2", "a")
	s.append("b1", "b")
	require.Equal(t, []string{"a1", "b1"}, s.claimed(10))
	s.reopen()
	require.Equal(t, []string{"a1", "b1"}, s.claimed(10))
}

func testDone(t *testing.T, s *store) {
	s.append("e1", "c1")
	id := s.only().ID
	require.NoError(t, s.Done(t.Context(), id))
	require.NoError(t, s.Done(t.Context(), id, 4711), "again, and an unknown one")
	s.reopen()
	require.Empty(t, s.claimed(10))
	require.True(t, s.append("e1", "c1").Duplicate)
	require.Zero(t, s.stats().Pending)
}

// testClockSetBack holds that no notification waits longer than its back-off after the clock was set back.
func testClockSetBack(t *testing.T, s *store) {
	s.append("e1", "c1")
	s.append("e2", "c1")
	items, err := s.Claim(t.Context(), 10, time.Minute)
	require.NoError(t, err)
	require.Len(t, items, 1)
	require.NoError(t, s.Release(t.Context(), items[0].ID, s.clock().Add(30*time.Second)))
	require.Empty(t, s.claimed(10), "not before its time")
	s.advance(-time.Hour)
	require.Equal(t, []string{"e1"}, s.claimed(10))
}

func testRelease(t *testing.T, s *store) {
	s.append("a1", "a")
	s.append("a2", "a")
	s.append("b1", "b")
	items := s.claim(10)
	require.Len(t, items, 2)
	require.NoError(t, s.Release(t.Context(), items[0].ID, s.clock().Add(time.Minute)))
	require.Empty(t, s.claimed(10))
	s.reopen()
	require.Equal(t, []string{"b1"}, s.claimed(10), "the wait survives")
	s.advance(time.Minute)
	again := s.only()
	require.Equal(t, "a1", again.EventKey)
	require.Equal(t, 1, again.Attempts)

	require.NoError(t, s.Done(t.Context(), again.ID))
	require.NoError(t, s.Release(t.Context(), again.ID, s.clock()), "too late, ignored")
	require.Equal(t, []string{"a2"}, s.claimed(10))
}

func testClosed(t *testing.T, s *store) {
	s.append("e1", "c1")
	require.NoError(t, s.Close())
	require.NoError(t, s.Close(), "twice")
	_, err := s.Append(t.Context(), inbox.Notification{EventKey: "e2", CallKey: "c1"})
	require.ErrorIs(t, err, inbox.ErrClosed)
	_, err = s.Claim(t.Context(), 1, lease)
	require.ErrorIs(t, err, inbox.ErrClosed)
	require.ErrorIs(t, s.Ready(t.Context()), inbox.ErrClosed)
}

func testInUse(t *testing.T, s *store) {
	_, err := inbox.Open(t.Context(), s.url, inbox.Options{})
	require.ErrorIs(t, err, inbox.ErrInUse)
	s.append("e1", "c1")
}
