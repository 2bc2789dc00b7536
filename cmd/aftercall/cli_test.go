package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/app"
)

// result is the output of a command.
type result struct {
	code     int
	out, err string
}

func aftercall(t *testing.T, args ...string) result {
	t.Helper()
	var out, errOut bytes.Buffer
	code := execute(t.Context(), args, &out, &errOut)
	return result{code, out.String(), errOut.String()}
}

// serve responds with the JSON under "METHOD path", and records the requests.
func serve(t *testing.T, answers map[string]string) (url string, seen *[]string) {
	t.Helper()
	seen = &[]string{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		*seen = append(*seen, strings.TrimSpace(r.Method+" "+r.URL.RequestURI()+" "+string(body)))
		answer, ok := answers[r.Method+" "+r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			answer = `{"type":"/problems/not-found","title":"Unknown id","status":404,"detail":"Check the id."}`
		}
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	return server.URL, seen
}

// TestWaitOutlivesARestartOfServe: a wait continues when a proxy gives up or a server restarts.
func TestWaitOutlivesARestartOfServe(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !r.URL.Query().Has("wait") {
			_, _ = io.WriteString(w, story)
			return
		}
		switch asked.Add(1) {
		case 1:
			w.WriteHeader(http.StatusGatewayTimeout)
		case 2:
			panic(http.ErrAbortHandler)
		default:
			_, _ = io.WriteString(w, story)
		}
	}))
	t.Cleanup(server.Close)
	t.Setenv("AFTERCALL_API_URL", server.URL)
	r := aftercall(t, "call", "wait", "order-1")
	require.Equal(t, 0, r.code, r.err)
	require.Contains(t, r.out, "COMPLETED")
	require.EqualValues(t, 3, asked.Load())
}

const (
	story = `{"referenceId":"order-1","workflowId":"outbound:order-1","state":"DONE","revision":2,"attempts":[
		{"attempt":1,"referenceId":"order-1-a1","callerId":"+966115219000","callId":"966500000001-77","placement":"PLACED","status":"FAILED","failureReason":"no route to +966500000004","verified":true,"source":"notification"},
		{"attempt":2,"referenceId":"order-1-a2","callerId":"+966115219001","callId":"c2","placement":"PLACED","status":"COMPLETED","durationSeconds":12,"source":"call-log"}],
		"outcome":{"referenceId":"order-1","attempt":2,"callKey":"c2","status":"COMPLETED","durationSeconds":12,"source":"call-log","revision":2}}`
	call = `{"callKey":"c2","workflowId":"call:c2","final":true,"revision":1,"outcome":{"status":"COMPLETED","durationSeconds":12,"source":"notification","revision":1},
		"legs":[{"callSid":"s1","direction":"OUTBOUND","from":"+966115219001","to":"+966500000004","status":"COMPLETED","rawStatus":"COMPLETED","durationSeconds":12,"completedAt":"2026-01-31T09:00:30Z"}],
		"recordings":[{"callKey":"c2","leg":"s1","legHash":"0a1b2c3d4e5f","status":"PENDING","alarm":true,"deadline":"2026-02-03T09:00:30Z"}],"notified":[{"workflowId":"w1","at":"2026-01-31T09:00:31Z","result":"told","revision":1}]}`
)

func requireMasked(t *testing.T, s string) {
	t.Helper()
	for _, number := range []string{"115219000", "115219001", "500000004", "500000001"} {
		require.NotContains(t, s, number)
	}
}

func TestPlaceTellsTheStoryOfAllAttempts(t *testing.T) {
	url, seen := serve(t, map[string]string{
		"POST /v1/outbound-calls": `{"referenceId":"order-1","workflowId":"outbound:order-1"}`, "GET /v1/outbound-calls/order-1": story,
	})
	t.Setenv("AFTERCALL_CALLER_ID", "+966115219000")
	t.Setenv("AFTERCALL_SECONDARY_CALLER_ID", "+966115219001")
	t.Setenv("AFTERCALL_API_URL", url)
	r := aftercall(t, "call", "place", "--to", "+966500000004", "--wait")
	require.Equal(t, 0, r.code, r.err)
	require.Contains(t, (*seen)[0], `"callerId":"+966115219000","secondaryCallerId":"+966115219001","type":"tts"`)
	require.Regexp(t, `"referenceId":"cli-[a-z0-9]{26}"`, (*seen)[0])
	require.Contains(t, (*seen)[1], "/v1/outbound-calls/order-1?wait=45s")
	for _, want := range []string{"FAILED", "call log confirms", "COMPLETED", "12 s", "Outcome: COMPLETED at attempt 2", "•••••77", "c2"} {
		require.Contains(t, r.out, want)
	}
	requireMasked(t, r.out+r.err)

	requireMasked(t, aftercall(t, "call", "place", "--help").out)
	aftercall(t, "call", "place", "--to", "+966500000004", "--secondary-caller-id", "")
	require.NotContains(t, (*seen)[len(*seen)-1], "secondaryCallerId", "none for this call")
	r = aftercall(t, "call", "place", "--to", "+966500000004", "--wait", "-o", "json")
	require.JSONEq(t, story, r.out, "as the API answers")
	r = aftercall(t, "call", "place", "--to", "+966500000004", "--failover-on", "busy,failed", "--max-attempts", "3", "--notify", "w1")
	require.Equal(t, 0, r.code, r.err)
	require.Contains(t, r.out, "aftercall call wait order-1")
	require.Contains(t, (*seen)[len(*seen)-1], `"failover":{"on":["BUSY","FAILED"],"maxAttempts":3},"notify":{"workflowId":"w1"}`)

	file := filepath.Join(t.TempDir(), "order.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"type":"otp"}`), 0o600))
	require.Equal(t, 0, aftercall(t, "call", "place", "--request", file).code)
	require.Regexp(t, `^POST /v1/outbound-calls {"referenceId":"cli-[a-z0-9]+","type":"otp"}$`, (*seen)[len(*seen)-1])
}

// TestARequestThatWaits is what an initiator reads of a request before it is dialled.
func TestARequestThatWaits(t *testing.T) {
	url, _ := serve(t, map[string]string{
		"POST /v1/outbound-calls": `{"referenceId":"r1","workflowId":"outbound:r1","expectedStart":"2026-01-31T09:00:00Z","warnings":["deadline"]}`,
		"GET /v1/outbound-calls/r1": `{"referenceId":"r1","workflowId":"outbound:r1","state":"DIALLING","revision":0,
			"attempts":[{"attempt":1,"referenceId":"r1-a1","callerId":"+966115219000","posts":1}],"waiting":"attempt 1 to have its turn"}`,
		"GET /v1/outbound-calls": `{"items":[
			{"referenceId":"r1","workflowId":"outbound:r1","attempts":0,"running":true,"startedAt":"2026-01-31T08:00:05Z"},
			{"referenceId":"r2","workflowId":"outbound:r2","attempts":1,"callKey":"c2","running":true,"startedAt":"2026-01-31T08:00:04Z"},
			{"referenceId":"r3","workflowId":"outbound:r3","attempts":2,"callKey":"c3","running":true,"startedAt":"2026-01-31T08:00:03Z"},
			{"referenceId":"r4","workflowId":"outbound:r4","attempts":1,"callKey":"c4","status":"BUSY","running":true,"startedAt":"2026-01-31T08:00:02Z"},
			{"referenceId":"r5","workflowId":"outbound:r5","attempts":0,"running":false,"startedAt":"2026-01-31T08:00:01Z"}]}`,
		"GET /v1/calls": `{"items":[{"callKey":"c2","workflowId":"call:c2","referenceId":"r2","running":true,"startedAt":"2026-01-31T08:00:04Z"}]}`,
	})
	t.Setenv("AFTERCALL_CALLER_ID", "+966115219000")
	t.Setenv("AFTERCALL_API_URL", url)
	r := aftercall(t, "call", "place", "--to", "+966500000000")
	require.Regexp(t, `Expected start +2026-01-31 09:00:00Z`, r.out)
	require.Regexp(t, `Warning +as things stand, it will not be dialled before its`, r.out)
	r = aftercall(t, "call", "place", "--to", "+966500000000", "--wait", "--timeout", "1ms")
	require.Contains(t, r.err, "It is expected to be dialled at 2026-01-31 09:00:00Z. Warning: as things stand, it will not be dialled before its deadline. ")
	r = aftercall(t, "call", "show", "r1")
	require.Contains(t, r.out, "Outbound call r1 · DIALLING: waits for its turn to be dialled\n")
	require.Contains(t, r.out, "Waiting for attempt 1 to have its turn\n")
	r = aftercall(t, "call", "list", "--requests")
	for _, line := range []string{"r1 .* waits for its turn .* 0 ", "r2 .* dialled, no news yet ", "r3 .* attempt 2 under way .* 2 ", "r4 .* BUSY ", "r5 .* no outcome "} {
		require.Regexp(t, line, r.out)
	}
	r = aftercall(t, "call", "list")
	require.Contains(t, r.out, "no news yet")
	require.Contains(t, r.out, "call list --requests")
}

func TestShowAndWait(t *testing.T) {
	url, seen := serve(t, map[string]string{
		"GET /v1/calls/c2": call, "GET /v1/outbound-calls/order-1": story, "PUT /v1/calls/c2": `{"callKey":"c2","workflowId":"call:c2"}`,
		"GET /v1/calls/c3": `{"callKey":"c3","legs":[],"recordings":[],"notified":[]}`,
	})
	t.Setenv("AFTERCALL_API_URL", url)
	r := aftercall(t, "call", "show", "c2")
	require.Equal(t, 0, r.code, r.err)
	for _, want := range []string{"Call c2 · COMPLETED", "2026-01-31 09:00:30Z", "PENDING", "ALARM", "w1", "told"} {
		require.Contains(t, r.out, want)
	}
	requireMasked(t, r.out)
	require.Contains(t, aftercall(t, "call", "show", "order-1").out, "Outbound call order-1")
	r = aftercall(t, "call", "show", "nothing")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.err, "Check the id.")
	require.Contains(t, aftercall(t, "call", "wait", "c2").out, "Outcome: COMPLETED")
	require.Contains(t, aftercall(t, "call", "wait", "order-1").out, "Outbound call order-1")
	r = aftercall(t, "call", "wait", "c3", "--timeout", "1ms")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.err, "no outcome yet")
	require.Equal(t, 0, aftercall(t, "call", "track", "c2", "--to", "+966500000004", "--notify", "w1").code)
	require.Equal(t, `PUT /v1/calls/c2 {"to":"+966500000004","notify":{"workflowId":"w1"}}`, (*seen)[len(*seen)-1])
}

func TestMask(t *testing.T) {
	session := `{"maskId":"77","workflowId":"mask:77","state":"OPEN","from":"+966500000001","to":"+966500000004","revision":1,"calls":[
		{"pairing":"PAIRED","inbound":{"direction":"INBOUND","from":"+966500000001","to":"+966115219000","status":"COMPLETED","rawStatus":"COMPLETED"},
		"outbound":{"direction":"OUTBOUND","from":"+966115219000","to":"+966500000004","status":"BUSY","rawStatus":"BUSY"},"recordings":[]}]}`
	url, seen := serve(t, map[string]string{"POST /v1/masking-sessions": session, "GET /v1/masking-sessions/77": session, "DELETE /v1/masking-sessions/77": session})
	t.Setenv("AFTERCALL_API_URL", url)
	r := aftercall(t, "mask", "open", "--reference-id", "m1", "--from", "+966500000001", "--to", "+966500000004")
	require.Equal(t, 0, r.code, r.err)
	require.Equal(t, `POST /v1/masking-sessions {"referenceId":"m1","from":"+966500000001","to":"+966500000004"}`, (*seen)[0])
	for _, verb := range []string{"show", "close"} {
		r = aftercall(t, "mask", verb, "77")
		require.Equal(t, 0, r.code, r.err)
		require.Contains(t, r.out, "PAIRED")
		requireMasked(t, r.out)
	}
}

func TestRecording(t *testing.T) {
	audio := "RIFF-some-bytes"
	sum := sha256.Sum256([]byte(audio))
	rec := func(hash string) string {
		return fmt.Sprintf(`{"callKey":"c2","leg":"s1","legHash":"0a1b2c3d4e5f","status":"STORED","contentType":"audio/wav","sizeBytes":15,"sha256":%q,"deadline":"2026-02-03T09:00:30Z"}`, hash)
	}
	answers := map[string]string{
		"GET /v1/calls/c2": call, "GET /v1/recordings/c2": rec(hex.EncodeToString(sum[:])), "GET /v1/recordings/c2/audio": audio,
		"POST /v1/recordings/c2/retry": rec(""), "GET /v1/recordings/old": rec("x"),
	}
	url, seen := serve(t, answers)
	t.Setenv("AFTERCALL_API_URL", url)
	t.Chdir(t.TempDir())
	require.Contains(t, aftercall(t, "recording", "list", "c2").out, "PENDING")
	require.Contains(t, aftercall(t, "recording", "list", "old").out, "STORED", "of a call that Temporal has forgotten")
	require.Contains(t, aftercall(t, "recording", "show", "c2", "--leg", "s 1").out, "SHA-256 "+hex.EncodeToString(sum[:]))
	require.Equal(t, "GET /v1/recordings/c2?leg=s+1", (*seen)[len(*seen)-1])
	require.Equal(t, 0, aftercall(t, "recording", "retry", "c2").code)

	r := aftercall(t, "recording", "fetch", "c2")
	require.Equal(t, 0, r.code, r.err)
	got, err := os.ReadFile("c2-0a1b2c3d4e5f.wav")
	require.NoError(t, err)
	require.Equal(t, audio, string(got))
	require.Equal(t, audio, aftercall(t, "recording", "fetch", "c2", "--file", "-").out)

	answers["GET /v1/recordings/c2/audio"] = "something else"
	r = aftercall(t, "recording", "fetch", "c2", "--file", "other.wav")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.err, "SHA-256")
	left, err := os.ReadDir(".")
	require.NoError(t, err)
	require.Len(t, left, 1, "nothing partial stays")
}

func TestInbox(t *testing.T) {
	letter := `{"id":"dl-1","reason":"no-key","detail":"x","receivedAt":"2026-01-31T09:00:30Z","diedAt":"2026-01-31T09:00:30Z","sizeBytes":7,"body":"{}"}`
	url, seen := serve(t, map[string]string{
		"GET /inbox/dead-letters": `{"deadLetters":[` + letter + `]}`, "GET /inbox/dead-letters/dl-1": letter,
		"POST /inbox/dead-letters/dl-1/requeue": `{"id":"dl-1","status":"requeued"}`, "DELETE /inbox/dead-letters/dl-1": `{"id":"dl-1","status":"dropped"}`,
	})
	in := func(args ...string) result {
		return aftercall(t, append([]string{"--admin-url", url, "inbox"}, args...)...)
	}
	require.Contains(t, in("list", "--reason", "no-key").out, "dl-1")
	require.Contains(t, (*seen)[0], "reason=no-key")
	require.JSONEq(t, `{"deadLetters":[`+letter+`]}`, in("list", "-o", "json").out)
	require.Contains(t, in("show", "dl-1").out, "{}")
	require.Contains(t, (*seen)[len(*seen)-1], "reveal=false")
	in("show", "dl-1", "--reveal")
	require.Contains(t, (*seen)[len(*seen)-1], "reveal=true")
	require.Equal(t, "dl-1 dropped\n", in("drop", "dl-1").out)
	r := in("requeue", "dl-9", "dl-1")
	require.Equal(t, 1, r.code)
	require.Equal(t, "dl-1 requeued\n", r.out, "one that fails does not keep the others from it")
	require.Contains(t, r.err, "dl-9")
}

func TestInboxListReadsAllPages(t *testing.T) {
	var pages atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n := pages.Add(1); n < 3 {
			fmt.Fprintf(w, `{"deadLetters":[{"id":"dl-%d"}],"next":"dl-%d"}`, n, n)
			return
		}
		fmt.Fprintf(w, `{"deadLetters":[{"id":"last-after-%s"}]}`, r.URL.Query().Get("after"))
	}))
	defer server.Close()
	r := aftercall(t, "inbox", "list", "--admin-url", server.URL)
	require.Contains(t, r.out, "3 dead letters")
	require.Contains(t, r.out, "last-after-dl-2")
}

func TestHealth(t *testing.T) {
	status := http.StatusOK
	body := `{"status":"ready","checks":{}}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Setenv("AFTERCALL_ADMIN_ADDR", strings.Replace(strings.TrimPrefix(server.URL, "http://"), "127.0.0.1", "0.0.0.0", 1))
	require.Equal(t, result{0, "ready\n", ""}, aftercall(t, "health"))
	status, body = 503, `{"status":"not-ready","checks":{"inbox":{"ok":false,"required":true,"detail":"the disk is full"},"temporal":{"ok":false}}}`
	require.Equal(t, result{1, "", "aftercall: not ready\n  inbox: the disk is full\n"}, aftercall(t, "health"))
	server.Close()
	require.Equal(t, 1, aftercall(t, "health").code)
}

// provider keeps one webhook, as the provider does.
func provider(t *testing.T) (registered *map[string]any, posts *atomic.Int32) {
	t.Helper()
	registered, posts = &map[string]any{}, &atomic.Int32{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path != "/v1/providers/webhook":
			w.WriteHeader(http.StatusNotFound)
		case r.Method == http.MethodPost:
			posts.Add(1)
			_ = json.NewDecoder(r.Body).Decode(registered)
			_, _ = io.WriteString(w, "{}")
		case len(*registered) == 0:
			w.WriteHeader(http.StatusNotFound)
		default:
			_ = json.NewEncoder(w).Encode(map[string]any{"url": (*registered)["url"], "basicAuthNeeded": true, "username": (*registered)["username"]})
		}
	}))
	t.Cleanup(server.Close)
	t.Setenv("AFTERCALL_UNIFONIC_BASE_URL", server.URL+"/v1")
	t.Setenv("AFTERCALL_UNIFONIC_APPS_ID", "app")
	t.Setenv("AFTERCALL_WEBHOOK_CREDENTIALS", "user:first,other:second")
	return registered, posts
}

func TestWebhook(t *testing.T) {
	registered, posts := provider(t)
	const target = "https://calls.example.com/webhooks/unifonic"
	require.Equal(t, 1, aftercall(t, "webhook", "show").code)
	require.Contains(t, aftercall(t, "webhook", "check", target).err, "no webhook is registered")
	r := aftercall(t, "webhook", "register", target)
	require.Equal(t, 0, r.code, r.err)
	require.Equal(t, "first", (*registered)["password"])
	require.NotContains(t, r.out+r.err, "first")
	require.Contains(t, r.out, "registered now")

	require.Contains(t, aftercall(t, "webhook", "register", target).out, "as registered")
	require.EqualValues(t, 1, posts.Load(), "nothing differs")
	require.Equal(t, 0, aftercall(t, "webhook", "register", target, "--force").code)
	require.EqualValues(t, 2, posts.Load())
	require.Equal(t, 0, aftercall(t, "webhook", "check", target).code)
	require.Equal(t, 1, aftercall(t, "webhook", "check", "https://other.example.com/webhooks/unifonic").code)
	require.Contains(t, aftercall(t, "webhook", "show", "-o", "json").out, target)
	require.Equal(t, 2, aftercall(t, "webhook", "register", "calls.example.com").code)
	t.Setenv("AFTERCALL_WEBHOOK_CREDENTIALS", "")
	require.Contains(t, aftercall(t, "webhook", "register", target).err, "AFTERCALL_WEBHOOK_CREDENTIALS")
}

func TestWebhookURLsThatCannotWorkAreRefused(t *testing.T) {
	registered, _ := provider(t)
	for url, why := range map[string]string{
		"http://calls.example.com/webhooks/unifonic":           "https",
		"http://203.0.113.7/webhooks/unifonic":                 "https",
		"https://u:hush@calls.example.com/webhooks/unifonic":   "user or password",
		"https://calls.example.com":                            "/webhooks/unifonic",
		"https://calls.example.com/":                           "/webhooks/unifonic",
		"https://calls.example.com/webhook/unifonic":           "/webhooks/unifonic",
		"https://calls.example.com/webhooks/unifonic/v2":       "/webhooks/unifonic",
		"https://calls.example.com/webhooks/unifonic?key=hush": "must end with its path",
		"ftp://calls.example.com/webhooks/unifonic":            "https",
	} {
		for _, command := range []string{"register", "check"} {
			r := aftercall(t, "webhook", command, url)
			require.Equal(t, 2, r.code, url)
			require.Contains(t, r.err, why, url)
			require.NotContains(t, r.err, "hush")
		}
	}
	require.Empty(t, *registered)
	for _, url := range []string{"https://calls.example.com/webhooks/unifonic/", "https://calls.example.com/tel/webhooks/unifonic", "http://127.0.0.1:8080/webhooks/unifonic", "http://serve:8082/webhooks/unifonic"} {
		require.Equal(t, 0, aftercall(t, "webhook", "register", url).code, url)
		require.Equal(t, 0, aftercall(t, "webhook", "check", url).code, url)
	}
}

// TestAdminCommandsFollowTLSAndToken: the certificate is the listener's own, whatever its name is.
func TestAdminCommandsFollowTLSAndToken(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer hush" {
			w.WriteHeader(http.StatusUnauthorized)
		}
		_, _ = io.WriteString(w, `{"status":"ready","deadLetters":[]}`)
	}))
	t.Cleanup(server.Close)
	dir := t.TempDir()
	own, other := filepath.Join(dir, "own.crt"), filepath.Join(dir, "other.crt")
	require.NoError(t, os.WriteFile(own, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	require.NoError(t, os.WriteFile(other, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("another")}), 0o600))
	t.Setenv("AFTERCALL_ADMIN_ADDR", server.Listener.Addr().String())
	t.Setenv("AFTERCALL_ADMIN_TOKEN", "hush")
	t.Setenv("AFTERCALL_TLS_KEY_FILE", filepath.Join(dir, "tls.key"))
	t.Setenv("AFTERCALL_TLS_CERT_FILE", own)
	require.Equal(t, 0, aftercall(t, "health").code, aftercall(t, "health").err)
	require.Equal(t, 0, aftercall(t, "inbox", "list").code)
	t.Setenv("AFTERCALL_TLS_CERT_FILE", other)
	require.Contains(t, aftercall(t, "health").err, "another certificate")
}

func TestConfigNamesWhatIsNoSetting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.yaml")
	require.NoError(t, os.WriteFile(path, []byte("recording_host: [a]\n"), 0o600))
	t.Setenv("AFTERCALL_HTP_ADDR", "x")
	r := aftercall(t, "config", "--config", path)
	require.Equal(t, 0, r.code, "it was valid before it was looked at")
	require.Contains(t, r.err, "recording_host is no setting and has no effect: did you mean recording_hosts?")
	require.Contains(t, r.err, "AFTERCALL_HTP_ADDR is no setting and has no effect: did you mean AFTERCALL_HTTP_ADDR?")
}

func TestExitCodes(t *testing.T) {
	for _, args := range [][]string{
		{"dance"}, {"call"}, {"call", "dance"}, {"call", "show"}, {"call", "show", "a", "b"}, {"--nope"}, {"call", "place"},
		{"call", "place", "--to", "x", "--request", "y"}, {"mask", "open"}, {"inbox", "drop"}, {"version", "-o", "xml"}, {"version", "extra"},
		{"call", "wait", "a", "--timeout", "soon"},
	} {
		r := aftercall(t, args...)
		require.Equal(t, 2, r.code, "%v: %s", args, r.err)
		require.Contains(t, r.err, "aftercall --help", args)
	}
	require.Equal(t, 0, aftercall(t).code)
	require.Equal(t, 0, aftercall(t, "--help").code)
	t.Setenv("AFTERCALL_API_URL", "nowhere")
	r := aftercall(t, "call", "show", "x")
	require.Equal(t, 1, r.code)
	require.Contains(t, r.err, "AFTERCALL_API_URL")
	t.Setenv("AFTERCALL_HTTP_ADDR", "nonsense")
	for _, command := range []string{"serve", "worker", "run", "config", "doctor", "setup"} {
		r := aftercall(t, command)
		require.Equal(t, 1, r.code, command)
		require.Equal(t, 1, strings.Count(r.err, "\n"), r.err)
		require.Contains(t, r.err, "AFTERCALL_HTTP_ADDR")
	}
}

func TestAPIKeyFromAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	t.Setenv("AFTERCALL_API_KEY", "")
	t.Setenv("AFTERCALL_API_KEY_FILE", file)
	_, err := apiKey()
	require.ErrorContains(t, err, "AFTERCALL_API_KEY_FILE")
	require.NoError(t, os.WriteFile(file, []byte("hush\n"), 0o600))
	key, err := apiKey()
	require.NoError(t, err)
	require.Equal(t, "hush", key)
}

func TestConfigHidesSecrets(t *testing.T) {
	t.Setenv("AFTERCALL_API_KEYS", "shop:hush")
	t.Setenv("AFTERCALL_INBOX_URL", "postgres://aftercall:hush@db/inbox?password=hush")
	for _, output := range []string{"table", "json"} {
		r := aftercall(t, "config", "-o", output)
		require.Equal(t, 0, r.code, r.err)
		require.Contains(t, r.out, "AFTERCALL_CALL_GRACE")
		require.Contains(t, r.out, "(hidden)")
		require.Contains(t, r.out, "postgres://aftercall:")
		require.NotContains(t, r.out, "hush")
	}
}

func TestVersion(t *testing.T) {
	require.Contains(t, aftercall(t, "version").out, "go1.")
	require.Contains(t, aftercall(t, "version", "-o", "json").out, `"go": "go1.`)
	require.Equal(t, map[string]string{
		"version": "v1.2.3", "revision": "0123456789ab", "date": "2026-11-26T15:00:00Z", "modified": "true", "go": runtime.Version(),
	}, built(&debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}, Settings: []debug.BuildSetting{
		{Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.time", Value: "2026-11-26T15:00:00Z"}, {Key: "vcs.modified", Value: "true"},
	}}))
	require.Equal(t, "unknown", built(nil)["revision"])
}

func TestFindings(t *testing.T) {
	var out bytes.Buffer
	c := &cli{out: &out, output: "table"}
	good := app.Finding{Check: "temporal", OK: true, Detail: "answers"}
	require.NoError(t, c.findings([]app.Finding{good}))
	require.ErrorIs(t, c.findings([]app.Finding{good, {Check: "inbox", Detail: "is full", Advice: "make room"}}), errReported)
	require.Contains(t, out.String(), "make room")
	require.Contains(t, out.String(), "✗")
}

func TestTheTemporalServerIsNotLinked(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	require.NoError(t, err)
	require.Contains(t, string(out), "go.temporal.io/sdk/client")
	require.NotContains(t, string(out), "go.temporal.io/server")
}
