package workflows_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/activities"
	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/audio/audiotest"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/recordings"
)

// TestAMonthOfRecordings downloads recordings from a host that follows a random script: every status, every cut, every
// encoding, hosts that are allowed later, dead ends. No recording that the host served whole is lost, nothing else is
// stored, and every loss is reported at least a day before the deadline.
//
// AFTERCALL_TEST_RECORDINGS is the number of recordings, AFTERCALL_TEST_SEED repeats a run: the name of each has both.
func TestAMonthOfRecordings(t *testing.T) {
	n, seed := number(t, "AFTERCALL_TEST_RECORDINGS", 100), number(t, "AFTERCALL_TEST_SEED", 72)
	m := &recordingMonth{}
	m.host = httptest.NewServer(m)
	defer m.host.Close()
	ended := map[string]int{}
	for i := range n {
		t.Run(fmt.Sprintf("seed %d/%d", seed, i), func(t *testing.T) {
			s := newScript(rand.New(rand.NewPCG(uint64(seed), uint64(i))))
			rec := m.play(t, s)
			key := string(rec.Status)
			if rec.Remark != "" {
				key += " " + rec.Remark
			}
			ended[key]++
		})
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	t.Logf("%d recordings, %d served whole, %d requests: %v", n, m.whole, m.requests, ended)
	if n >= 100 {
		require.Subset(t, slices.Collect(maps.Keys(ended)), []string{"STORED", "EXPIRED", "STORED unrecognised-format"})
	}
}

func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, name)
	return n
}

// recordingMonth is the host of all recordings, and records its requests.
type recordingMonth struct {
	host     *httptest.Server
	requests int
	whole    int // recordings that were served whole

	mu     sync.Mutex
	script *script
	now    func() time.Duration // since the call was completed
}

// play runs the workflow of one recording.
func (m *recordingMonth) play(t *testing.T, s *script) calls.Recording {
	t.Helper()
	e := newRecordingEnv(t)
	m.mu.Lock()
	m.script, m.now = s, func() time.Duration { return e.Now().Sub(e.start) }
	m.mu.Unlock()
	address := strings.TrimPrefix(m.host.URL, "http://")
	closed, err := recordings.NewFetcher(recordings.Options{AllowedHosts: []string{"elsewhere.example"}, AllowHTTP: true})
	require.NoError(t, err)
	open, err := recordings.NewFetcher(recordings.Options{AllowedHosts: []string{address}, AllowHTTP: true})
	require.NoError(t, err)
	e.fetcher = func() activities.RecordingFetcher {
		if s.at(m.now()).kind == "host-not-allowed" {
			return closed
		}
		return open
	}
	links := 1
	e.refresh = func(contract.RefreshRecordingURLInput) (string, error) {
		if !s.refreshed {
			return "", nil
		}
		links++
		return fmt.Sprintf("%s/%s?signature=%d", m.host.URL, s.name, links), nil
	}
	u := e.url(fmt.Sprintf("%s/%s?signature=1", m.host.URL, s.name))
	u.Seconds = s.seconds
	rec, took, err := e.run(u)
	m.mu.Lock() // the host may still be answering
	defer m.mu.Unlock()
	if s.served() {
		m.whole++
	}
	if rec.Status == calls.RecordingStored {
		require.NoError(t, err)
		require.Contains(t, s.holds(), rec.SHA256, "stored is what the host had: %v", s)
		if s.served() && rec.Remark == "" {
			require.Equal(t, digestOf(string(s.whole)), rec.SHA256, "%v", s)
		}
		require.LessOrEqual(t, took, 72*time.Hour)
		return rec
	}
	require.Equal(t, calls.RecordingExpired, rec.Status)
	require.False(t, s.served(), "it was served whole, and is lost: %v, %s", s, rec.Reason)
	require.False(t, s.offers(), "it was there for long enough to be asked for: %v, %s", s, rec.Reason)
	require.NotEmpty(t, e.told)
	require.True(t, e.told[0].Alarm)
	require.LessOrEqual(t, e.toldAt[0], 48*time.Hour+time.Second, "told a day before it is lost: %v", s)
	require.Equal(t, calls.RecordingExpired, e.told[len(e.told)-1].Status)
	return rec
}

// ServeHTTP answers according to the script.
func (m *recordingMonth) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requests++
	m.script.answer(w, r, m.now())
}

// script is the behaviour of a host over time.
type script struct {
	name      string
	whole     []byte // the recording
	odd       bool   // not known to play anywhere, or does not end where its header says
	seconds   int    // length of the call
	refreshed bool   // the provider returns another link when asked
	acts      []act
	parts     map[string]bool

	delivered   int             // answers with the whole recording
	alike       []time.Duration // times of these answers within one act
	alikeIn     time.Duration   // when that act began
	enoughAlike bool
}

// act is the behaviour of a host until a time.
type act struct {
	kind  string
	since time.Duration
	until time.Duration
	part  int // length of the part that is sent, for cut answers
}

func (s *script) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s of %d bytes, odd: %v, other links: %v:", s.name, len(s.whole), s.odd, s.refreshed)
	for _, a := range s.acts {
		fmt.Fprintf(&b, " %s until %v;", a.kind, a.until)
	}
	return b.String()
}

// Kinds of acts. Each whole one is another way to send the whole file.
var (
	wholeActs = []string{"whole", "chunked", "closed", "gzip", "gzip unsaid", "encoding binary", "encoding aws-chunked", "range of all", "wrong type", "resumed", "redirected"}
	otherActs = []string{
		"status 500", "status 502", "status 503", "status 504", "status 404", "status 429", "status 408", "status 400", "status 423", "status 301",
		"retry-after 86400", "retry-after date", "empty", "cut", "cut chunked", "reset", "growing", "header only growing", "html", "json", "xml", "text",
		"redirects for ever", "wrong range", "gzip cut", "status 401", "status 403", "host-not-allowed", "status 410",
	}
	deadEnds = []string{"status 410", "status 403", "html", "host-not-allowed", "status 404", "redirects for ever", "stuck", "status 503"}
)

func newScript(r *rand.Rand) *script {
	s := &script{parts: map[string]bool{}, refreshed: r.IntN(3) == 0}
	sound := 20_000 + 2*r.IntN(10_000)
	switch r.IntN(6) {
	case 0:
		s.name, s.whole = "a.mp3", audiotest.MP3(60+r.IntN(20))
	case 1:
		s.name, s.whole = "a.ogg", audiotest.OGG(20+r.IntN(10), true)
	case 2:
		s.name, s.whole, s.odd = "a.bin", append([]byte{1, 2, 3, 4, 0xFE}, audiotest.Pattern(sound)...), true
	default:
		s.name, s.whole = "a.wav", audiotest.WAV(sound)
	}
	s.seconds = len(s.whole) * 8 / 128_000 // of MP3 and WAV alike; the others do not say
	var at time.Duration
	for range r.IntN(4) {
		a := act{kind: pick(r, otherActs), since: at, part: 100 + r.IntN(10_000)}
		at += lasting(r)
		a.until = at
		s.acts = append(s.acts, a)
		if r.IntN(4) == 0 { // available for a while, and then gone again
			b := act{kind: pick(r, wholeActs), since: at}
			at += lasting(r)
			b.until = at
			s.acts = append(s.acts, b)
		}
	}
	last := act{kind: pick(r, wholeActs), since: at, until: 1000 * time.Hour, part: 100 + r.IntN(10_000)}
	if r.IntN(8) == 0 {
		last.kind = pick(r, deadEnds)
	}
	s.acts = append(s.acts, last)
	return s
}

func pick(r *rand.Rand, of []string) string { return of[r.IntN(len(of))] }

// lasting returns a duration from a second to a day, mostly short.
func lasting(r *rand.Rand) time.Duration {
	return time.Duration(float64(time.Second) * pow10(r.Float64()*4.9))
}

func pow10(x float64) float64 {
	v := 1.0
	for ; x >= 1; x-- {
		v *= 10
	}
	return v * (1 + 9*x*x)
}

func (s *script) at(since time.Duration) act {
	return s.acts[slices.IndexFunc(s.acts, func(a act) bool { return since < a.until })]
}

// served reports whether an answer held the whole recording, and enough to recognise it: an odd recording needs three
// equal answers, over 10 minutes.
func (s *script) served() bool { return s.delivered > 0 && !s.odd || s.enoughAlike }

// sent records an answer with the whole recording.
func (s *script) sent(now time.Duration) {
	s.delivered++
	if a := s.at(now); a.since != s.alikeIn {
		s.alike, s.alikeIn = nil, a.since
	}
	s.alike = append(s.alike, now)
	s.enoughAlike = s.enoughAlike || len(s.alike) >= 3 && now-s.alike[0] > 10*time.Minute+time.Second
}

// offers reports whether the recording was available long enough before the deadline that it must have been requested: a
// denied URL is tried hourly.
func (s *script) offers() bool {
	enough := 65 * time.Minute
	if s.odd {
		enough = 150 * time.Minute
	}
	return slices.ContainsFunc(s.acts, func(a act) bool {
		return slices.Contains(wholeActs, a.kind) && min(a.until, 72*time.Hour)-a.since > enough
	})
}

// holds returns digests of everything that the host had, whole or stuck for ever.
func (s *script) holds() []string {
	return append(slices.Collect(maps.Keys(s.parts)), digestOf(string(s.whole)))
}

func (s *script) answer(w http.ResponseWriter, r *http.Request, now time.Duration) {
	a := s.at(now)
	if status, ok := strings.CutPrefix(a.kind, "status "); ok {
		code, _ := strconv.Atoi(status)
		if code == http.StatusGone && s.refreshed && !strings.HasSuffix(r.URL.RawQuery, "=1") {
			code = http.StatusServiceUnavailable // the other link has not expired
		}
		http.Error(w, "<Error/>", code)
		return
	}
	if slices.Contains(wholeActs, a.kind) {
		s.send(w, r, a.kind, now)
		return
	}
	s.refuse(w, r, a, now)
}

// send sends the whole recording in some way.
func (s *script) send(w http.ResponseWriter, r *http.Request, kind string, now time.Duration) {
	h, body := w.Header(), s.whole
	h.Set("Content-Type", "audio/wav")
	switch kind {
	case "gzip":
		h.Set("Content-Encoding", "gzip")
		body = packed(s.whole)
	case "gzip unsaid":
		body = packed(s.whole)
	case "wrong type":
		h.Set("Content-Type", "text/html")
	case "closed":
		s.hijack(w, "HTTP/1.0 200 OK\r\nContent-Type: audio/wav\r\n\r\n", s.whole)
		s.sent(now)
		return
	case "redirected":
		if r.URL.Query().Get("there") == "" {
			http.Redirect(w, r, r.URL.String()+"&there=1", http.StatusFound)
			return
		}
	case "resumed":
		h.Set("ETag", `"1"`)
		if r.Header.Get("Range") == "" { // the first half, and then the connection breaks
			s.hijack(w, fmt.Sprintf("HTTP/1.1 200 OK\r\nETag: \"1\"\r\nAccept-Ranges: bytes\r\nContent-Length: %d\r\n\r\n", len(body)), body[:len(body)/2])
			return
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
		s.sent(now)
		return
	case "range of all":
		h.Set("Content-Range", fmt.Sprintf("bytes 0-%d/%d", len(body)-1, len(body)))
		h.Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(http.StatusPartialContent)
	default:
		if encoding, ok := strings.CutPrefix(kind, "encoding "); ok {
			h.Set("Content-Encoding", encoding)
		}
	}
	if kind != "chunked" {
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	for len(body) > 0 {
		n := min(len(body), 8<<10)
		_, _ = w.Write(body[:n])
		body = body[n:]
		if kind == "chunked" {
			_ = http.NewResponseController(w).Flush()
		}
	}
	s.sent(now)
}

// refuse sends anything but the recording.
func (s *script) refuse(w http.ResponseWriter, r *http.Request, a act, now time.Duration) {
	h := w.Header()
	part := s.whole[:min(a.part, len(s.whole)-1)]
	partly := func(b []byte) {
		h.Set("Content-Length", strconv.Itoa(len(b)))
		_, _ = w.Write(b)
	}
	switch a.kind {
	case "retry-after 86400":
		h.Set("Retry-After", "86400")
		w.WriteHeader(http.StatusServiceUnavailable)
	case "retry-after date":
		h.Set("Retry-After", time.Now().Add(48*time.Hour).UTC().Format(http.TimeFormat))
		w.WriteHeader(http.StatusTooManyRequests)
	case "empty":
		h.Set("Content-Length", "0")
	case "cut":
		s.hijack(w, fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(s.whole)), part)
	case "cut chunked":
		s.hijack(w, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", append(fmt.Appendf(nil, "%x\r\n", len(part)+10), part...))
	case "reset":
		s.hijack(w, "", nil)
	case "gzip cut":
		h.Set("Content-Encoding", "gzip")
		b := packed(s.whole)
		partly(b[:min(a.part, len(b)-9)])
	case "growing", "header only growing": // more each time, and never all of it
		n := 44
		if a.kind == "growing" {
			n = a.part
		}
		n += int(float64(len(s.whole)-1-n) * float64(now-a.since) / float64(a.until-a.since))
		if n*8 >= s.seconds*128_000*8/10 { // frames nearly as long as the call cannot be told from the whole recording
			s.parts[digestOf(string(s.whole[:n]))] = true
		}
		partly(s.whole[:n])
	case "stuck": // no more will ever come
		s.parts[digestOf(string(part))] = true
		partly(part)
	case "html":
		_, _ = w.Write([]byte("<!DOCTYPE html><html><body>Log in</body></html>"))
	case "json":
		_, _ = w.Write([]byte(`{"error":"not ready"}`))
	case "xml":
		_, _ = w.Write([]byte(`<?xml version="1.0"?><Error><Code>SlowDown</Code></Error>`))
	case "text":
		_, _ = w.Write([]byte("The recording is being prepared. Come back later.\n"))
	case "redirects for ever":
		http.Redirect(w, r, r.URL.String(), http.StatusFound)
	case "wrong range":
		h.Set("Content-Range", fmt.Sprintf("bytes 7-%d/%d", len(part)+6, len(s.whole)))
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write(part)
	default:
		panic(a.kind)
	}
}

// hijack sends raw bytes and closes the connection.
func (s *script) hijack(w http.ResponseWriter, head string, body []byte) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	_, _ = conn.Write(append([]byte(head), body...))
	_ = conn.Close()
}

func packed(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(b)
	_ = z.Close()
	return out.Bytes()
}
