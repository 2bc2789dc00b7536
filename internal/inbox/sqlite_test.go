package inbox_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/inbox"
	"github.com/aftercall/aftercall/internal/inbox/inboxtest"
)

func newURL(t *testing.T) string {
	return "sqlite:" + filepath.Join(t.TempDir(), "data dir", "in?box#1.db")
}

func TestConformance(t *testing.T) { inboxtest.Run(t, inboxtest.Driver{URL: newURL}) }

func open(t *testing.T, path string, opts inbox.Options) inbox.Inbox {
	t.Helper()
	return openURL(t, "sqlite:"+path, opts)
}

func openURL(t *testing.T, url string, opts inbox.Options) inbox.Inbox {
	t.Helper()
	in, err := inbox.Open(t.Context(), url, opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, in.Close()) })
	return in
}

func notification(eventKey string) inbox.Notification {
	return inbox.Notification{EventKey: eventKey, CallKey: "call-" + eventKey, Body: []byte(`{"event":"` + eventKey + `"}`)}
}

// meddle opens the file beside the inbox.
func meddle(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func TestOpenURL(t *testing.T) {
	for url, want := range map[string]string{
		"mysql://user:secret@db/inbox":             `scheme "mysql" is not supported`,
		"postgres://user:secret@db:x/in":           "is none that PostgreSQL knows",
		"postgres://user:secret@/in?host=/nowhere": "/nowhere",
		"sqlite:":       "has no path",
		"data/inbox.db": "is not supported",
	} {
		_, err := inbox.Open(t.Context(), url, inbox.Options{})
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "secret")
	}
	path := filepath.Join(t.TempDir(), "inbox.db")
	in, err := inbox.Open(t.Context(), "sqlite://"+path, inbox.Options{})
	require.NoError(t, err)
	require.NoError(t, in.Close())
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestOpenRefusesWhatIsNoInbox(t *testing.T) {
	path := filepath.Join(t.TempDir(), "inbox.db")
	require.NoError(t, os.WriteFile(path, bytes.Repeat([]byte("not a database. "), 100), 0o600))
	for range 2 { // the lock was released
		_, err := inbox.Open(t.Context(), "sqlite:"+path, inbox.Options{})
		require.ErrorContains(t, err, "not a database")
	}
}

func TestSQLiteIsNewEnough(t *testing.T) {
	var version string
	require.NoError(t, meddle(t, filepath.Join(t.TempDir(), "x.db")).QueryRow("SELECT sqlite_version()").Scan(&version))
	var major, minor, patch int
	_, err := fmt.Sscanf(version, "%d.%d.%d", &major, &minor, &patch)
	require.NoError(t, err)
	require.GreaterOrEqual(t, major*1_000_000+minor*1_000+patch, 3_051_003, "older ones can damage a WAL that two connections share")
}

func TestFailedCommitStopsAcknowledgingUntilReopened(t *testing.T) {
	for name, fault := range map[string]string{
		"a write fails": `CREATE TRIGGER fault BEFORE INSERT ON notifications WHEN NEW.event_key LIKE 'boom%'
			BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END`,
		"the commit fails": `CREATE TABLE parent (id INTEGER PRIMARY KEY);
			CREATE TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED);
			CREATE TRIGGER fault AFTER INSERT ON notifications WHEN NEW.event_key LIKE 'boom%'
			BEGIN INSERT INTO child VALUES (1); END`,
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "inbox.db")
			var log bytes.Buffer
			in := open(t, path, inbox.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
			_, err := in.Append(t.Context(), notification("before"))
			require.NoError(t, err)
			_, err = meddle(t, path).Exec(fault)
			require.NoError(t, err)

			_, err = in.Append(t.Context(), notification("boom"))
			require.ErrorIs(t, err, inbox.ErrUnavailable)
			_, err = in.Append(t.Context(), notification("refused"))
			require.ErrorIs(t, err, inbox.ErrUnavailable)
			_, err = in.Claim(t.Context(), 1, time.Minute)
			require.ErrorIs(t, err, inbox.ErrUnavailable)
			st, err := in.Stats(t.Context())
			require.NoError(t, err)
			require.True(t, st.Unavailable)

			require.Eventually(t, func() bool { return in.Ready(t.Context()) == nil }, 30*time.Second, 5*time.Millisecond)
			_, err = in.Append(t.Context(), notification("after"))
			require.NoError(t, err)
			items, err := in.Claim(t.Context(), 10, time.Minute)
			require.NoError(t, err)
			require.Len(t, items, 2, "only what was acknowledged")
			require.Equal(t, "before", items[0].EventKey)
			require.Equal(t, "after", items[1].EventKey)
			require.Contains(t, log.String(), "reopened and verified")
		})
	}
}

// A failed commit fails every write of its group, and each writer gets the error.
func TestFailedCommitAcknowledgesNobody(t *testing.T) {
	path := filepath.Join(t.TempDir(), "inbox.db")
	in := open(t, path, inbox.Options{})
	_, err := meddle(t, path).Exec(`CREATE TRIGGER fault BEFORE INSERT ON notifications WHEN NEW.event_key LIKE 'boom%'
		BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END`)
	require.NoError(t, err)
	var wg sync.WaitGroup
	var mu sync.Mutex
	acked := map[string]bool{}
	for w := range 32 {
		wg.Go(func() {
			for i := range 30 {
				key := fmt.Sprintf("e%d-%d", w, i)
				if w == 0 && i%10 == 5 {
					key = "boom" + key
				}
				if _, err := in.Append(t.Context(), notification(key)); err == nil {
					mu.Lock()
					acked[key] = true
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	require.Eventually(t, func() bool { return in.Ready(t.Context()) == nil }, 30*time.Second, 5*time.Millisecond)
	items, err := in.Claim(t.Context(), 10_000, time.Minute)
	require.NoError(t, err)
	stored := map[string]bool{}
	for _, it := range items {
		stored[it.EventKey] = true
	}
	require.Equal(t, acked, stored)
}

func TestDamagedFileIsNotTrustedAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "inbox.db")
	in := open(t, path, inbox.Options{})
	for i := range 200 {
		_, err := in.Append(t.Context(), notification(fmt.Sprint("e", i)))
		require.NoError(t, err)
	}
	db := meddle(t, path)
	_, err := db.Exec(`CREATE TRIGGER fault BEFORE INSERT ON notifications WHEN NEW.event_key = 'boom'
		BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END`)
	require.NoError(t, err)
	_, err = db.Exec(`PRAGMA wal_checkpoint(TRUNCATE)`)
	require.NoError(t, err)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	info, err := f.Stat()
	require.NoError(t, err)
	_, err = f.WriteAt(bytes.Repeat([]byte{0xa5}, 4096), info.Size()-4096) // far from what an append touches
	require.NoError(t, err)
	require.NoError(t, f.Close())

	_, err = in.Append(t.Context(), notification("boom"))
	require.ErrorIs(t, err, inbox.ErrUnavailable)
	deadline := time.Now().Add(300 * time.Millisecond)
	for time.Now().Before(deadline) {
		require.ErrorIs(t, in.Ready(t.Context()), inbox.ErrUnavailable)
	}
}

func TestBusyWhenTheQueueIsFull(t *testing.T) {
	path := filepath.Join(t.TempDir(), "inbox.db")
	in := open(t, path, inbox.Options{QueueSize: 2})
	db := meddle(t, path)
	hold, err := db.Conn(t.Context())
	require.NoError(t, err)
	_, err = hold.ExecContext(t.Context(), "BEGIN IMMEDIATE")
	require.NoError(t, err)

	var wg sync.WaitGroup
	results := make(chan error, 16)
	for i := range 16 {
		wg.Go(func() {
			_, err := in.Append(t.Context(), notification(fmt.Sprint("e", i)))
			results <- err
		})
	}
	require.ErrorIs(t, <-results, inbox.ErrBusy)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = in.Append(ctx, notification("late"))
	require.Error(t, err)
	_, err = hold.ExecContext(t.Context(), "ROLLBACK")
	require.NoError(t, err)
	require.NoError(t, hold.Close())
	wg.Wait()
	close(results)
	acked := 0
	for err := range results {
		if err == nil {
			acked++
		}
	}
	st, err := in.Stats(t.Context())
	require.NoError(t, err)
	require.Equal(t, acked, st.Pending)
	require.Positive(t, acked)
}

func TestFreeSpaceFloor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "inbox.db")
	in := open(t, path, inbox.Options{MinFreeBytes: 1 << 62})
	_, err := in.Append(t.Context(), notification("e1"))
	require.ErrorIs(t, err, inbox.ErrFull)
	require.ErrorIs(t, in.Ready(t.Context()), inbox.ErrFull)
	require.NoError(t, in.Done(t.Context(), 1), "the rest works")
	_, err = in.Sweep(t.Context(), time.Now())
	require.NoError(t, err)
}

func TestSweepErasesBodiesAndShrinksTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "inbox.db")
	in, err := inbox.Open(t.Context(), "sqlite:"+path, inbox.Options{})
	require.NoError(t, err)
	const canary = "+966500000001"
	var wg sync.WaitGroup
	for i := range 1200 {
		wg.Go(func() {
			_, err := in.Append(t.Context(), inbox.Notification{
				EventKey: fmt.Sprint("e", i), CallKey: fmt.Sprint("c", i), Body: []byte(strings.Repeat(canary, 150)),
			})
			if err != nil {
				t.Error(err)
			}
		})
		if i%100 == 0 {
			wg.Wait()
		}
	}
	wg.Wait()
	items, err := in.Claim(t.Context(), 2000, time.Minute)
	require.NoError(t, err)
	ids := []int64{}
	for _, it := range items {
		ids = append(ids, it.ID)
	}
	require.NoError(t, in.Done(t.Context(), ids...))
	swept, err := in.Sweep(t.Context(), time.Now().Add(25*time.Hour))
	require.NoError(t, err)
	require.Equal(t, inbox.Swept{Blanked: 1200}, swept)
	require.NoError(t, in.Close())
	files, err := filepath.Glob(path + "*")
	require.NoError(t, err)
	for _, name := range files {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		require.NotContains(t, string(data), canary)
		require.Less(t, len(data), 1<<20)
	}
}
