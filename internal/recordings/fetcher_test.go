package recordings_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/aftercall/aftercall/internal/recordings"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "?signature=0a1b2c"

// host is a recording host on this machine, and the only host that its fetcher may ask.
type host struct {
	*httptest.Server
	fetcher *recordings.Fetcher
	asked   atomic.Int64
}

func serve(t *testing.T, handler http.HandlerFunc, change ...func(*recordings.Options)) *host {
	t.Helper()
	h := &host{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.asked.Add(1)
		handler(w, r)
	}))
	t.Cleanup(h.Close)
	o := recordings.Options{AllowedHosts: []string{strings.TrimPrefix(h.URL, "http://")}, AllowHTTP: true, StallTimeout: time.Minute}
	for _, c := range change {
		c(&o)
	}
	var err error
	h.fetcher, err = recordings.NewFetcher(o)
	require.NoError(t, err)
	return h
}

func (h *host) fetch(t *testing.T) ([]byte, recordings.Audio, error) {
	t.Helper()
	return fetch(t, h.fetcher, h.URL+"/rec.wav"+secret)
}

func fetch(t *testing.T, f *recordings.Fetcher, url string) ([]byte, recordings.Audio, error) {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	defer file.Close()
	audio, err := f.Fetch(t.Context(), url, file, nil)
	if err != nil {
		require.NotContains(t, err.Error(), "signature", "a URL is a secret")
		require.NotContains(t, err.Error(), "rec.wav", "a URL is a secret")
	}
	got, readErr := os.ReadFile(file.Name())
	require.NoError(t, readErr)
	return got, audio, err
}

func requireFetchError(t *testing.T, err error, verdict recordings.Verdict, reason string) *recordings.FetchError {
	t.Helper()
	e, ok := errors.AsType[*recordings.FetchError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, verdict, e.Verdict, "%v", err)
	require.Equal(t, reason, e.Reason)
	return e
}

func TestFetchReturnsWhatTheBytesAre(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body     []byte
		says     string
		is, with string
	}{
		"wav":              {wav(100_000), "audio/wav", "audio/wav", ".wav"},
		"mp3 by bytes":     {mp3(300), "text/html", "audio/mpeg", ".mp3"},
		"ogg by bytes":     {ogg(50, true), "application/octet-stream", "audio/ogg", ".ogg"},
		"shorter than 512": {wav(20), "", "audio/wav", ".wav"},
	} {
		t.Run(name, func(t *testing.T) {
			var asked *http.Request
			h := serve(t, func(w http.ResponseWriter, r *http.Request) {
				asked = r
				w.Header().Set("Content-Type", c.says)
				_, _ = w.Write(c.body)
			})
			got, audio, err := h.fetch(t)
			require.NoError(t, err)
			require.Equal(t, "identity", asked.Header.Get("Accept-Encoding"))
			require.Empty(t, asked.Header.Get("Cookie")+asked.Header.Get("Authorization"))
			require.Equal(t, "signature=0a1b2c", asked.URL.RawQuery, "the query signs the link")
			require.Equal(t, c.body, got)
			audio.Duration, audio.Open = 0, false // package audio knows
			require.Equal(t, recordings.Audio{ContentType: c.is, Extension: c.with, SizeBytes: int64(len(c.body)), SHA256: digest(c.body)}, audio)
		})
	}
}

func TestF25HostThatHangsOrTricklesIsGivenUp(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	defer close(release)
	wait := func(r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}
	for name, handler := range map[string]http.HandlerFunc{
		"before the head": func(_ http.ResponseWriter, r *http.Request) { wait(r) },
		"in the body": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100000")
			_, _ = w.Write(wav(99_956)[:50_000])
			w.(http.Flusher).Flush()
			wait(r)
		},
		"a byte now and then": func(w http.ResponseWriter, r *http.Request) {
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for _, b := range wav(10_000) {
				if _, err := w.Write([]byte{b}); err != nil {
					return
				}
				w.(http.Flusher).Flush()
				select {
				case <-tick.C:
				case <-r.Context().Done():
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := serve(t, handler, func(o *recordings.Options) { o.StallTimeout = 300 * time.Millisecond })
			_, _, err := h.fetch(t)
			requireFetchError(t, err, recordings.VerdictTransient, recordings.ReasonStalled)
		})
	}
}

func TestF26And32StatusesSayWhatToDo(t *testing.T) {
	t.Parallel()
	for status, c := range map[int]struct {
		verdict recordings.Verdict
		reason  string
	}{
		403: {recordings.VerdictForbidden, "status-403"},
		410: {recordings.VerdictDead, "status-410"},
		404: {recordings.VerdictMissing, recordings.ReasonNotFound},
		400: {recordings.VerdictTransient, "status-400"},
		401: {recordings.VerdictForbidden, "status-401"},
		429: {recordings.VerdictTransient, "status-429"},
		500: {recordings.VerdictTransient, "status-500"},
		503: {recordings.VerdictTransient, "status-503"},
		204: {recordings.VerdictTransient, "status-204"},
		304: {recordings.VerdictTransient, "status-304"},
	} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			h := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				if status == 429 || status == 503 {
					w.Header().Set("Retry-After", "17")
				}
				w.WriteHeader(status)
			})
			_, _, err := h.fetch(t)
			e := requireFetchError(t, err, c.verdict, c.reason)
			require.Equal(t, status, e.Status)
			if status == 429 || status == 503 {
				require.Equal(t, 17*time.Second, e.RetryAfter)
			}
		})
	}
}

func TestF26RetryAfterMayBeATime(t *testing.T) {
	t.Parallel()
	h := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", time.Now().Add(time.Minute).UTC().Format(http.TimeFormat))
		w.WriteHeader(503)
	})
	_, _, err := h.fetch(t)
	e := requireFetchError(t, err, recordings.VerdictTransient, "status-503")
	require.InDelta(t, time.Minute, e.RetryAfter, float64(10*time.Second))
}

// hijack answers with raw bytes and closes the connection.
func hijack(t *testing.T, w http.ResponseWriter, raw []byte) {
	t.Helper()
	conn, _, err := w.(http.Hijacker).Hijack()
	require.NoError(t, err)
	_, _ = conn.Write(raw)
	_ = conn.Close()
}

func TestF27TruncatedBodyIsNeverTakenForWhole(t *testing.T) {
	t.Parallel()
	body := wav(50_000)
	for name, c := range map[string]struct {
		raw    []byte
		reason string
	}{
		"shorter than its length": {append(fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(body)), body[:20_000]...), recordings.ReasonCutShort},
		"chunked, without an end": {append([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4e20\r\n"), append(body[:20_000:20_000], "\r\n"...)...), recordings.ReasonCutShort},
	} {
		t.Run(name, func(t *testing.T) {
			h := serve(t, func(w http.ResponseWriter, _ *http.Request) { hijack(t, w, c.raw) })
			_, _, err := h.fetch(t)
			requireFetchError(t, err, recordings.VerdictTransient, c.reason)
		})
	}
}

func TestF27BodyThatMayNotBeWholeIsDoubted(t *testing.T) {
	t.Parallel()
	sized := func(b []byte) []byte {
		return append(fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(b)), b...)
	}
	closed := func(b []byte) []byte { return append([]byte("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"), b...) }
	streamed := wav(50_000)
	copy(streamed[4:], "\xff\xff\xff\xff")
	copy(streamed[40:], "\xff\xff\xff\xff")
	for name, c := range map[string]struct {
		raw   []byte
		doubt recordings.Doubt
	}{
		"closed, no length, wav":           {closed(wav(50_000)[:20_000]), recordings.DoubtHeader},
		"closed, no length, mp3":           {closed(mp3(50)[:20_000]), recordings.DoubtHeader},
		"closed, no length, ogg":           {closed(ogg(50, true)[:20_000]), recordings.DoubtHeader},
		"closed, no length, streamed wav":  {closed(streamed), recordings.DoubtHeader},
		"length says less than there is":   {append([]byte("HTTP/1.1 200 OK\r\nContent-Length: 30000\r\n\r\n"), wav(50_000)...), recordings.DoubtHeader},
		"streamed wav":                     {sized(streamed), recordings.DoubtUnfinished},
		"no sound":                         {sized(wav(0)), recordings.DoubtShort},
		"no format that players know":      {sized(bytes.Repeat([]byte{0xFF, 0x7F}, 4000)), recordings.DoubtUnrecognised},
		"the whole file, as a range of it": {append([]byte("HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-50043/50044\r\nContent-Length: 50044\r\n\r\n"), wav(50_000)...), recordings.DoubtNone},
	} {
		t.Run(name, func(t *testing.T) {
			h := serve(t, func(w http.ResponseWriter, _ *http.Request) { hijack(t, w, c.raw) })
			_, audio, err := h.fetch(t)
			require.NoError(t, err)
			require.Equal(t, c.doubt, audio.Doubt)
		})
	}
}

// TestEncodingIsJudgedByTheBytes: hosts name encodings that are absent, and compress without being asked.
func TestEncodingIsJudgedByTheBytes(t *testing.T) {
	t.Parallel()
	body := wav(50_000)
	pack := func(b []byte) []byte {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		_, _ = w.Write(b)
		require.NoError(t, w.Close())
		return packed.Bytes()
	}
	for name, c := range map[string]struct {
		encoding string
		sent     []byte
	}{
		"aws-chunked": {"aws-chunked", body}, "binary": {"binary", body}, "utf-8": {"utf-8", body}, "gzip, though it is not": {"gzip", body},
		"gzip": {"gzip", pack(body)}, "gzip, though it is not said": {"", pack(body)}, "x-gzip": {"x-gzip", pack(body)},
	} {
		t.Run(name, func(t *testing.T) {
			h := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				if c.encoding != "" {
					w.Header().Set("Content-Encoding", c.encoding)
				}
				_, _ = w.Write(c.sent)
			})
			got, audio, err := h.fetch(t)
			require.NoError(t, err)
			require.Equal(t, body, got)
			require.Equal(t, digest(body), audio.SHA256)
			require.EqualValues(t, len(body), audio.SizeBytes)
			require.Equal(t, recordings.DoubtNone, audio.Doubt)
		})
	}
	t.Run("a page that is packed", func(t *testing.T) {
		h := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(pack([]byte("<html>sign in</html>"))) })
		_, _, err := h.fetch(t)
		requireFetchError(t, err, recordings.VerdictNotAudio, recordings.ReasonNotAudio)
	})
	t.Run("packed bytes that end early", func(t *testing.T) {
		h := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(pack(body)[:100]) })
		_, _, err := h.fetch(t)
		requireFetchError(t, err, recordings.VerdictTransient, recordings.ReasonCutShort)
	})
}

func TestF27WholeBodyWithoutLengthIsTaken(t *testing.T) {
	t.Parallel()
	body := wav(50_000)
	h := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		hijack(t, w, append([]byte("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"), body...))
	})
	got, _, err := h.fetch(t)
	require.NoError(t, err)
	require.Equal(t, body, got)
}

func TestF28WrongLengthOrTypeIsRefused(t *testing.T) {
	t.Parallel()
	page := "<!DOCTYPE html><title>Sign in</title>" + strings.Repeat("<p>please</p>", 100_000)
	body := wav(50_000)
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		verdict recordings.Verdict
		reason  string
	}{
		"login page": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "audio/wav")
			_, _ = io.WriteString(w, page)
		}, recordings.VerdictNotAudio, recordings.ReasonNotAudio},
		"short login page": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "<html></html>")
		}, recordings.VerdictNotAudio, recordings.ReasonNotAudio},
		"empty": {func(http.ResponseWriter, *http.Request) {}, recordings.VerdictTransient, recordings.ReasonEmpty},
		"length says more than there is": {func(w http.ResponseWriter, _ *http.Request) {
			hijack(t, w, append([]byte("HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n"), body...))
		}, recordings.VerdictTransient, recordings.ReasonCutShort},
	} {
		t.Run(name, func(t *testing.T) {
			h := serve(t, c.handler)
			_, _, err := h.fetch(t)
			requireFetchError(t, err, c.verdict, c.reason)
		})
	}
}

func TestF29HugeOrPackedBodiesAreRefused(t *testing.T) {
	t.Parallel()
	limit := func(o *recordings.Options) { o.MaxBytes = 1 << 20 }
	sent := atomic.Int64{}
	endless := func(w http.ResponseWriter, _ *http.Request) {
		n, _ := w.Write(wavHeader(4_000_000_000))
		for block := make([]byte, 64<<10); ; {
			sent.Add(int64(n))
			var err error
			if n, err = w.Write(block); err != nil {
				return
			}
		}
	}
	t.Run("says that it is huge", func(t *testing.T) {
		h := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10000000000")
			_, _ = w.Write(wavHeader(0))
		}, limit)
		got, _, err := h.fetch(t)
		requireFetchError(t, err, recordings.VerdictRefused, recordings.ReasonTooLarge)
		require.Empty(t, got)
	})
	t.Run("is huge", func(t *testing.T) {
		h := serve(t, endless, limit)
		got, _, err := h.fetch(t)
		requireFetchError(t, err, recordings.VerdictRefused, recordings.ReasonTooLarge)
		require.LessOrEqual(t, len(got), 1<<20)
		h.Close()
		require.Less(t, sent.Load(), int64(32<<20), "the rest stays with the host and in the kernel's buffers")
	})
	t.Run("is huge when it is unpacked", func(t *testing.T) {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		for range 100 {
			_, _ = w.Write(make([]byte, 1<<20))
		}
		require.NoError(t, w.Close())
		h := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(packed.Bytes()) }, limit)
		got, _, err := h.fetch(t)
		requireFetchError(t, err, recordings.VerdictRefused, recordings.ReasonTooLarge)
		require.LessOrEqual(t, len(got), 1<<20)
	})
}

func TestBrokenConnectionIsResumedWhereTheHostAllows(t *testing.T) {
	t.Parallel()
	body := wav(400_000)
	at := time.Now()
	cutting := func(etag string, ranges *[]string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			*ranges = append(*ranges, r.Header.Get("Range"))
			if etag != "" {
				w.Header().Set("ETag", etag)
			}
			if len(*ranges) < 4 {
				http.ServeContent(&cutWriter{ResponseWriter: w, left: 100_000}, r, "", time.Time{}, strings.NewReader(string(body)))
				panic(http.ErrAbortHandler)
			}
			http.ServeContent(w, r, "", at, strings.NewReader(string(body)))
		}
	}
	t.Run("same version", func(t *testing.T) {
		var ranges []string
		h := serve(t, cutting(`"v1"`, &ranges))
		got, audio, err := h.fetch(t)
		require.NoError(t, err)
		require.Equal(t, body, got)
		require.Equal(t, digest(body), audio.SHA256)
		require.Equal(t, []string{"", "bytes=100000-", "bytes=200000-", "bytes=300000-"}, ranges)
	})
	t.Run("the host names no version", func(t *testing.T) {
		var ranges []string
		h := serve(t, cutting("", &ranges))
		_, _, err := h.fetch(t)
		requireFetchError(t, err, recordings.VerdictTransient, recordings.ReasonCutShort)
		require.Len(t, ranges, 1)
	})
	t.Run("another version meanwhile", func(t *testing.T) {
		other, n := wav(300_000), 0
		h := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if n++; n == 1 {
				w.Header().Set("ETag", `"v1"`)
				http.ServeContent(&cutWriter{ResponseWriter: w, left: 100_000}, r, "", time.Time{}, strings.NewReader(string(body)))
				panic(http.ErrAbortHandler)
			}
			w.Header().Set("ETag", `"v2"`)
			http.ServeContent(w, r, "", time.Time{}, strings.NewReader(string(other)))
		})
		got, audio, err := h.fetch(t)
		require.NoError(t, err)
		require.Equal(t, other, got)
		require.Equal(t, digest(other), audio.SHA256)
	})
	t.Run("another range than asked for", func(t *testing.T) {
		n := 0
		h := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"v1"`)
			if n++; n == 1 {
				http.ServeContent(&cutWriter{ResponseWriter: w, left: 100_000}, r, "", time.Time{}, strings.NewReader(string(body)))
				panic(http.ErrAbortHandler)
			}
			w.Header().Set("Content-Range", "bytes 5-9/400044")
			w.WriteHeader(http.StatusPartialContent)
		})
		_, _, err := h.fetch(t)
		requireFetchError(t, err, recordings.VerdictTransient, recordings.ReasonRangeMismatch)
	})
	t.Run("no more than a few times", func(t *testing.T) {
		h := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `"v1"`)
			http.ServeContent(&cutWriter{ResponseWriter: w, left: 10_000}, r, "", time.Time{}, strings.NewReader(string(body)))
			panic(http.ErrAbortHandler)
		})
		_, _, err := h.fetch(t)
		requireFetchError(t, err, recordings.VerdictTransient, recordings.ReasonCutShort)
		require.EqualValues(t, 6, h.asked.Load())
	})
}

// cutWriter drops everything beyond a number of bytes.
type cutWriter struct {
	http.ResponseWriter
	left int
}

func (c *cutWriter) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p[:min(len(p), c.left)])
	if c.left -= n; err == nil && c.left == 0 {
		c.ResponseWriter.(http.Flusher).Flush()
		return n, io.ErrShortWrite
	}
	return n, err
}

func TestFetchEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	h := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(wav(100_000)[:5000])
		w.(http.Flusher).Flush()
		cancel()
		<-r.Context().Done()
	})
	file, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	defer file.Close()
	_, err = h.fetcher.Fetch(ctx, h.URL, file, nil)
	require.ErrorIs(t, err, context.Canceled)
}

func TestFullDiskIsNotTheHostsFault(t *testing.T) {
	t.Parallel()
	h := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(wav(1000)) })
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Skip("this system has no /dev/full")
	}
	defer full.Close()
	_, err = h.fetcher.Fetch(t.Context(), h.URL, full, nil)
	require.Error(t, err)
	_, blamed := errors.AsType[*recordings.FetchError](err)
	require.False(t, blamed, "%v", err)
}

func TestProgressIsTold(t *testing.T) {
	t.Parallel()
	h := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(wav(100_000)) })
	file, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	defer file.Close()
	last := int64(0)
	_, err = h.fetcher.Fetch(t.Context(), h.URL, file, func(n int64) {
		require.Greater(t, n, last)
		last = n
	})
	require.NoError(t, err)
	require.EqualValues(t, 100_044, last)
}

func TestUnreachableHostIsTransient(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	f, err := recordings.NewFetcher(recordings.Options{AllowedHosts: []string{address}, AllowHTTP: true})
	require.NoError(t, err)
	_, _, err = fetch(t, f, "http://"+address+"/rec.wav"+secret)
	requireFetchError(t, err, recordings.VerdictTransient, recordings.ReasonUnreachable)
}
