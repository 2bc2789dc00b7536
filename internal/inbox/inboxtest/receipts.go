package inboxtest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/inbox"
)

// receipts returns the receipts of a call: one word for each.
func (s *store) receipts(callKey string) string {
	s.t.Helper()
	list, err := s.Receipts(s.t.Context(), callKey, 0, 1000)
	require.NoError(s.t, err)
	words := make([]string, len(list))
	for i, r := range list {
		words[i] = r.EventKey
		for _, mark := range []struct {
			word string
			is   bool
		}{{"!", r.DeadLetterID != ""}, {"+", r.Duplicate}, {"?", r.Pending}, {"-", r.Body == nil}} {
			if mark.is {
				words[i] += mark.word
			}
		}
		if i > 0 {
			require.False(s.t, r.At.Before(list[i-1].At), "in order of receipt")
		}
	}
	return strings.Join(words, " ")
}

func testReceipts(t *testing.T, s *store) {
	s.append("e1", "a")
	s.advance(time.Second)
	s.append("e2", "a")
	s.append("other", "b")
	for _, item := range s.claim(10) {
		require.NoError(t, s.Done(t.Context(), item.ID))
	}
	id := s.only().ID
	require.NoError(t, s.Bury(t.Context(), id, inbox.ReasonLate, "closed"))
	s.advance(time.Second)
	s.append("e1", "a")
	s.reopen()
	require.Equal(t, "e1 e2! e1+", s.receipts("a"))
	require.Equal(t, "other", s.receipts("b"))
	require.Empty(t, s.receipts("nobody"))

	list, err := s.Receipts(t.Context(), "a", 1, 1)
	require.NoError(t, err)
	require.Equal(t, []inbox.Received{{
		EventKey: "e2", At: s.clock().Add(-time.Second), Reason: inbox.ReasonLate, DeadLetterID: inbox.DeadLetterID([]byte("e2")), Body: body("e2"),
	}}, list)
	list, err = s.Receipts(t.Context(), "a", 2, 10)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, body("e1"), list[0].Body, "the same bytes")

	require.NoError(t, s.Drop(t.Context(), inbox.DeadLetterID([]byte("e2"))))
	list, err = s.Receipts(t.Context(), "a", 1, 1)
	require.NoError(t, err)
	require.Equal(t, inbox.ReasonLate, list[0].Reason, "one that was dropped was not accepted after all")
	require.Empty(t, s.deadLetters(inbox.Filter{}))
}

func testRepetitionsAreBounded(t *testing.T, s *store) {
	for range 200 {
		s.append("e1", "a")
	}
	list, err := s.Receipts(t.Context(), "a", 0, 1000)
	require.NoError(t, err)
	require.Greater(t, len(list), 20)
	require.Less(t, len(list), 100)
}

func testMend(t *testing.T, s *store) {
	broken, _ := s.refuse("{broken")
	reparse := func(b []byte) (string, string, error) { return "e-" + string(b[:4]), "c1", nil }
	require.ErrorIs(t, s.Mend(t.Context(), broken, []byte("mended"), nil), inbox.ErrNoKey)
	require.ErrorIs(t, s.Mend(t.Context(), "dl-unknown", []byte("mended"), reparse), inbox.ErrNotFound)
	require.NoError(t, s.Mend(t.Context(), broken, []byte("mended"), reparse))
	s.reopen()
	item := s.only()
	require.Equal(t, "e-mend c1 mended", fmt.Sprint(item.EventKey, " ", item.CallKey, " ", string(item.Body)))
	require.Equal(t, "e-mend? e-mend+?", s.receipts("c1"), "what came is kept beside it")
	require.NoError(t, s.Bury(t.Context(), item.ID, inbox.ReasonPermanent, "no"))
	again := s.deadLetters(inbox.Filter{CallKey: "c1"})
	require.Len(t, again, 1)
	require.Empty(t, s.deadLetters(inbox.Filter{CallKey: "c2"}))
	d, err := s.DeadLetter(t.Context(), again[0].ID)
	require.NoError(t, err)
	require.Equal(t, [][]byte{[]byte("{broken")}, d.Variants)

	s.append("e-know", "c9")
	require.ErrorIs(t, s.Mend(t.Context(), d.ID, []byte("known"), reparse), inbox.ErrKnown)
	require.NoError(t, s.Mend(t.Context(), d.ID, []byte("mended"), reparse), "the same again")
	_, dup := s.refuse("{broken")
	require.False(t, dup, "the body that was mended is no dead letter any more")
}
