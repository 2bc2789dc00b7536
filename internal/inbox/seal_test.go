package inbox_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/inbox"
	"github.com/aftercall/aftercall/internal/inbox/inboxtest"
	"github.com/aftercall/aftercall/internal/inbox/postgrestest"
	"github.com/aftercall/aftercall/internal/keys"
)

const number = "966577310005"

func newKeys(t *testing.T) (keys.Text, *keys.Ring) {
	t.Helper()
	text := keys.New(time.Now())
	ring, err := text.Ring()
	require.NoError(t, err)
	return text, ring
}

func TestConformanceSealed(t *testing.T) {
	_, ring := newKeys(t)
	inboxtest.Run(t, inboxtest.Driver{URL: newURL, Options: inbox.Options{Keys: ring}})
}

// place is the location of an inbox. Its functions let a test look at, and spoil, what is stored.
type place struct {
	url   string
	holds func(text string) bool // the stored bytes hold the text in clear
	spoil func(eventKey string)  // changes the bytes of its body
}

// inEachPlace runs a test with each driver.
func inEachPlace(t *testing.T, test func(t *testing.T, p place)) {
	t.Run("SQLite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "inbox.db")
		test(t, place{
			url:   "sqlite:" + path,
			holds: func(text string) bool { return onDisk(t, path, text) },
			spoil: func(eventKey string) {
				_, err := meddle(t, path).ExecContext(t.Context(), `UPDATE bodies SET body = CAST(body || x'00' AS BLOB)
					WHERE id = (SELECT id FROM notifications WHERE event_key = ?)`, eventKey)
				require.NoError(t, err)
			},
		})
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		url := postgrestest.URL(t)
		c := postgrestest.Connect(t, url)
		test(t, place{
			url: url,
			holds: func(text string) bool {
				var found bool
				require.NoError(t, c.QueryRow(t.Context(), `SELECT EXISTS (SELECT 1 FROM (SELECT body FROM inbox_bodies UNION ALL SELECT body FROM inbox_variants) kept
					WHERE position($1::bytea IN body) > 0)`, []byte(text)).Scan(&found))
				return found
			},
			spoil: func(eventKey string) {
				_, err := c.Exec(t.Context(), `UPDATE inbox_bodies SET body = body || '\x00'
					WHERE id = (SELECT id FROM inbox_notifications WHERE event_key = $1)`, eventKey)
				require.NoError(t, err)
			},
		})
	})
}

// onDisk reports whether the inbox's file or its log contains a text.
func onDisk(t *testing.T, path, text string) bool {
	t.Helper()
	for _, name := range []string{path, path + "-wal"} {
		raw, err := os.ReadFile(name)
		if err == nil && bytes.Contains(raw, []byte(text)) {
			return true
		}
	}
	return false
}

// fill stores a notification with another body, and a dead letter, all with a number.
func fill(t *testing.T, in inbox.Inbox) (deadID string) {
	t.Helper()
	for _, body := range []string{`{"to":"+` + number + `"}`, `{"to": "+` + number + `"}`} {
		_, err := in.Append(t.Context(), inbox.Notification{EventKey: "e1", CallKey: "c1", Body: []byte(body)})
		require.NoError(t, err)
	}
	deadID, _, err := in.AppendDeadLetter(t.Context(), inbox.Refused{Body: []byte("no JSON " + number), Reason: inbox.ReasonNotJSON})
	require.NoError(t, err)
	return deadID
}

func TestSealedBodiesAreUnreadableOnDisk(t *testing.T) {
	inEachPlace(t, testSealedBodiesAreUnreadableOnDisk)
}

func testSealedBodiesAreUnreadableOnDisk(t *testing.T, p place) {
	_, ring := newKeys(t)
	in := openURL(t, p.url, inbox.Options{Keys: ring})
	id := fill(t, in)
	require.False(t, p.holds(number))
	items, err := in.Claim(t.Context(), 1, time.Minute)
	require.NoError(t, err)
	require.Contains(t, string(items[0].Body), number)
	require.NoError(t, in.Bury(t.Context(), items[0].ID, inbox.ReasonLate, ""))
	dead, err := in.DeadLetter(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, "no JSON "+number, string(dead.Body))
	require.Equal(t, len(dead.Body), dead.SizeBytes)
	list, err := in.DeadLetters(t.Context(), inbox.Filter{Reason: inbox.ReasonLate})
	require.NoError(t, err)
	dead, err = in.DeadLetter(t.Context(), list[0].ID)
	require.NoError(t, err)
	require.Len(t, dead.Variants, 1)
	require.Contains(t, string(dead.Variants[0]), number)
}

// TestSweepSealsWhatWasKeptBefore: bodies that an earlier release kept in clear, and bodies that another key sealed.
func TestSweepSealsWhatWasKeptBefore(t *testing.T) { inEachPlace(t, testSweepSealsWhatWasKeptBefore) }

func testSweepSealsWhatWasKeptBefore(t *testing.T, p place) {
	in, err := inbox.Open(t.Context(), p.url, inbox.Options{})
	require.NoError(t, err)
	id := fill(t, in)
	require.NoError(t, in.Close())
	require.True(t, p.holds(number))

	old, ring := newKeys(t)
	in = openURL(t, p.url, inbox.Options{Keys: ring})
	swept, err := in.Sweep(t.Context(), time.Now())
	require.NoError(t, err)
	require.Equal(t, 3, swept.Resealed)
	require.False(t, p.holds(number))
	held, err := in.SealedWith(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[string]int{ring.IDs()[0]: 3}, held)

	fresh, _ := newKeys(t)
	require.NoError(t, ring.Replace([]string{fresh.Encryption[0], old.Encryption[0]}))
	swept, err = in.Sweep(t.Context(), time.Now())
	require.NoError(t, err)
	require.Equal(t, 3, swept.Resealed)
	require.NoError(t, ring.Replace(fresh.Encryption), "the old key holds nothing any more")
	dead, err := in.DeadLetter(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, "no JSON "+number, string(dead.Body))
	swept, err = in.Sweep(t.Context(), time.Now())
	require.NoError(t, err)
	require.Zero(t, swept.Resealed)
}

// TestMissingKeyLosesNothing: a notification waits for its key, and holds up no other call.
func TestMissingKeyLosesNothing(t *testing.T) { inEachPlace(t, testMissingKeyLosesNothing) }

func testMissingKeyLosesNothing(t *testing.T, p place) {
	old, ring := newKeys(t)
	now := time.Now()
	in := openURL(t, p.url, inbox.Options{Keys: ring, Now: func() time.Time { return now }})
	for i := range 20 {
		_, err := in.Append(t.Context(), notification(fmt.Sprintf("old-%d", i)))
		require.NoError(t, err)
	}
	fresh, _ := newKeys(t)
	require.NoError(t, ring.Replace(fresh.Encryption))
	_, err := in.Append(t.Context(), notification("new"))
	require.NoError(t, err)
	var got []inbox.Item
	for range 21 {
		items, err := in.Claim(t.Context(), 1, time.Minute)
		require.NoError(t, err)
		got = append(got, items...)
	}
	require.Len(t, got, 1)
	require.Equal(t, "new", got[0].EventKey)

	require.NoError(t, ring.Replace([]string{fresh.Encryption[0], old.Encryption[0]}))
	now = now.Add(31 * time.Second)
	items, err := in.Claim(t.Context(), 50, time.Minute)
	require.NoError(t, err)
	require.Len(t, items, 20)
	st, err := in.Stats(t.Context())
	require.NoError(t, err)
	require.Zero(t, st.DeadLetters)
}

// TestChangedByteMakesADeadLetter: the file was edited; everything else in it still works.
func TestChangedByteMakesADeadLetter(t *testing.T) { inEachPlace(t, testChangedByteMakesADeadLetter) }

func testChangedByteMakesADeadLetter(t *testing.T, p place) {
	_, ring := newKeys(t)
	in := openURL(t, p.url, inbox.Options{Keys: ring})
	for _, key := range []string{"bad", "good"} {
		_, err := in.Append(t.Context(), notification(key))
		require.NoError(t, err)
	}
	p.spoil("bad")
	items, err := in.Claim(t.Context(), 5, time.Minute)
	require.NoError(t, err)
	require.Len(t, items, 1)
	require.Equal(t, "good", items[0].EventKey)
	list, err := in.DeadLetters(t.Context(), inbox.Filter{Reason: inbox.ReasonUnreadable})
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Error(t, func() error { _, err := in.DeadLetter(t.Context(), list[0].ID); return err }())
	require.NoError(t, in.Drop(t.Context(), list[0].ID))
}

func TestDeadLettersHaveARetention(t *testing.T) { inEachPlace(t, testDeadLettersHaveARetention) }

func testDeadLettersHaveARetention(t *testing.T, p place) {
	now := time.Now()
	in := openURL(t, p.url, inbox.Options{DeadRetention: time.Hour, MaxRows: 3, Now: func() time.Time { return now }})
	fill(t, in)
	items, err := in.Claim(t.Context(), 1, time.Minute)
	require.NoError(t, err)
	require.NoError(t, in.Bury(t.Context(), items[0].ID, inbox.ReasonLate, ""))
	swept, err := in.Sweep(t.Context(), now.Add(59*time.Minute))
	require.NoError(t, err)
	require.Zero(t, swept.Dropped)
	swept, err = in.Sweep(t.Context(), now.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, 2, swept.Dropped)
	require.False(t, p.holds(number))
	for i := range 3 { // dead letters no longer count
		_, err := in.Append(t.Context(), notification(fmt.Sprint(i)))
		require.NoError(t, err)
	}
}
