package handlers_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/handlers"
	"github.com/aftercall/aftercall/internal/inbox"
)

const notification = `{"callId":"abc","callSid":"s1","status":"COMPLETED","from":"+966115219000","to":"+966500000005","duration":0}`

func TestWebhookAcceptsOnlyAfterTheCommit(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	rec := s.notify(t, notification)
	require.Equal(t, http.StatusOK, rec.Code, rec.Body.String())
	first := decodeBody[map[string]string](t, rec)
	require.Equal(t, "accepted", first["status"])
	require.Equal(t, "abc", first["callKey"])
	require.Regexp(t, `^v1-[0-9a-f]{64}$`, first["eventKey"])
	require.Len(t, s.inbox.stored, 1)
	require.Equal(t, notification, string(s.inbox.stored[0].Body), "the raw bytes are kept") //nolint:testifylint // not just the same JSON
	require.Equal(t, first["eventKey"], s.inbox.stored[0].EventKey)
	require.EqualValues(t, 1, s.woken.Load())

	again := decodeBody[map[string]string](t, s.notify(t, " "+notification))
	require.Equal(t, map[string]string{"status": "duplicate", "eventKey": first["eventKey"], "callKey": "abc"}, again)
	require.EqualValues(t, 1, s.woken.Load())

	s.inbox.err = inbox.ErrFull
	requireProblem(t, s.notify(t, `{"callId":"def"}`), http.StatusServiceUnavailable, "inbox-unavailable")
	require.EqualValues(t, 1, s.woken.Load())
}

// TestWebhookIsFoundInEverySpelling holds that an address with one slash too many, or escaped, loses no notification, and
// that it is the same route, credentials and all.
func TestWebhookIsFoundInEverySpelling(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	for _, path := range []string{"//webhooks/unifonic", "/webhooks//unifonic/", "/webhooks/./unifonic", "/x/../webhooks/unifonic", "/webhooks/%75nifonic", "/webhooks%2Funifonic"} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(notification))
		var err error
		r.URL, err = r.URL.Parse("http://aftercall.example" + path)
		require.NoError(t, err)
		rec := httptest.NewRecorder()
		s.engine.ServeHTTP(rec, r)
		require.Equal(t, http.StatusUnauthorized, rec.Code, path)
		r.SetBasicAuth("old", "one")
		rec = httptest.NewRecorder()
		s.engine.ServeHTTP(rec, r)
		require.Equal(t, http.StatusOK, rec.Code, path)
	}
	rec := s.do(t, http.MethodPost, "/webhooks/unifonicx", notification)
	require.Equal(t, http.StatusNotFound, rec.Code)
}

func TestWebhookKeyOfManyForms(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	odd := decodeBody[map[string]string](t, s.notify(t, `{"callId":"a b"}`))
	require.Regexp(t, `^sha256-[0-9a-f]{64}$`, odd["callKey"])
	old := decodeBody[map[string]string](t, s.notify(t, `{"callSid":"CS1","status":"FAILED"}`))
	require.Equal(t, "CS1", old["callKey"])
}

func TestWebhookKeepsWhatItRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		body, problem string
		status        int
		reason        inbox.Reason
	}{
		"text":           {"hello", "not-json", 400, inbox.ReasonNotJSON},
		"nothing":        {"", "not-json", 400, inbox.ReasonNotJSON},
		"null":           {"null", "not-json", 400, inbox.ReasonNotJSON},
		"a list":         {"[]", "not-json", 400, inbox.ReasonNotJSON},
		"trailing bytes": {notification + "x", "not-json", 400, inbox.ReasonNotJSON},
		"too deep":       {`{"a":` + strings.Repeat("[", 33) + strings.Repeat("]", 33) + "}", "not-json", 400, inbox.ReasonNotJSON},
		"no key":         {`{"status":"COMPLETED","to":"+966500000005"}`, "no-call-key", 422, inbox.ReasonNoKey},
		"folded key":     {`{"CALLID":"abc"}`, "no-call-key", 422, inbox.ReasonNoKey},
	} {
		s := newSystem(t)
		p := requireProblem(t, s.notify(t, tc.body), tc.status, tc.problem)
		require.Equal(t, inbox.DeadLetterID([]byte(tc.body)), p.DeadLetterID, name)
		require.Contains(t, p.Detail, p.DeadLetterID, name)
		require.Len(t, s.inbox.refused, 1, name)
		require.Equal(t, tc.reason, s.inbox.refused[0].Reason, name)
		require.Equal(t, tc.body, string(s.inbox.refused[0].Body), name)
		require.Empty(t, s.inbox.stored, name)
		require.Zero(t, s.woken.Load(), name)

		s.inbox.err = errors.New("disk")
		requireProblem(t, s.notify(t, tc.body), http.StatusServiceUnavailable, "inbox-unavailable")
	}
}

func TestWebhookTakesWhatSendersMakeOfABody(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := w.Write([]byte(notification))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	bodies := []string{
		notification, packed.String(), "\xef\xbb\xbf" + notification, strings.Replace(notification, "{", "{\r\n\t", 1),
	}
	s := newSystem(t)
	for i, body := range bodies {
		answer := decodeBody[map[string]string](t, s.notify(t, body))
		require.Equal(t, "abc", answer["callKey"], body)
		require.Equal(t, i > 0, answer["status"] == "duplicate", "they say the same")
	}
	require.Equal(t, http.StatusOK, s.notify(t, "{\"callId\":\"tab\",\"failureReason\":\"no\troute\"}").Code)
}

func TestWebhookCredentials(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		user, password string
		status         int
	}{
		"the old pair":       {"old", "one", 200},
		"the new pair":       {"new", "two:three", 200},
		"letters in UTF-8":   {"ünï", "pässwörd", 200},
		"letters in Latin-1": {"\xfcn\xef", "p\xe4ssw\xf6rd", 200},
		"mixed letters":      {"ünï", "p\xe4sswörd", 401},
		"mixed pairs":        {"old", "two:three", 401},
		"a wrong password":   {"old", "two", 401},
		"no password":        {"old", "", 401},
		"somebody else":      {"x", "y", 401},
		"nothing in the two": {"", "", 401},
	} {
		s := newSystem(t)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/webhooks/unifonic", strings.NewReader(notification))
		r.SetBasicAuth(tc.user, tc.password)
		rec := s.answer(t, r)
		require.Equal(t, tc.status, rec.Code, name)
		if tc.status == 401 {
			requireProblem(t, rec, 401, "unauthorized")
			require.Contains(t, rec.Header().Get("WWW-Authenticate"), "Basic")
			require.Empty(t, s.inbox.stored, name)
		}
	}
	s := newSystem(t)
	s.grants.Replace(nil, nil)
	require.Contains(t, requireProblem(t, s.notify(t, notification), 401, "unauthorized").Detail, "No credentials are configured")
	s = newSystem(t, func(w *handlers.WebhookOptions, _ *handlers.APIOptions) {
		w.AllowUnauthenticated = true
	})
	require.Equal(t, 200, s.notify(t, notification).Code)
}

func FuzzBasicHeader(f *testing.F) {
	for _, seed := range []string{"", "Basic", "Basic b2xkOm9uZQ==", "basic b2xkOm9uZQ==", "Basic b2xkOm9uZQ", "Bearer x", "Basic \x00", "Basic Og=="} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		s := newSystem(t)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/webhooks/unifonic", strings.NewReader(notification))
		r.Header["Authorization"] = []string{header}
		rec := s.answer(t, r)
		user, password, ok := r.BasicAuth()
		valid := ok && (user == "old" && password == "one" || user == "new" && password == "two:three")
		require.Equal(t, valid, rec.Code == http.StatusOK)
		require.Equal(t, valid, len(s.inbox.stored) == 1)
	})
}

func TestWebhookSize(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	fill := func(n int) string { return `{"callId":"abc","x":"` + strings.Repeat("y", n-23) + `"}` }
	require.Len(t, fill(64<<10), 64<<10)
	require.Equal(t, 200, s.notify(t, fill(64<<10)).Code)
	rec := s.notify(t, fill(64<<10+1))
	requireProblem(t, rec, http.StatusRequestEntityTooLarge, "too-large")
	require.Equal(t, "close", rec.Header().Get("Connection"))
	require.Empty(t, s.inbox.refused)
}

func TestWebhookBodyCutShortIsNotStored(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	server := httptest.NewServer(s.engine)
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = conn.Write([]byte("POST /webhooks/unifonic HTTP/1.1\r\nHost: a\r\nAuthorization: Basic b2xkOm9uZQ==\r\nContent-Length: 500\r\n\r\n{\"callId\":\"abc\"}"))
	require.NoError(t, err)
	require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(5*time.Second)))
	answer := make([]byte, 12)
	_, err = conn.Read(answer)
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1 400", string(answer))
	require.Empty(t, s.inbox.stored)
	require.Empty(t, s.inbox.refused)
}

func TestNothingPrivateIsLogged(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.notify(t, notification)
	s.notify(t, "966500000005")
	s.do(t, http.MethodGet, "/v1/calls/966500000005?wait=966500000005", "")
	s.do(t, http.MethodPost, "/v1/outbound-calls", `{"to":"966500000005","callerId":"+966500000005"}`)
	s.workflows.err = errors.New("workflow of +966500000005")
	s.do(t, http.MethodGet, "/v1/calls/x", "")
	require.NotContains(t, s.log.String(), "500000005")
	require.NotContains(t, s.log.String(), apiKey)
	require.Contains(t, s.log.String(), "route=/v1/calls/:callId")
	require.Contains(t, s.log.String(), "client=shop")
}

func TestUnknownRoutesMethodsAndPanics(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	requireProblem(t, s.do(t, http.MethodGet, "/v2", ""), 404, "no-such-route")
	rec := s.do(t, http.MethodGet, "/webhooks/unifonic", "")
	require.Contains(t, requireProblem(t, rec, 405, "method-not-allowed").Detail, "POST")

	s.workflows = nil // a typed nil in the options panics
	s = newSystem(t, func(_ *handlers.WebhookOptions, a *handlers.APIOptions) { a.Desk = nil })
	requireProblem(t, s.do(t, http.MethodPut, "/v1/calls/x", "{}", "Cookie", "session=hush"), 500, "internal")
	require.Contains(t, s.log.String(), "http handler panicked")
	require.NotContains(t, s.log.String(), "hush")
}
