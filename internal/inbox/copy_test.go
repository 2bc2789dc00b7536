package inbox_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/inbox"
	"github.com/aftercall/aftercall/internal/inbox/postgrestest"
)

// TestCopyHasEverythingOnce copies between all pairs of drivers, twice.
func TestCopyHasEverythingOnce(t *testing.T) {
	files, databases := newURL, func(t *testing.T) string { return postgrestest.URL(t) }
	for name, pair := range map[string][2]func(*testing.T) string{
		"SQLite to PostgreSQL":     {files, databases},
		"PostgreSQL to SQLite":     {databases, files},
		"SQLite to SQLite":         {files, files},
		"PostgreSQL to PostgreSQL": {databases, databases},
	} {
		t.Run(name, func(t *testing.T) { testCopy(t, pair[0](t), pair[1](t)) })
	}
}

func testCopy(t *testing.T, from, to string) {
	_, ring := newKeys(t)
	opts := inbox.Options{Keys: ring}
	in, err := inbox.Open(t.Context(), from, opts)
	require.NoError(t, err)
	kept := fill(t, in) // e1 with a variant, and a dead letter without a key
	at := time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC)
	add := func(in inbox.Inbox, eventKey, callKey string, body string) {
		t.Helper()
		_, err := in.Append(t.Context(), inbox.Notification{EventKey: eventKey, CallKey: callKey, Body: []byte(body), ReceivedAt: at})
		require.NoError(t, err)
	}
	for _, key := range []string{"done", "done", "late", "leased"} {
		add(in, key, "call-"+key, key)
	}
	add(in, "leased 2", "call-leased", "")
	items, err := in.Claim(t.Context(), 10, time.Hour)
	require.NoError(t, err)
	for _, it := range items {
		switch it.EventKey {
		case "done":
			require.NoError(t, in.Done(t.Context(), it.ID))
		case "late":
			require.NoError(t, in.Bury(t.Context(), it.ID, inbox.ReasonLate, "why"))
		}
	}
	want := map[string][]inbox.Received{}
	for _, call := range []string{"c1", "call-done", "call-late", "call-leased"} {
		want[call], err = in.Receipts(t.Context(), call, 0, 100)
		require.NoError(t, err)
		require.NotEmpty(t, want[call])
	}
	_, err = inbox.Copy(t.Context(), from, to, nil)
	require.ErrorIs(t, err, inbox.ErrInUse)
	require.NoError(t, in.Close())

	copied, err := inbox.Copy(t.Context(), from, to, nil)
	require.NoError(t, err)
	require.Equal(t, inbox.Copied{Pending: 3, DeadLetters: 2, Delivered: 1}, copied)
	copied, err = inbox.Copy(t.Context(), from, to, nil)
	require.NoError(t, err)
	require.Equal(t, inbox.Copied{Known: 6}, copied)

	out := openURL(t, to, opts)
	for call, list := range want {
		got, err := out.Receipts(t.Context(), call, 0, 100)
		require.NoError(t, err)
		require.Equal(t, list, got)
	}
	st, err := out.Stats(t.Context())
	require.NoError(t, err)
	require.Equal(t, 3, st.Pending)
	require.Equal(t, 2, st.DeadLetters)
	require.Zero(t, st.Leased)
	dead, err := out.DeadLetter(t.Context(), kept)
	require.NoError(t, err)
	require.Contains(t, string(dead.Body), number)
	items, err = out.Claim(t.Context(), 10, time.Hour)
	require.NoError(t, err)
	require.Len(t, items, 2)
	require.Equal(t, []string{"e1", "leased"}, []string{items[0].EventKey, items[1].EventKey})
	require.NoError(t, out.Done(t.Context(), items[1].ID))
	items, err = out.Claim(t.Context(), 10, time.Hour)
	require.NoError(t, err)
	require.Len(t, items, 1)
	require.Equal(t, "leased 2", items[0].EventKey)
	require.Empty(t, items[0].Body)
}

func TestCopyRefuses(t *testing.T) {
	url := newURL(t)
	_, err := inbox.Copy(t.Context(), url, newURL(t), nil)
	require.ErrorContains(t, err, "no such file", "a source is not made")
	_, err = inbox.Copy(t.Context(), url, url, nil)
	require.ErrorContains(t, err, "the same")
}
