package ledger

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/stretchr/testify/require"
)

const attempt = "order-1-a1"

// onEveryPlace runs a test on a ledger in a folder and on one in S3.
func onEveryPlace(t *testing.T, test func(*testing.T, *Ledger)) {
	t.Helper()
	t.Run("file", func(t *testing.T) { test(t, open(t, "file:"+filepath.Join(t.TempDir(), "dials"))) })
	t.Run("s3", func(t *testing.T) { test(t, open(t, serveS3(t))) })
}

func open(t *testing.T, rawURL string) *Ledger {
	t.Helper()
	l, err := Open(t.Context(), rawURL)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

func serveS3(t *testing.T) string {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	backend := s3mem.New()
	require.NoError(t, backend.CreateBucket("ledger"))
	s := httptest.NewServer(gofakes3.New(backend).Server())
	t.Cleanup(func() {
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		s.CloseClientConnections()
		s.Close()
	})
	return "s3://ledger?region=eu-west-1&use_path_style=true&response_checksum_validation=when_required&prefix=a/&endpoint=" + url.QueryEscape(s.URL)
}

func TestAPostIsClaimedOnce(t *testing.T) {
	onEveryPlace(t, func(t *testing.T, l *Ledger) {
		var taken, held atomic.Int32
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				p, err := l.Claim(t.Context(), Post{Attempt: attempt})
				switch {
				case err == nil && p.Number == 1:
					held.Add(1)
				case errors.Is(err, ErrTaken):
					taken.Add(1)
				}
			})
		}
		all.Wait()
		require.EqualValues(t, 1, held.Load())
		require.EqualValues(t, 19, taken.Load())
		p, err := l.Claim(t.Context(), Post{Attempt: attempt, Number: 2})
		require.NoError(t, err)
		require.Equal(t, Post{Attempt: attempt, Number: 2}, p)
	})
}

func TestAClaimLastsAndIsSwept(t *testing.T) {
	onEveryPlace(t, func(t *testing.T, l *Ledger) {
		_, err := l.Claim(t.Context(), Post{Attempt: attempt})
		require.NoError(t, err)
		require.NoError(t, l.Count(t.Context(), "hash", Dial{Attempt: attempt, Date: "2026-01-31", N: 1}))
		require.NoError(t, l.Suppress(t.Context(), "hash", Suppression{Scope: "all"}))
		now := time.Now()
		removed, err := l.Sweep(t.Context(), now.Add(Lifetime-time.Minute))
		require.NoError(t, err)
		require.Zero(t, removed)
		_, err = l.Claim(t.Context(), Post{Attempt: attempt})
		require.ErrorIs(t, err, ErrTaken)

		removed, err = l.Sweep(t.Context(), now.Add(Lifetime+time.Minute))
		require.NoError(t, err)
		require.Equal(t, 2, removed)
		_, err = l.Claim(t.Context(), Post{Attempt: attempt})
		require.NoError(t, err)
		_, err = l.Suppression(t.Context(), "hash")
		require.NoError(t, err, "a suppression ends by its own word only")
	})
}

func TestSuppressions(t *testing.T) {
	onEveryPlace(t, func(t *testing.T, l *Ledger) {
		_, err := l.Suppression(t.Context(), "hash")
		require.ErrorIs(t, err, ErrNotSuppressed)
		require.ErrorIs(t, l.Unsuppress(t.Context(), "hash"), ErrNotSuppressed)
		until := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
		for _, s := range []Suppression{{Scope: "all", Since: until}, {Scope: "advertising", Reason: "asked", Until: &until, Since: until}} {
			require.NoError(t, l.Suppress(t.Context(), "hash", s))
			got, err := l.Suppression(t.Context(), "hash")
			require.NoError(t, err)
			require.Equal(t, s, got)
		}
		require.NoError(t, l.Unsuppress(t.Context(), "hash"))
		_, err = l.Suppression(t.Context(), "hash")
		require.ErrorIs(t, err, ErrNotSuppressed)
	})
}

func TestDialsOfAPerson(t *testing.T) {
	onEveryPlace(t, func(t *testing.T, l *Ledger) {
		found, err := l.Dials(t.Context(), "hash")
		require.NoError(t, err)
		require.Empty(t, found)
		at := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
		want := []Dial{
			{Attempt: "r1-a1", At: at, Date: "2026-05-03", N: 1}, {Attempt: "r2-a1", At: at, Date: "2026-05-04", N: 2},
			{Attempt: "r3-a1", At: at, Date: "2026-05-04", N: 10},
		}
		for _, d := range []Dial{want[2], want[0], want[1]} {
			require.NoError(t, l.Count(t.Context(), "hash", d))
		}
		require.ErrorIs(t, l.Count(t.Context(), "hash", Dial{Attempt: "r9-a1", Date: "2026-05-04", N: 2}), ErrTaken)
		found, err = l.Dials(t.Context(), "hash")
		require.NoError(t, err)
		require.Equal(t, want, found)
		require.NoError(t, l.Uncount(t.Context(), "hash", want[1]))
		require.NoError(t, l.Uncount(t.Context(), "hash", want[1]))
		found, err = l.Dials(t.Context(), "hash")
		require.NoError(t, err)
		require.Len(t, found, 2)
		others, err := l.Dials(t.Context(), "has")
		require.NoError(t, err)
		require.Empty(t, others, "another person's hash may begin alike")
	})
}

func TestProbe(t *testing.T) {
	onEveryPlace(t, func(t *testing.T, l *Ledger) {
		require.NoError(t, l.Probe(t.Context()))
		require.NoError(t, l.objects.list(t.Context(), probes, func(o object) error { return errors.New(o.name) }))
		careless := Ledger{objects: &faulty{objects: l.objects, careless: true}}
		require.ErrorIs(t, careless.Probe(t.Context()), ErrNotExclusive)
	})
}

// A part of the ledger that is gone is not an empty one: it may be a volume that is not mounted.
func TestAPartThatIsGoneIsNoEmptyOne(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dials")
	l := open(t, "file:"+dir)
	for part, use := range map[string]func() error{
		suppressed: func() error { _, err := l.Suppression(t.Context(), "hash"); return err },
		persons:    func() error { _, err := l.Dials(t.Context(), "hash"); return err },
		notes:      func() error { _, err := l.Noted(t.Context(), "x"); return err },
		dials:      func() error { _, err := l.Claim(t.Context(), Post{Attempt: attempt}); return err },
		requests:   func() error { _, err := l.Bind(t.Context(), "key", "r1"); return err },
	} {
		require.NoError(t, os.Rename(filepath.Join(dir, part), filepath.Join(dir, "away")))
		require.ErrorIs(t, use(), os.ErrNotExist, part)
		require.NoError(t, os.Rename(filepath.Join(dir, "away"), filepath.Join(dir, part)))
	}
	require.ErrorIs(t, l.Unsuppress(t.Context(), "hash"), ErrNotSuppressed)
}

func TestALedgerKnowsSinceWhenItIsThere(t *testing.T) {
	at := time.Date(2026, 5, 3, 4, 5, 6, 0, time.UTC)
	onEveryPlace(t, func(t *testing.T, l *Ledger) {
		for _, later := range []time.Duration{0, time.Hour} {
			made, err := l.Made(t.Context(), at.Add(later))
			require.NoError(t, err)
			require.Equal(t, at, made)
			require.NoError(t, l.Suppress(t.Context(), "hash", Suppression{Scope: "all"}))
		}
	})
}

func TestALedgerOfAnEarlierReleaseIsOld(t *testing.T) {
	onEveryPlace(t, func(t *testing.T, l *Ledger) {
		_, err := l.Claim(t.Context(), Post{Attempt: attempt})
		require.NoError(t, err)
		for range 2 {
			made, err := l.Made(t.Context(), time.Now())
			require.NoError(t, err)
			require.Zero(t, made, "it was in use before it noted that")
		}
	})
}

func TestFilesAreReadableByUsAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dials")
	l := open(t, "file:"+dir)
	_, err := l.Claim(t.Context(), Post{Attempt: attempt})
	require.NoError(t, err)
	info, err := os.Stat(filepath.Join(dir, "dials", attempt+"#1"))
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode())
	left, err := os.ReadDir(filepath.Join(dir, "dials"))
	require.NoError(t, err)
	require.Len(t, left, 1, "nothing else is left behind")
}

// TestLedgerThatIsGone is a volume that is no longer mounted: an empty folder is no ledger.
func TestLedgerThatIsGone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dials")
	l := open(t, "file:"+dir)
	require.NoError(t, os.RemoveAll(dir))
	p, err := l.Claim(t.Context(), Post{Attempt: attempt})
	require.Error(t, err)
	require.NotErrorIs(t, err, ErrTaken)
	require.Len(t, p.Nonces, 1)
	require.NoError(t, os.MkdirAll(dir, 0o700))
	_, err = l.Suppression(t.Context(), "hash")
	require.Error(t, err)
	require.NotErrorIs(t, err, ErrNotSuppressed)
	_, err = l.Dials(t.Context(), "hash")
	require.Error(t, err)
}

func TestOpenRefusesWhatIsNoPlace(t *testing.T) {
	for _, bad := range []string{"", "file:", "file://host/x", "nothing://x", "data/dials"} {
		_, err := Open(context.Background(), bad)
		require.Error(t, err, bad)
	}
}

func TestWhereTellsNoSecret(t *testing.T) {
	require.Equal(t, "s3://ledger/a/", place("s3://ledger?region=x&prefix=a/&endpoint=http://user:secret@host"))
}
