package recordings_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/stretchr/testify/require"
	_ "gocloud.dev/blob/memblob" // mem:// URLs

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/recordings"
)

const callKey = "0f5b8c7e-1f2d-4d0a-9b67-3c1a2e4f5a6b"

// everyStore runs a test on each kind of store.
func everyStore(t *testing.T, test func(t *testing.T, s *recordings.Store)) {
	t.Helper()
	for kind, where := range map[string]func(*testing.T) string{
		"file": func(t *testing.T) string { return "file://" + filepath.ToSlash(t.TempDir()) + "/recordings" },
		"mem":  func(*testing.T) string { return "mem://" },
		"s3":   serveS3,
	} {
		t.Run(kind, func(t *testing.T) { test(t, open(t, where(t))) })
	}
}

func open(t *testing.T, url string) *recordings.Store {
	t.Helper()
	s, err := recordings.OpenStore(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// serveS3 starts an S3-compatible server with a bucket, or uses the one in AFTERCALL_TEST_S3_URL.
func serveS3(t *testing.T) string {
	t.Helper()
	if real := os.Getenv("AFTERCALL_TEST_S3_URL"); real != "" {
		return real + "&prefix=" + url.QueryEscape(t.Name()+"/")
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	backend := s3mem.New()
	require.NoError(t, backend.CreateBucket("recordings"))
	s := httptest.NewServer(gofakes3.New(backend).Server())
	t.Cleanup(func() {
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		s.CloseClientConnections()
		s.Close()
	})
	return "s3://recordings?region=eu-west-1&use_path_style=true&response_checksum_validation=when_required&endpoint=" + url.QueryEscape(s.URL)
}

func leg(sid string) calls.Recording {
	return calls.Recording{CallKey: callKey, Leg: sid, LegHash: calls.LegHash(sid), Deadline: time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)}
}

func wavAudio(body []byte) recordings.Audio {
	return recordings.Audio{ContentType: "audio/wav", Extension: ".wav", SizeBytes: int64(len(body)), SHA256: digest(body)}
}

func put(t *testing.T, s *recordings.Store, rec calls.Recording, body []byte) calls.Recording {
	t.Helper()
	stored, err := s.Put(t.Context(), rec, nil, wavAudio(body), bytes.NewReader(body))
	require.NoError(t, err)
	return stored
}

func TestStoredRecordingIsReadBack(t *testing.T) {
	everyStore(t, func(t *testing.T, s *recordings.Store) {
		body := wav(14 << 20) // several parts
		stored := put(t, s, leg("sid-1"), body)
		require.WithinDuration(t, time.Now(), *stored.StoredAt, time.Minute)
		want := leg("sid-1")
		want.ID = want.LegHash
		want.Status, want.ContentType, want.SizeBytes, want.SHA256, want.StoredAt = calls.RecordingStored, "audio/wav", int64(len(body)), digest(body), stored.StoredAt
		require.Equal(t, want, stored)

		meta, ok, err := s.Meta(t.Context(), callKey, calls.LegHash("sid-1"))
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, stored, meta)

		r, err := s.Open(t.Context(), callKey, calls.LegHash("sid-1"))
		require.NoError(t, err)
		defer r.Close()
		require.Equal(t, stored, r.Recording)
		got, err := io.ReadAll(r)
		require.NoError(t, err)
		require.True(t, bytes.Equal(body, got))
	})
}

func TestStoredRecordingServesRanges(t *testing.T) {
	everyStore(t, func(t *testing.T, s *recordings.Store) {
		body := wav(100_000)
		put(t, s, leg("sid-1"), body)
		r, err := s.Open(t.Context(), callKey, calls.LegHash("sid-1"))
		require.NoError(t, err)
		defer r.Close()
		req := httptest.NewRequest(http.MethodGet, "/audio", nil)
		req.Header.Set("Range", "bytes=50000-50009")
		w := httptest.NewRecorder()
		http.ServeContent(w, req, "", *r.StoredAt, r)
		require.Equal(t, http.StatusPartialContent, w.Code)
		require.Equal(t, body[50_000:50_010], w.Body.Bytes())
	})
}

func TestWhatIsNotStoredIsNotFound(t *testing.T) {
	everyStore(t, func(t *testing.T, s *recordings.Store) {
		_, ok, err := s.Meta(t.Context(), callKey, calls.LegHash("sid-1"))
		require.NoError(t, err)
		require.False(t, ok)
		_, err = s.Open(t.Context(), callKey, calls.LegHash("sid-1"))
		require.ErrorIs(t, err, recordings.ErrNotStored)
		found, err := s.List(t.Context(), callKey)
		require.NoError(t, err)
		require.Empty(t, found)
	})
}

func TestListShowsTheRecordingsOfACallOnly(t *testing.T) {
	everyStore(t, func(t *testing.T, s *recordings.Store) {
		first, second := put(t, s, leg("sid-1"), wav(10)), put(t, s, leg("sid-2"), wav(20))
		other := leg("sid-1")
		other.CallKey = "another"
		put(t, s, other, wav(30))
		found, err := s.List(t.Context(), callKey)
		require.NoError(t, err)
		require.ElementsMatch(t, []calls.Recording{first, second}, found)
	})
}

func TestSameBytesAreStoredOnceAndTheFirstRecordingStays(t *testing.T) {
	everyStore(t, func(t *testing.T, s *recordings.Store) {
		first := put(t, s, leg("sid-1"), wav(1000))
		require.Equal(t, first, put(t, s, leg("sid-1"), wav(1000)))
		require.Equal(t, first, put(t, s, leg("sid-1"), wav(2000)), "another recording of the leg came later")
		require.Len(t, s.Names(t.Context()), 2)
	})
}

func TestManyWritersOfOneLegAgree(t *testing.T) {
	everyStore(t, func(t *testing.T, s *recordings.Store) {
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				body := wav(5000)
				_, err := s.Put(t.Context(), leg("sid-1"), nil, wavAudio(body), bytes.NewReader(body))
				require.NoError(t, err)
			})
		}
		wg.Wait()
		require.Len(t, s.Names(t.Context()), 2)
	})
}

func TestNamesAndMetadataHoldNoNumberAndNoURL(t *testing.T) {
	everyStore(t, func(t *testing.T, s *recordings.Store) {
		rec := leg("")
		rec.LegHash = calls.LegHash("provisional|OUTBOUND|+966500000001|+966500000002")
		put(t, s, rec, wav(10))
		odd := leg("sip:+966500000001@host")
		put(t, s, odd, wav(20))
		names := s.Names(t.Context())
		require.Len(t, names, 4)
		for _, n := range names {
			require.Regexp(t, `^[0-9a-f]{2}/[0-9a-f]{64}-[0-9a-f]{12}(-[0-9a-f]{16}\.wav|\.json)$`, n)
		}
		found, err := s.List(t.Context(), callKey)
		require.NoError(t, err)
		for _, f := range found {
			require.NotContains(t, f.Leg, "9665")
		}
	})
}

// failing is content that ends in an error, after calling a function.
type failing struct {
	body   []byte
	before func()
}

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(f.body)) {
		f.before()
		return 0, errors.New("broke off")
	}
	return copy(p, f.body[off:]), nil
}

func TestPartialRecordingIsNeverSeen(t *testing.T) {
	everyStore(t, func(t *testing.T, s *recordings.Store) {
		body := wav(14 << 20)
		for name, cause := range map[string]func(context.CancelFunc) func(){
			"content fails": func(context.CancelFunc) func() { return func() {} },
			"cancelled":     func(c context.CancelFunc) func() { return c },
		} {
			ctx, cancel := context.WithCancel(t.Context())
			_, err := s.Put(ctx, leg("sid-1"), nil, wavAudio(body), failing{body[:12<<20], cause(cancel)})
			cancel()
			require.Error(t, err, name)
			require.Empty(t, s.Names(t.Context()), name)
			require.Empty(t, s.Uploads(t.Context()), "parts that nobody will finish cost money")
		}
		other := bytes.Clone(body)
		other[len(other)-1]++
		_, err := s.Put(t.Context(), leg("sid-1"), nil, wavAudio(body), bytes.NewReader(other))
		require.ErrorContains(t, err, "not those that were fetched")
		require.Empty(t, s.Names(t.Context()))
		put(t, s, leg("sid-1"), body)
	})
}

func TestBytesWithoutSidecarAreNoRecordingAndAreTakenUp(t *testing.T) {
	everyStore(t, func(t *testing.T, s *recordings.Store) {
		body := wav(1000)
		put(t, s, leg("sid-1"), body)
		var object string
		for _, n := range s.Names(t.Context()) {
			if strings.HasSuffix(n, ".json") {
				require.NoError(t, s.Delete(t.Context(), n)) // as if the power failed just before it was written
			} else {
				object = n
			}
		}
		require.NotEmpty(t, object)
		_, ok, err := s.Meta(t.Context(), callKey, calls.LegHash("sid-1"))
		require.NoError(t, err)
		require.False(t, ok)
		put(t, s, leg("sid-1"), body)
		require.Contains(t, s.Names(t.Context()), object)
	})
}

func TestF33StoreThatIsDownIsAnErrorAndRecovers(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	backend := s3mem.New()
	require.NoError(t, backend.CreateBucket("recordings"))
	fake := gofakes3.New(backend).Server()
	var mu sync.Mutex
	parts, down := 0, true
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		if r.URL.Query().Has("partNumber") {
			parts++
		}
		fail := down && parts >= 2 && r.Method == http.MethodPut
		mu.Unlock()
		if fail {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		fake.ServeHTTP(w, r)
	}))
	defer func() {
		server.CloseClientConnections()
		server.Close()
	}()
	s := open(t, "s3://recordings?region=eu-west-1&use_path_style=true&response_checksum_validation=when_required&endpoint="+url.QueryEscape(server.URL))
	body := wav(14 << 20)
	_, err := s.Put(t.Context(), leg("sid-1"), nil, wavAudio(body), bytes.NewReader(body))
	require.Error(t, err)
	require.Empty(t, s.Names(t.Context()))
	mu.Lock()
	down = false
	mu.Unlock()
	put(t, s, leg("sid-1"), body)
	require.Len(t, s.Names(t.Context()), 2)
}

func TestWritable(t *testing.T) {
	everyStore(t, func(t *testing.T, s *recordings.Store) {
		require.NoError(t, s.Writable(t.Context()))
		require.Empty(t, s.Names(t.Context()))
	})
}

func TestFolderURLs(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, u := range []string{"file:data/a", "file://" + dir + "/data/b", "file:" + dir + "/data/c", "file://localhost" + dir + "/data/d", "file://./data/e", "file:data/a%20b"} {
		require.NoError(t, open(t, u).Writable(t.Context()), u)
	}
	entries, err := os.ReadDir("data")
	require.NoError(t, err)
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
		info, err := e.Info()
		require.NoError(t, err)
		require.Equal(t, fs.FileMode(0o700), info.Mode().Perm())
	}
	require.Equal(t, []string{"a", "a b", "b", "c", "d", "e"}, names)
	for _, u := range []string{"file:", "file://host/data", "file:data?x=y", "s3://", "nonsense://x", "data"} {
		_, err := recordings.OpenStore(t.Context(), u)
		require.Error(t, err, u)
	}
}

func TestFilesAreForUsOnlyAndLeftoversAreSweptAway(t *testing.T) {
	dir := t.TempDir()
	s := open(t, "file://"+dir)
	put(t, s, leg("sid-1"), wav(10))
	spool, err := s.NewSpool()
	require.NoError(t, err)
	_, err = spool.WriteString("half a recording")
	require.NoError(t, err)
	files := 0
	require.NoError(t, filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if e.IsDir() {
			return err
		}
		files++
		info, err := e.Info()
		require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
		return err
	}))
	require.Equal(t, 2, files, "the bytes and the sidecar; what is being fetched has no name")
	require.NoError(t, spool.Close())

	old, fresh := filepath.Join(dir, "old.tmp"), filepath.Join(dir, "fresh.tmp")
	for _, name := range []string{old, fresh} {
		require.NoError(t, os.WriteFile(name, nil, 0o600))
	}
	require.NoError(t, os.Chtimes(old, time.Time{}, time.Now().Add(-2*time.Hour)))
	open(t, "file://"+dir)
	require.NoFileExists(t, old)
	require.FileExists(t, fresh)
}

// TestSweepRemovesWhatWasKeptForLongEnough: a recording is kept for the retention, its note as long again, at least 35 days.
func TestSweepRemovesWhatWasKeptForLongEnough(t *testing.T) {
	everyStore(t, func(t *testing.T, s *recordings.Store) {
		const retention = 40 * 24 * time.Hour
		_, err := s.Put(t.Context(), leg("sid-1"), []string{"hash"}, wavAudio(wav(64)), bytes.NewReader(wav(64)))
		require.NoError(t, err)
		put(t, s, leg("sid-2"), wav(100))
		_, err = s.Remove(t.Context(), callKey, calls.LegHash("sid-2"))
		require.NoError(t, err)
		walked := func() (statuses []calls.RecordingStatus, parties []string) {
			unread, err := s.Walk(t.Context(), time.Now().Add(time.Hour), func(k recordings.Kept) error {
				statuses, parties = append(statuses, k.Status), append(parties, k.Parties...)
				return nil
			})
			require.NoError(t, err)
			require.Zero(t, unread)
			return statuses, parties
		}
		statuses, parties := walked()
		require.ElementsMatch(t, []calls.RecordingStatus{calls.RecordingStored, calls.RecordingDeleted}, statuses)
		require.Equal(t, []string{"hash"}, parties)

		sweep := func(in time.Duration) int {
			n, err := s.Sweep(t.Context(), time.Now().Add(in), retention)
			require.NoError(t, err)
			return n
		}
		require.Zero(t, sweep(retention-time.Hour))
		require.Equal(t, 1, sweep(retention+time.Hour))
		_, err = s.Open(t.Context(), callKey, calls.LegHash("sid-1"))
		require.ErrorIs(t, err, recordings.ErrDeleted)
		rec, ok, err := s.Meta(t.Context(), callKey, calls.LegHash("sid-1"))
		require.NoError(t, err)
		require.True(t, ok, "a note of it is kept")
		require.Equal(t, calls.RecordingDeleted, rec.Status)
		require.Zero(t, sweep(2*retention))
		statuses, _ = walked()
		require.Empty(t, statuses, "in the end the note goes too")
	})
}
