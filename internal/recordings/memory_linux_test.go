package recordings_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/aftercall/aftercall/internal/recordings"
)

// TestF29MemoryDoesNotGrowWithTheRecording fetches and stores a large recording, 256 MiB or AFTERCALL_TEST_LARGE_BYTES,
// and measures how much the process grows, the host's side included.
func TestF29MemoryDoesNotGrowWithTheRecording(t *testing.T) {
	if testing.Short() {
		t.Skip("writes a large file")
	}
	size := int64(256 << 20)
	if s := os.Getenv("AFTERCALL_TEST_LARGE_BYTES"); s != "" {
		var err error
		size, err = strconv.ParseInt(s, 10, 64)
		require.NoError(t, err)
	}
	for kind, where := range map[string]func(*testing.T) string{
		"file": func(t *testing.T) string { return "file://" + t.TempDir() },
		"s3":   discardingS3,
	} {
		t.Run(kind, func(t *testing.T) {
			s := open(t, where(t))
			h := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
				_, _ = w.Write(wavHeader(uint32(size - 44)))
				_, _ = io.CopyN(w, zeros{}, size-44)
			}, func(o *recordings.Options) { o.MaxBytes = size })
			spool, err := s.NewSpool()
			require.NoError(t, err)
			defer spool.Close()

			var audio recordings.Audio
			began := time.Now()
			grown := growth(t, func() error {
				var err error
				if audio, err = h.fetcher.Fetch(t.Context(), h.URL, spool.File, nil); err != nil {
					return err
				}
				_, err = s.Put(t.Context(), leg("sid-1"), nil, audio, spool)
				return err
			})
			require.Equal(t, size, audio.SizeBytes)
			t.Logf("%d MiB in %s: the process grew by %d KiB", size>>20, time.Since(began).Round(time.Millisecond), grown>>10)
			require.Less(t, grown, int64(memoryLimit))
		})
	}
}

// TestF29MemoryDoesNotGrowWithTheNumberOfUploads stores as many recordings at once as a worker fetches.
func TestF29MemoryDoesNotGrowWithTheNumberOfUploads(t *testing.T) {
	s := open(t, discardingS3(t))
	const size = 64 << 20
	sum := sha256.New()
	_, err := io.CopyN(sum, zeros{}, size)
	require.NoError(t, err)
	audio := recordings.Audio{ContentType: "audio/wav", Extension: ".wav", SizeBytes: size, SHA256: hex.EncodeToString(sum.Sum(nil))}
	grown := growth(t, func() error {
		var g errgroup.Group
		for i := range 8 {
			g.Go(func() error {
				_, err := s.Put(t.Context(), leg(fmt.Sprintf("sid-%d", i)), nil, audio, zeros{})
				return err
			})
		}
		return g.Wait()
	})
	t.Logf("the process grew by %d KiB", grown>>10)
	require.Less(t, grown, int64(memoryLimit))
}

// growth returns how much the process grows, at most, while a function runs that must not fail.
func growth(t *testing.T, run func() error) int64 {
	t.Helper()
	debug.FreeOSMemory()
	before, err := memory()
	require.NoError(t, err)
	done, peak := make(chan struct{}), make(chan int64)
	go func() {
		most := before
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			if now, err := memory(); err == nil {
				most = max(most, now)
			}
			select {
			case <-tick.C:
			case <-done:
				peak <- most
				return
			}
		}
	}()
	err = run()
	close(done)
	grown := <-peak - before
	require.NoError(t, err)
	return grown
}

// memory returns how much of the process is in memory, without the files that the kernel caches.
func memory() (int64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			var kib int64
			_, err := fmt.Sscan(rest, &kib)
			return kib << 10, err
		}
	}
	return 0, errors.New("the kernel does not say RssAnon")
}

type zeros struct{}

func (zeros) ReadAt(p []byte, _ int64) (int, error) { return zeros{}.Read(p) }

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// discardingS3 is an S3 server that accepts uploads in parts and forgets their bytes.
func discardingS3(t *testing.T) string {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sum := hash.Hash(sha256.New())
		_, _ = io.Copy(sum, r.Body)
		w.Header().Set("ETag", `"`+hex.EncodeToString(sum.Sum(nil)[:16])+`"`)
		switch {
		case r.Method == http.MethodHead:
			w.WriteHeader(http.StatusNotFound)
		case r.URL.Query().Has("uploads"):
			_, _ = io.WriteString(w, `<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>`)
		case r.Method == http.MethodPost:
			_, _ = io.WriteString(w, `<CompleteMultipartUploadResult><ETag>"1"</ETag></CompleteMultipartUploadResult>`)
		}
	}))
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return "s3://recordings?region=eu-west-1&use_path_style=true&endpoint=" + url.QueryEscape(s.URL)
}
