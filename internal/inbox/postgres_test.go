package inbox_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/aftercall/aftercall/internal/inbox"
	"github.com/aftercall/aftercall/internal/inbox/inboxtest"
	"github.com/aftercall/aftercall/internal/inbox/postgrestest"
)

func postgresURL(t *testing.T) string { return postgrestest.URL(t) }

func TestConformanceOfPostgreSQL(t *testing.T) {
	inboxtest.Run(t, inboxtest.Driver{URL: postgresURL, Kill: inbox.Kill})
}

func TestConformanceOfPostgreSQLSealed(t *testing.T) {
	_, ring := newKeys(t)
	inboxtest.Run(t, inboxtest.Driver{URL: postgresURL, Kill: inbox.Kill, Options: inbox.Options{Keys: ring}})
}

func TestModelOfPostgreSQL(t *testing.T) {
	postgrestest.URL(t) // or skip
	testModel(t, "8", func(_ *rapid.T, _ int, now func() time.Time) modelDriver {
		return &modelDatabase{url: postgrestest.URL(t), now: now}
	})
}

// modelDatabase is the driver with a database, which outlives its processes and their leases.
type modelDatabase struct {
	url string
	now func() time.Time
}

func (d *modelDatabase) open(t *rapid.T) inbox.Inbox {
	in, err := inbox.Open(t.Context(), d.url, inbox.Options{Now: d.now})
	require.NoError(t, err)
	return in
}

func (d *modelDatabase) crash(t *rapid.T, in inbox.Inbox) (inbox.Inbox, bool) {
	inbox.Kill(in)
	return d.open(t), true
}

// Acknowledged notifications survive a crash of the server only if each commit waits for its disk.
func TestPostgreSQLCommitsWaitForTheDisk(t *testing.T) {
	url := postgrestest.URL(t)
	for _, level := range []string{"off", "local", "on", "remote_apply"} {
		in := openURL(t, url+"&synchronous_commit="+level, inbox.Options{})
		got, err := inbox.DurabilityOfPostgreSQL(t.Context(), in)
		require.NoError(t, err)
		require.Equal(t, map[string]string{"off": "on", "local": "on", "on": "on", "remote_apply": "remote_apply"}[level], got)
	}
	server := postgrestest.Start(t, "-c", "fsync=off")
	_, err := inbox.Open(t.Context(), server.URL(t), inbox.Options{})
	require.ErrorContains(t, err, "fsync = off")
}

func TestPostgreSQLThatStops(t *testing.T) {
	server := postgrestest.Start(t)
	url := server.URL(t)
	var log lockedBuffer
	in, other := openURL(t, url, inbox.Options{}), openURL(t, url, inbox.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	for _, key := range []string{"a", "b"} {
		_, err := in.Append(t.Context(), notification(key))
		require.NoError(t, err)
	}
	items, err := other.Claim(t.Context(), 1, time.Minute)
	require.NoError(t, err)
	require.Len(t, items, 1)
	heard(t, other)

	server.Stop(t)
	_, err = in.Append(t.Context(), notification("refused"))
	require.ErrorIs(t, err, inbox.ErrUnavailable)
	_, err = in.Append(t.Context(), notification("refused"))
	require.ErrorIs(t, err, inbox.ErrUnavailable, "and at once")
	_, err = in.Claim(t.Context(), 1, time.Minute)
	require.ErrorIs(t, err, inbox.ErrUnavailable)
	st, err := in.Stats(t.Context())
	require.NoError(t, err)
	require.True(t, st.Unavailable)
	require.ErrorIs(t, in.Ready(t.Context()), inbox.ErrUnavailable)

	server.Restart(t)
	for _, each := range []inbox.Inbox{in, other} {
		require.Eventually(t, func() bool { return each.Ready(t.Context()) == nil }, 20*time.Second, 5*time.Millisecond)
	}
	left, err := in.Claim(t.Context(), 10, time.Minute)
	require.NoError(t, err)
	require.Len(t, left, 1, "the lease of the other one is still there")
	require.NoError(t, other.Done(t.Context(), items[0].ID))
	heard(t, other) // it listens again
	_, err = in.Append(t.Context(), notification("c"))
	require.NoError(t, err)
	heard(t, other)
	require.NotContains(t, log.String(), "panic")
}

// heard waits for an announcement of another process, and discards further ones.
func heard(t *testing.T, in inbox.Inbox) {
	t.Helper()
	select {
	case <-in.Arrivals():
	case <-time.After(20 * time.Second):
		require.Fail(t, "nothing was heard of")
	}
}

// A write that PostgreSQL will never accept fails alone; no write that waited with it is lost or left waiting.
func TestPostgreSQLRefusesOneWriteAlone(t *testing.T) {
	url := postgrestest.URL(t)
	in := openURL(t, url, inbox.Options{})
	_, err := postgrestest.Connect(t, url).Exec(t.Context(), `CREATE FUNCTION boom() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN IF NEW.event_key LIKE 'boom%' THEN RAISE EXCEPTION 'no'; END IF; RETURN NEW; END $$;
		CREATE TRIGGER boom BEFORE INSERT ON inbox_notifications FOR EACH ROW EXECUTE FUNCTION boom()`)
	require.NoError(t, err)
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			key, want := fmt.Sprint("e", i), error(nil)
			if i%20 == 7 {
				key, want = fmt.Sprint("boom", i), inbox.ErrUnavailable
			}
			_, err := in.Append(t.Context(), notification(key))
			if !errors.Is(err, want) {
				t.Errorf("%s: %v", key, err)
			}
		})
	}
	wg.Wait()
	st, err := in.Stats(t.Context())
	require.NoError(t, err)
	require.Equal(t, 190, st.Pending)
}

func TestPostgreSQLKeepsStrangeText(t *testing.T) {
	in := openURL(t, postgrestest.URL(t), inbox.Options{})
	for _, key := range []string{"a\x00b", "a\xffb"} {
		_, err := in.Append(t.Context(), inbox.Notification{EventKey: key, CallKey: "c"})
		require.ErrorIs(t, err, inbox.ErrInvalid)
	}
	_, err := in.Append(t.Context(), inbox.Notification{EventKey: "e", CallKey: "c", Body: []byte("\x00\xff")})
	require.NoError(t, err)
	items, err := in.Claim(t.Context(), 1, time.Minute)
	require.NoError(t, err)
	require.NoError(t, in.Bury(t.Context(), items[0].ID, inbox.ReasonPermanent, "strange \x00\xff"))
	list, err := in.DeadLetters(t.Context(), inbox.Filter{})
	require.NoError(t, err)
	require.Equal(t, "strange \uFFFD\uFFFD", list[0].Detail)
}

// The database's clock counts; the process's own does not matter.
func TestPostgreSQLHasTheClock(t *testing.T) {
	url := postgrestest.URL(t)
	in := openURL(t, url, inbox.Options{})
	_, err := in.Append(t.Context(), notification("e"))
	require.NoError(t, err)
	var drift float64
	require.NoError(t, postgrestest.Connect(t, url).QueryRow(t.Context(),
		`SELECT abs(extract(epoch FROM now())::float8 - max(received_at) / 1e6) FROM inbox_notifications`).Scan(&drift))
	require.Less(t, drift, 60.0)
	items, err := in.Claim(t.Context(), 1, time.Hour)
	require.NoError(t, err)
	require.NoError(t, in.Release(t.Context(), items[0].ID, time.Now().Add(time.Hour)))
	var pause float64
	require.NoError(t, postgrestest.Connect(t, url).QueryRow(t.Context(), `SELECT (wait_until - wait_from) / 1e6 FROM inbox_notifications`).Scan(&pause))
	require.InDelta(t, 3600, pause, 60)
}

func TestErrorsOfPostgreSQLHaveNoSecret(t *testing.T) {
	for _, url := range []string{
		"postgres://aftercall:hunter22@127.0.0.1:1/inbox?connect_timeout=2",
		"postgresql://aftercall@127.0.0.1:1/inbox?password=hunter22&connect_timeout=2",
		"postgres://aftercall:hunter22@127.0.0.1:no/inbox",
		"postgres://aftercall:hunter22%zz@h/inbox",
		"postgres://aftercall:hunter22@h/inbox?sslmode=nonsense",
	} {
		_, err := inbox.Open(t.Context(), url, inbox.Options{})
		require.Error(t, err)
		require.NotContains(t, err.Error(), "hunter22")
		require.NotContains(t, err.Error(), "\n", "one line")
	}
}

// lockedBuffer is a log that several goroutines write to.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
