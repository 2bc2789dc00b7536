package handlers_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/handlers"
	"github.com/aftercall/aftercall/internal/audit"
	"github.com/aftercall/aftercall/internal/inbox"
	"github.com/aftercall/aftercall/internal/unifonic"
)

func admin(t *testing.T, o handlers.AdminOptions) func(method, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	var e *gin.Engine
	e, err := handlers.NewEngine(handlers.EngineOptions{Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	o.Loopback, o.LogIn = !o.Loopback, &handlers.LogIn{Log: slog.New(slog.DiscardHandler)} // on loopback unless told otherwise
	handlers.MountAdmin(e, o)
	return func(method, path string, header ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(""))
		r.Host = "127.0.0.1:9090"
		for i := 0; i+1 < len(header); i += 2 {
			if header[i] == "Host" {
				r.Host = header[i+1]
			}
			r.Header.Set(header[i], header[i+1])
		}
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, r)
		return rec
	}
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	fine := func(context.Context) error { return nil }
	broken := func(context.Context) error { return errors.New("no answer for +966500000005") }
	do := admin(t, handlers.AdminOptions{Checks: []handlers.Check{{"inbox", true, fine}, {"temporal", false, broken}}})
	require.Equal(t, 200, do("GET", "/healthz").Code)
	rec := do("GET", "/readyz")
	require.Equal(t, 200, rec.Code)
	require.JSONEq(t, `{"status":"ready","checks":{"inbox":{"ok":true,"required":true},
		"temporal":{"ok":false,"required":false,"detail":"no answer for +9665•••••05"}}}`, rec.Body.String())

	hangs := func(context.Context) error { select {} }
	do = admin(t, handlers.AdminOptions{Checks: []handlers.Check{{"inbox", true, hangs}, {"temporal", false, fine}}})
	start := time.Now()
	rec = do("GET", "/readyz")
	require.Equal(t, http.StatusServiceUnavailable, rec.Code)
	require.Less(t, time.Since(start), 20*time.Second)
	require.Contains(t, rec.Body.String(), "not-ready")
}

func TestMetricsAndProfiles(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "aftercall_test_total", Help: "x"})
	registry.MustRegister(counter)
	counter.Inc()
	do := admin(t, handlers.AdminOptions{Metrics: registry})
	require.Contains(t, do("GET", "/metrics").Body.String(), "aftercall_test_total 1")
	require.Contains(t, do("GET", "/debug/pprof/").Body.String(), "goroutine")
	require.Equal(t, 200, do("GET", "/debug/pprof/goroutine?debug=1").Code)
	require.Equal(t, 200, do("GET", "/debug/pprof/cmdline").Code)
	requireProblem(t, do("GET", "/inbox/stats"), 404, "no-such-route")
}

func TestDeadLetters(t *testing.T) {
	t.Parallel()
	box := &fakeInbox{dead: []inbox.DeadLetter{{
		ID: "dl-1", Reason: inbox.ReasonNoKey, Body: []byte(`{"to":"+966500000005"}`), Variants: [][]byte{[]byte("966500000005")},
	}}}
	woken := 0
	do := admin(t, handlers.AdminOptions{Inbox: box, Wake: func() { woken++ }})
	list := decodeBody[handlers.DeadLetterList](t, do("GET", "/inbox/dead-letters?reason=no-key&limit=1&after=dl-0"))
	require.Equal(t, inbox.Filter{Reason: inbox.ReasonNoKey, Limit: 1, After: "dl-0"}, box.filter)
	require.Equal(t, "dl-1", list.Next)
	require.Empty(t, decodeBody[handlers.DeadLetterList](t, do("GET", "/inbox/dead-letters")).Next)
	requireProblem(t, do("GET", "/inbox/dead-letters?limit=0"), 422, "invalid-request")

	require.NotContains(t, do("GET", "/inbox/dead-letters/dl-1").Body.String(), "500000005")
	shown := decodeBody[handlers.DeadLetter](t, do("GET", "/inbox/dead-letters/dl-1?reveal=true"))
	require.Contains(t, shown.Body, "+966500000005")
	require.Equal(t, []string{"966500000005"}, shown.Variants)
	requireProblem(t, do("GET", "/inbox/dead-letters/dl-2"), 404, "not-found")

	require.Equal(t, 200, do("POST", "/inbox/dead-letters/dl-1/requeue").Code)
	require.Equal(t, 1, woken)
	require.Equal(t, 200, do("DELETE", "/inbox/dead-letters/dl-1").Code)
	require.Equal(t, []string{"requeue dl-1", "drop dl-1"}, box.done)
	stats := decodeBody[map[string]any](t, do("GET", "/inbox/stats"))
	require.InDelta(t, 1.5, stats["oldestPendingSeconds"], 0)

	box.err = inbox.ErrNoKey
	requireProblem(t, do("POST", "/inbox/dead-letters/dl-1/requeue"), 409, "not-deliverable")
	box.err = fmt.Errorf("%w: %w: at +966500000005", inbox.ErrNoKey, unifonic.ErrNotObject)
	unreadable := requireProblem(t, do("POST", "/inbox/dead-letters/dl-1/requeue"), 409, "not-deliverable")
	require.Contains(t, unreadable.Detail, "not a JSON object")
	require.Contains(t, unreadable.Detail, "--reveal")
	require.NotContains(t, unreadable.Detail, "500000005")
	box.err = inbox.ErrNotFound
	requireProblem(t, do("DELETE", "/inbox/dead-letters/dl-1"), 404, "not-found")
	box.err = inbox.ErrBusy
	requireProblem(t, do("GET", "/inbox/stats"), 503, "inbox-unavailable")
	requireProblem(t, do("GET", "/inbox/dead-letters"), 503, "inbox-unavailable")
	require.Equal(t, 1, woken)
}

func TestAWebPageCannotUseTheAdminListener(t *testing.T) {
	t.Parallel()
	box := &fakeInbox{}
	do := admin(t, handlers.AdminOptions{Inbox: box})
	requireProblem(t, do("POST", "/inbox/dead-letters/dl-1/requeue", "Sec-Fetch-Site", "cross-site"), 403, "cross-origin")
	requireProblem(t, do("DELETE", "/inbox/dead-letters/dl-1", "Origin", "https://evil.example"), 403, "cross-origin")
	for _, site := range []string{"cross-site", "same-site"} {
		requireProblem(t, do("GET", "/debug/pprof/goroutine", "Sec-Fetch-Site", site), 403, "cross-origin")
	}
	require.Equal(t, 200, do("GET", "/debug/pprof/goroutine", "Sec-Fetch-Site", "none").Code, "an operator at the address bar")
	require.Equal(t, 200, do("GET", "/healthz", "Sec-Fetch-Site", "cross-site").Code)
	require.Empty(t, box.done)
}

func TestDeadLettersKeepTheirBytes(t *testing.T) {
	t.Parallel()
	const plain = `{"to":"+966500000005"}`
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := w.Write([]byte(plain))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	for name, tc := range map[string]struct {
		raw            []byte
		masked, shown  string
		encoding       string
		bytesAreNeeded bool
	}{
		"text":    {[]byte(plain), `{"to":"+9665•••••05"}`, plain, "", false},
		"gzip":    {packed.Bytes(), `{"to":"+9665•••••05"}`, plain, "gzip", true},
		"cut":     {packed.Bytes()[:20], "", "", "binary", true},
		"Latin-1": {[]byte("caf\xe9 966500000005"), "caf\uFFFD +9665•••••05", "caf\uFFFD 966500000005", "binary", true},
		"UTF-16":  {[]byte("9\x006\x006\x005\x000\x00"), "", "", "binary", true},
	} {
		do := admin(t, handlers.AdminOptions{Inbox: &fakeInbox{dead: []inbox.DeadLetter{{ID: "dl-1", Body: tc.raw}}}})
		masked := decodeBody[handlers.DeadLetter](t, do("GET", "/inbox/dead-letters/dl-1"))
		require.Equal(t, tc.masked, masked.Body, name)
		require.Equal(t, tc.encoding, masked.Encoding, name)
		require.Empty(t, masked.Raw, "%s: numbers could be read in it", name)
		shown := decodeBody[handlers.DeadLetter](t, do("GET", "/inbox/dead-letters/dl-1?reveal=true"))
		require.Equal(t, tc.shown, shown.Body, name)
		if tc.bytesAreNeeded {
			require.Equal(t, tc.raw, shown.Raw, name)
		}
	}
}

const offLoopback = true // turns what admin assumes

func TestAdminAnswersForItsOwnHosts(t *testing.T) {
	t.Parallel()
	box := &fakeInbox{dead: []inbox.DeadLetter{{ID: "dl-1", Body: []byte("+966500000005")}}}
	do := admin(t, handlers.AdminOptions{Inbox: box, Hosts: []string{"Admin.internal"}, Metrics: prometheus.NewRegistry()})
	paths := []string{"/inbox/dead-letters/dl-1?reveal=true", "/debug/pprof/", "/inbox/stats", "/readyz", "/metrics"}
	for _, path := range paths {
		for _, host := range []string{"evil.example", "evil.example:9090", "127.0.0.1.evil.example", "localhost.evil.example", ""} {
			rec := do("GET", path, "Host", host, "Origin", "http://"+host, "Sec-Fetch-Site", "same-origin")
			requireProblem(t, rec, 403, "foreign-host")
		}
		for _, host := range []string{"127.0.0.1:9090", "[::1]:9090", "localhost", "LOCALHOST.:9090", "10.0.0.7:9090", "admin.internal:9090"} {
			require.Equal(t, 200, do("GET", path, "Host", host).Code, host)
		}
	}
	requireProblem(t, do("DELETE", "/inbox/dead-letters/dl-1", "Host", "evil.example"), 403, "foreign-host")
	require.Empty(t, box.done)
}

func TestAdminOffLoopbackNeedsItsToken(t *testing.T) {
	t.Parallel()
	box := &fakeInbox{dead: []inbox.DeadLetter{{ID: "dl-1"}}}
	open := []string{"/healthz", "/readyz", "/metrics"}
	closed := []string{"/inbox/stats", "/inbox/dead-letters", "/inbox/dead-letters/dl-1?reveal=true", "/debug/pprof/", "/debug/pprof/cmdline"}
	without := admin(t, handlers.AdminOptions{Inbox: box, Metrics: prometheus.NewRegistry(), Loopback: offLoopback})
	with := admin(t, handlers.AdminOptions{Inbox: box, Metrics: prometheus.NewRegistry(), Loopback: offLoopback, Token: "hush"})
	for _, path := range open {
		require.Equal(t, 200, without("GET", path, "Host", "serve:9090").Code, path)
		require.Equal(t, 200, with("GET", path, "Host", "serve:9090").Code, path)
	}
	for _, path := range closed {
		requireProblem(t, without("GET", path), 403, "token-not-set")
		requireProblem(t, without("GET", path, "Authorization", "Bearer "), 403, "token-not-set")
		requireProblem(t, with("GET", path), 401, "unauthorized")
		requireProblem(t, with("GET", path, "Authorization", "Bearer wrong"), 401, "unauthorized")
		require.Equal(t, 200, with("GET", path, "Authorization", "Bearer hush").Code, path)
	}
	requireProblem(t, with("DELETE", "/inbox/dead-letters/dl-1"), 401, "unauthorized")
	require.Empty(t, box.done)
}

func TestWhatOperatorsDoIsAudited(t *testing.T) {
	t.Parallel()
	box := &fakeInbox{dead: []inbox.DeadLetter{{ID: "dl-1"}}}
	var seen []string
	do := admin(t, handlers.AdminOptions{Inbox: box, Audit: func(e audit.Entry) {
		seen = append(seen, fmt.Sprint(e.Action, " ", e.Key, " ", e.Address, " ", e.ID, " ", e.Status))
	}})
	do("GET", "/inbox/dead-letters")
	do("GET", "/inbox/dead-letters/dl-1")
	do("GET", "/inbox/dead-letters/dl-1?reveal=true")
	do("POST", "/inbox/dead-letters/dl-1/requeue")
	do("DELETE", "/inbox/dead-letters/dl-1")
	require.Equal(t, []string{"reveal admin 192.0.2.1 dl-1 200", "requeue admin 192.0.2.1 dl-1 200", "drop admin 192.0.2.1 dl-1 200"}, seen)
}

func TestMaskedDeadLettersCanStillBeRead(t *testing.T) {
	t.Parallel()
	body := `{"to":"+966500000005","from":966115219000,"callSid":"5b1c2d3e-4f50-4000-8000-966577360002","initiatedAt": 1764000000,"completedAt":"1764000020000",
		"recordingUrl":"https://rec.example/v/none.wav?token=hush","other":"https:\/\/rec.example\/hush?x=1764000000","callId":"1764000000.966500000005"}`
	do := admin(t, handlers.AdminOptions{Inbox: &fakeInbox{dead: []inbox.DeadLetter{{ID: "dl-1", Body: []byte(body)}}}})
	shown := decodeBody[handlers.DeadLetter](t, do("GET", "/inbox/dead-letters/dl-1")).Body
	for _, want := range []string{"5b1c2d3e-4f50-4000-8000-966577360002", `"initiatedAt": 1764000000,`, `"completedAt":"1764000020000"`, `"https://rec.example/…"`} {
		require.Contains(t, shown, want)
	}
	for _, hidden := range []string{"hush", "500000005", "115219000", "none.wav"} {
		require.NotContains(t, shown, hidden)
	}
	require.Contains(t, decodeBody[handlers.DeadLetter](t, do("GET", "/inbox/dead-letters/dl-1?reveal=true")).Body, "token=hush")
}
