package inboxtest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/inbox"
)

func testBury(t *testing.T, s *store) {
	s.append("a1", "a")
	s.append("a2", "a")
	id := s.only().ID
	s.advance(time.Minute)
	require.NoError(t, s.Bury(t.Context(), id, inbox.ReasonLate, "the call is closed"))
	require.NoError(t, s.Bury(t.Context(), id, inbox.ReasonPermanent, "again, ignored"))
	s.reopen()
	require.Equal(t, []string{"a2"}, s.claimed(10))
	require.True(t, s.append("a1", "a").Duplicate)

	list := s.deadLetters(inbox.Filter{})
	require.Len(t, list, 1)
	want := inbox.DeadLetter{
		ID: list[0].ID, EventKey: "a1", CallKey: "a", Reason: inbox.ReasonLate, Detail: "the call is closed",
		ReceivedAt: s.clock().Add(-time.Minute), DiedAt: s.clock(), SizeBytes: len(body("a1")),
	}
	require.Regexp(t, `^dl-[0-9a-f]{16}$`, want.ID)
	require.Equal(t, want, list[0])
	got, err := s.DeadLetter(t.Context(), want.ID)
	require.NoError(t, err)
	want.Body = body("a1")
	require.Equal(t, want, got)
	_, err = s.DeadLetter(t.Context(), "dl-unknown")
	require.ErrorIs(t, err, inbox.ErrNotFound)
}

func (s *store) refuse(text string) (string, bool) {
	s.t.Helper()
	id, dup, err := s.AppendDeadLetter(s.t.Context(), inbox.Refused{Body: []byte(text), Reason: inbox.ReasonNotJSON, Detail: "no object", ReceivedAt: s.clock()})
	require.NoError(s.t, err)
	return id, dup
}

func testRefused(t *testing.T, s *store) {
	id, dup := s.refuse("nonsense")
	require.False(t, dup)
	require.Equal(t, inbox.DeadLetterID([]byte("nonsense")), id)
	s.reopen()
	again, dup := s.refuse("nonsense")
	require.True(t, dup)
	require.Equal(t, id, again)
	empty, dup := s.refuse("")
	require.False(t, dup)

	require.Len(t, s.deadLetters(inbox.Filter{}), 2)
	require.Empty(t, s.claimed(10))
	d, err := s.DeadLetter(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, inbox.DeadLetter{
		ID: id, Reason: inbox.ReasonNotJSON, Detail: "no object", ReceivedAt: s.clock(), DiedAt: s.clock(), SizeBytes: 8, Body: []byte("nonsense"),
	}, d)
	_, err = s.DeadLetter(t.Context(), empty)
	require.NoError(t, err)
}

func testList(t *testing.T, s *store) {
	for i := range 5 {
		s.refuse(fmt.Sprint("bad ", i))
	}
	s.append("e1", "c1")
	require.NoError(t, s.Bury(t.Context(), s.only().ID, inbox.ReasonLate, ""))

	require.Len(t, s.deadLetters(inbox.Filter{}), 6)
	late := s.deadLetters(inbox.Filter{Reason: inbox.ReasonLate})
	require.Len(t, late, 1)
	require.Equal(t, "e1", late[0].EventKey)
	var ids []string
	f := inbox.Filter{Limit: 2}
	for {
		page := s.deadLetters(f)
		if len(page) == 0 {
			break
		}
		require.LessOrEqual(t, len(page), 2)
		for _, d := range page {
			ids = append(ids, d.ID)
		}
		f.After = ids[len(ids)-1]
	}
	require.Len(t, ids, 6)
	require.Equal(t, inbox.DeadLetterID([]byte("bad 0")), ids[0])
	_, err := s.DeadLetters(t.Context(), inbox.Filter{After: "dl-unknown"})
	require.ErrorIs(t, err, inbox.ErrNotFound)
}

func testRequeue(t *testing.T, s *store) {
	s.append("a1", "a")
	s.append("a2", "a")
	require.NoError(t, s.Bury(t.Context(), s.only().ID, inbox.ReasonLate, ""))
	a2 := s.only()
	id := s.deadLetters(inbox.Filter{})[0].ID
	require.NoError(t, s.Requeue(t.Context(), id, nil))
	require.ErrorIs(t, s.Requeue(t.Context(), id, nil), inbox.ErrNotFound)
	require.Empty(t, s.deadLetters(inbox.Filter{}))
	require.Empty(t, s.claimed(10), "a2 of the same call is under way")
	require.NoError(t, s.Done(t.Context(), a2.ID))
	it := s.only()
	require.Equal(t, inbox.Notification{EventKey: "a1", CallKey: "a", Body: body("a1"), ReceivedAt: s.clock()}, it.Notification)
	require.NoError(t, s.Bury(t.Context(), it.ID, inbox.ReasonLate, "again"))
	require.Equal(t, id, s.deadLetters(inbox.Filter{})[0].ID)
}

func testRequeueReparsed(t *testing.T, s *store) {
	id, _ := s.refuse("odd")
	known, _ := s.refuse("known by now")
	s.append("e0", "c0")
	require.ErrorIs(t, s.Requeue(t.Context(), id, nil), inbox.ErrNoKey)
	err := s.Requeue(t.Context(), id, func([]byte) (string, string, error) { return "", "", errNotYet })
	require.ErrorIs(t, err, inbox.ErrNoKey)
	require.ErrorIs(t, err, errNotYet)
	require.Len(t, s.deadLetters(inbox.Filter{}), 2)

	require.NoError(t, s.Requeue(t.Context(), id, func(b []byte) (string, string, error) { return "e-" + string(b), "c1", nil }))
	require.NoError(t, s.Requeue(t.Context(), known, func([]byte) (string, string, error) { return "e0", "c0", nil }))
	require.Empty(t, s.deadLetters(inbox.Filter{}))
	require.ElementsMatch(t, []string{"e-odd", "e0"}, s.claimed(10))
	require.Equal(t, 2, s.stats().Pending)
	require.True(t, s.append("e-odd", "c1").Duplicate)
}

func testDrop(t *testing.T, s *store) {
	id, _ := s.refuse("nonsense")
	s.append("e1", "c1")
	require.NoError(t, s.Bury(t.Context(), s.only().ID, inbox.ReasonLate, ""))
	late := s.deadLetters(inbox.Filter{Reason: inbox.ReasonLate})[0].ID
	for _, id := range []string{id, late} {
		require.NoError(t, s.Drop(t.Context(), id))
		require.ErrorIs(t, s.Drop(t.Context(), id), inbox.ErrNotFound)
	}
	s.reopen()
	require.Empty(t, s.deadLetters(inbox.Filter{}))
	require.True(t, s.append("e1", "c1").Duplicate)
	require.Empty(t, s.claimed(10))
	_, dup := s.refuse("nonsense")
	require.False(t, dup, "nothing is left of it")
}

func testStats(t *testing.T, s *store) {
	require.Equal(t, inbox.Stats{ByReason: map[inbox.Reason]int{}}, s.stats())
	s.append("a1", "a")
	s.advance(time.Minute)
	s.append("b1", "b")
	s.append("b2", "b")
	s.refuse("one")
	s.refuse("two")
	require.NoError(t, s.Bury(t.Context(), s.claim(2)[1].ID, inbox.ReasonPermanent, ""))
	s.advance(time.Second)
	require.Equal(t, inbox.Stats{
		Pending: 2, Leased: 1, OldestPending: 61 * time.Second, DeadLetters: 3,
		ByReason: map[inbox.Reason]int{inbox.ReasonNotJSON: 2, inbox.ReasonPermanent: 1},
	}, s.stats())
}

func testSweep(t *testing.T, s *store) {
	start := s.clock()
	s.append("done", "a")
	_, err := s.Append(t.Context(), inbox.Notification{EventKey: "done", CallKey: "a", Body: []byte("other"), ReceivedAt: start})
	require.NoError(t, err)
	s.append("buried", "b")
	items := s.claim(2)
	require.NoError(t, s.Done(t.Context(), items[0].ID))
	require.NoError(t, s.Bury(t.Context(), items[1].ID, inbox.ReasonLate, ""))
	s.append("waiting", "c")

	sweep := func(after time.Duration) inbox.Swept {
		swept, err := s.Sweep(t.Context(), start.Add(after))
		require.NoError(t, err)
		return swept
	}
	require.Zero(t, sweep(24*time.Hour-time.Second))
	require.Equal(t, 1, s.stats().Variants)
	require.Equal(t, inbox.Swept{Blanked: 1}, sweep(24*time.Hour))
	require.Zero(t, s.stats().Variants)
	require.Zero(t, sweep(7*24*time.Hour-time.Second))
	require.True(t, s.append("done", "a").Duplicate)
	require.Equal(t, inbox.Swept{Forgotten: 1}, sweep(7*24*time.Hour))
	require.Zero(t, sweep(89*24*time.Hour))
	require.Len(t, s.deadLetters(inbox.Filter{}), 1)
	require.Equal(t, inbox.Swept{Dropped: 1}, sweep(90*24*time.Hour))
	require.Empty(t, s.deadLetters(inbox.Filter{}))

	require.Equal(t, []string{"waiting"}, s.claimed(10))
	require.Zero(t, s.append("done", "a"), "forgotten, hence new")
}

func testFull(t *testing.T, s *store) {
	s.opts.MaxRows = 3
	s.reopen()
	s.append("e1", "c1")
	s.append("e2", "c2")
	id, _ := s.refuse("bad")
	s.reopen() // the count survives
	_, err := s.Append(t.Context(), inbox.Notification{EventKey: "e3", CallKey: "c3"})
	require.ErrorIs(t, err, inbox.ErrFull)
	_, _, err = s.AppendDeadLetter(t.Context(), inbox.Refused{Body: []byte("worse")})
	require.ErrorIs(t, err, inbox.ErrFull)
	require.ErrorIs(t, s.Ready(t.Context()), inbox.ErrFull)

	items := s.claim(2)
	require.NoError(t, s.Bury(t.Context(), items[0].ID, inbox.ReasonLate, ""))
	_, err = s.Append(t.Context(), inbox.Notification{EventKey: "e3", CallKey: "c3"})
	require.ErrorIs(t, err, inbox.ErrFull, "a dead letter takes room too")
	require.NoError(t, s.Done(t.Context(), items[1].ID))
	s.append("e3", "c3")
	require.NoError(t, s.Drop(t.Context(), id))
	require.NoError(t, s.Ready(t.Context()))
	s.append("e4", "c4")
}

func testErase(t *testing.T, s *store) {
	const person = "+966500000005"
	told := func(eventKey, to string) {
		_, err := s.Append(t.Context(), inbox.Notification{EventKey: eventKey, CallKey: eventKey, Body: []byte(`{"to":"` + to + `"}`), ReceivedAt: s.clock()})
		require.NoError(t, err)
	}
	told("done", person)
	told("done", "+966500000007") // a variant
	told("other", "+966500000006")
	told("variant", "+966500000006")
	told("variant", person)
	require.NoError(t, s.Done(t.Context(), s.claim(3)[0].ID))
	s.reopen()
	told("late", person)
	for _, it := range s.claim(10) {
		if it.EventKey == "late" {
			require.NoError(t, s.Bury(t.Context(), it.ID, inbox.ReasonLate, ""))
		} else {
			require.NoError(t, s.Done(t.Context(), it.ID))
		}
	}
	s.refuse("nonsense " + person)
	kept, _ := s.refuse("nonsense of somebody else")
	told("pending", person)

	matches := func(_ string, body []byte) bool { return strings.Contains(string(body), person) }
	want := inbox.Erased{Bodies: 2, DeadLetters: 2, Pending: 1}
	for range 2 {
		e, err := s.Erase(t.Context(), true, matches)
		require.NoError(t, err)
		require.Equal(t, want, e, "a dry one changes nothing")
	}
	e, err := s.Erase(t.Context(), false, matches)
	require.NoError(t, err)
	require.Equal(t, want, e)
	e, err = s.Erase(t.Context(), false, matches)
	require.NoError(t, err)
	require.Equal(t, inbox.Erased{Pending: 1}, e)
	s.reopen()
	for _, eventKey := range []string{"done", "variant", "late"} {
		received, err := s.Receipts(t.Context(), eventKey, 0, 10)
		require.NoError(t, err)
		require.NotEmpty(t, received)
		require.Nil(t, received[0].Body)
		require.True(t, s.append(eventKey, eventKey).Duplicate, "event keys stay")
	}
	received, err := s.Receipts(t.Context(), "other", 0, 10)
	require.NoError(t, err)
	require.NotNil(t, received[0].Body, "of others nothing is erased")
	list := s.deadLetters(inbox.Filter{})
	require.Len(t, list, 1)
	require.Equal(t, kept, list[0].ID)
	require.Equal(t, []string{"pending"}, s.claimed(10))
}
