package handlers_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/desk"
)

func TestScopes(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.workflows.set("call:abc", calls.CallState{CallKey: "abc"})
	for _, tc := range []struct{ method, path, scope string }{
		{"POST", "/v1/outbound-calls", "call"}, {"GET", "/v1/outbound-calls/r", "read"}, {"DELETE", "/v1/outbound-calls/r", "call"},
		{"PUT", "/v1/calls/abc", "call"}, {"GET", "/v1/calls/abc", "read"}, {"POST", "/v1/masking-sessions", "call"},
		{"GET", "/v1/masking-sessions/m", "read"}, {"DELETE", "/v1/masking-sessions/m", "call"}, {"GET", "/v1/recordings/abc", "read"},
		{"GET", "/v1/recordings/abc/audio", "listen"}, {"HEAD", "/v1/recordings/abc/audio", "listen"}, {"POST", "/v1/recordings/abc/retry", "call"},
	} {
		for scope, key := range map[string]string{"read": "reads", "listen": "hears", "call": "calls"} {
			rec := s.do(t, tc.method, tc.path, "", "Authorization", "Bearer "+key)
			if scope == tc.scope {
				require.NotEqual(t, http.StatusForbidden, rec.Code, "%s %s with %s", tc.method, tc.path, scope)
				continue
			}
			require.Contains(t, requireProblem(t, rec, 403, "missing-scope").Detail, tc.scope, "%s %s with %s", tc.method, tc.path, scope)
		}
	}
}

// TestEveryRouteNeedsOneScope holds for routes to come too.
func TestEveryRouteNeedsOneScope(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	param := regexp.MustCompile(`:\w+`)
	for _, r := range s.engine.Routes() {
		if !strings.HasPrefix(r.Path, "/v1/") {
			continue
		}
		var may []string
		for _, key := range []string{"reads", "hears", "calls", "erases"} {
			if s.do(t, r.Method, param.ReplaceAllString(r.Path, "x"), "", "Authorization", "Bearer "+key).Code != http.StatusForbidden {
				may = append(may, key)
			}
		}
		require.Len(t, may, 1, "%s %s", r.Method, r.Path)
		require.Equal(t, 401, s.do(t, r.Method, param.ReplaceAllString(r.Path, "x"), "", "Authorization", "Bearer wrong").Code)
	}
}

// Priorities 1 and 2 go before everybody else's calls: they take a scope of their own, which no key has by itself. A code
// has priority 1 without asking.
func TestUrgentNeedsItsScope(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	place := func(key, body string) *httptest.ResponseRecorder {
		return s.do(t, http.MethodPost, "/v1/outbound-calls", body, "Authorization", "Bearer "+key)
	}
	const otp = `{"referenceId":"o-1","to":"+966500000004","callerId":"+966115219000","type":"otp","otp":{"code":"1234"}%s}`
	const tts = `{"referenceId":"o-2","to":"+966500000004","callerId":"+966115219000","type":"tts","tts":{"text":"hello"}%s}`
	for _, priority := range []int{1, 2, 3, 4, 5} {
		for _, kind := range []string{otp, tts} {
			body := fmt.Sprintf(kind, fmt.Sprintf(`,"priority":%d`, priority))
			for _, key := range []string{apiKey, "calls"} {
				if rec := place(key, body); priority > 2 {
					require.Equal(t, http.StatusAccepted, rec.Code, rec.Body.String())
				} else {
					require.Contains(t, requireProblem(t, rec, http.StatusForbidden, "missing-scope").Detail, "urgent")
				}
			}
			require.Equal(t, http.StatusAccepted, place("hurries", body).Code)
		}
	}
	require.Equal(t, http.StatusAccepted, place("calls", fmt.Sprintf(otp, "")).Code)
	require.Equal(t, http.StatusUnprocessableEntity, place("calls", fmt.Sprintf(tts, `,"priority":1,"class":"none"`)).Code, "what is wrong comes first")
	for _, o := range s.starter.outbound {
		require.True(t, o.Priority() > 2 || o.Client == "siren" || o.Request.Type == "otp" && o.Request.Priority == 0, "%+v", o.Request)
	}
	require.Len(t, s.starter.outbound, 23)
}

func TestFailedLogInsAreLimitedByAddress(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	var err error
	s.workflows.set("call:abc", calls.CallState{CallKey: "abc"})
	from := func(proxied, key string) int {
		return s.do(t, "GET", "/v1/calls/abc", "", "Authorization", key, "X-Forwarded-For", proxied).Code
	}
	require.NoError(t, err)
	for range 100 {
		require.Equal(t, 401, from("", "Bearer wrong"))
	}
	require.Equal(t, 429, from("", "Bearer wrong"))
	rec := s.do(t, "GET", "/v1/calls/abc", "", "Authorization", "Bearer wrong")
	requireProblem(t, rec, 429, "too-many-failures")
	require.NotEmpty(t, rec.Header().Get("Retry-After"))
	require.Equal(t, 429, from("203.0.113.7", "Bearer wrong"), "a header of anybody's is not believed")
	require.Equal(t, 401, from("", ""), "who shows nothing does not try")
	require.Equal(t, 200, from("", "Bearer "+apiKey), "right credentials are never limited")
	require.Equal(t, 200, s.notify(t, notification).Code)

	lines := strings.Count(s.log.String(), "log-in failed")
	require.Equal(t, 11, lines, "the log cannot be filled by failing")
	require.Contains(t, s.log.String(), "address=192.0.2.1")
	require.NotContains(t, s.log.String(), "wrong")
}

func TestAddressComesFromTrustedProxiesAlone(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	require.NoError(t, s.engine.SetTrustedProxies([]string{"192.0.2.1"}))
	for range 101 {
		s.do(t, "GET", "/v1/calls/abc", "", "Authorization", "Bearer wrong", "X-Forwarded-For", "198.51.100.1, 203.0.113.7")
	}
	from := func(address string) int {
		return s.do(t, "GET", "/v1/calls/abc", "", "Authorization", "Bearer wrong", "X-Forwarded-For", address).Code
	}
	require.Equal(t, 429, from("203.0.113.7"))
	require.Equal(t, 401, from("203.0.113.8"), "others behind the proxy are not held responsible")
	require.Equal(t, 401, from("198.51.100.1"), "what the client wrote itself does not count")
	require.Contains(t, s.log.String(), "address=203.0.113.7")
}

func TestWhatKeysDoIsAudited(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.store.recs = []calls.Recording{{CallKey: "abc", LegHash: "0123456789ab", Status: calls.RecordingStored, ContentType: "audio/wav"}}
	s.workflows.set("call:abc", calls.CallState{CallKey: "abc", Recordings: s.store.recs})
	s.do(t, "POST", "/v1/outbound-calls", order)
	s.do(t, "DELETE", "/v1/outbound-calls/order-1", "")
	s.do(t, "PUT", "/v1/calls/abc", "{}")
	s.do(t, "GET", "/v1/calls/abc", "")
	s.do(t, "GET", "/v1/recordings/abc/audio", "")
	s.do(t, "GET", "/v1/recordings/abc/audio", "", "Authorization", "Bearer reads")
	s.do(t, "GET", "/v1/recordings/abc/audio", "", "Authorization", "Bearer wrong")
	var seen []string
	for _, e := range s.audit {
		seen = append(seen, fmt.Sprint(e.Action, " ", e.Key, " ", e.Address, " ", e.ID, " ", e.Status))
	}
	require.Equal(t, []string{
		"place shop 192.0.2.1 order-1 202", "stop shop 192.0.2.1 order-1 404", "track shop 192.0.2.1 abc 201", "listen shop 192.0.2.1 abc 200",
	}, seen)
	require.Equal(t, "shop", s.starter.owner, "what was started bears the name of the key")
}

func TestOtherSpellingsOfAPath(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.workflows.set(calls.CallWorkflowID(calls.Key("a/b")), calls.CallState{CallKey: calls.Key("a/b")})
	for _, path := range []string{"/v1/calls/a%2Fb", "/v1/calls/a/b", "/v1/calls/a/b/", "/v1/calls/a%2Fb/?wait=1ms"} {
		require.Equal(t, 200, s.do(t, "GET", path, "").Code, path)
	}
	requireProblem(t, s.do(t, "GET", "/v1/recordings/a/b/audio", ""), 404, "not-found")
	require.Equal(t, 200, s.do(t, "GET", "/docs/", "").Code)
	require.NotContains(t, s.log.String(), "route=none", "each is told once, by the route that it means: "+s.log.String())
	requireProblem(t, s.do(t, "GET", "/v1/nothing/a/b/", ""), 404, "no-such-route")

	for i, path := range []string{"/webhooks/unifonic/", "/webhooks/unifonic//"} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(fmt.Sprintf(`{"callId":"c%d"}`, i)))
		r.SetBasicAuth("old", "one")
		r.Header.Set("X-Forwarded-Prefix", "/evil")
		rec := s.answer(t, r)
		require.Equal(t, 200, rec.Code, path)
	}
	require.Len(t, s.inbox.stored, 2)
}

func TestIDsThatAreNoTextAreUnknown(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	for _, path := range []string{"/v1/calls/%ff", "/v1/outbound-calls/%ff%fe", "/v1/outbound-calls/a%00b", "/v1/masking-sessions/%ff", "/v1/recordings/%ff", "/v1/recordings/%ff/audio"} {
		requireProblem(t, s.do(t, "GET", path, ""), 404, "not-found")
	}
	requireProblem(t, s.do(t, "DELETE", "/v1/outbound-calls/%ff", ""), 404, "not-found")
	requireProblem(t, s.do(t, "DELETE", "/v1/masking-sessions/%00", ""), 404, "not-found")
}

func TestNoAnswerIsKeptOrGuessed(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	for _, path := range []string{"/v1/calls/abc", "/docs", "/openapi.json", "/nothing"} {
		h := s.do(t, "GET", path, "").Header()
		require.Equal(t, "no-store", h.Get("Cache-Control"), path)
		require.Equal(t, "nosniff", h.Get("X-Content-Type-Options"), path)
	}
}

func TestWhoHangsUpIsNoFaultOfOurs(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.workflows.err = fmt.Errorf("%w: %w", desk.ErrAway, context.Canceled)
	ctx, hangUp := context.WithCancel(t.Context())
	hangUp()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/v1/calls/abc?wait=45s", nil)
	r.Header.Set("Authorization", "Bearer "+apiKey)
	rec := httptest.NewRecorder()
	s.engine.ServeHTTP(rec, r)
	require.Equal(t, 499, rec.Code, "which nobody reads, so that it is not described")
	require.NotContains(t, s.log.String(), "level=WARN")
	require.NotContains(t, s.log.String(), "level=INFO")
}

func TestWorkflowOfSomebodyElseIsAConflict(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.starter.err = fmt.Errorf("%w: no memo", desk.ErrForeign)
	p := requireProblem(t, s.do(t, "POST", "/v1/outbound-calls", order), 409, "conflict")
	require.Contains(t, p.Detail, "Another program")
}

func TestWaitForTheUnheardEndsWith503WhenWeStop(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.stop()
	requireProblem(t, s.do(t, "GET", "/v1/calls/abc?wait=45s", ""), 503, "not-yet")
}

func TestHealthIsPublicAndSaysNothingElse(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	rec := s.do(t, "GET", "/healthz", "", "Authorization", "")
	require.Equal(t, 200, rec.Code)
	require.JSONEq(t, `{"status":"ok"}`, rec.Body.String())
	s.unhealthy = errors.New("disk full")
	require.Eventually(t, func() bool { return s.do(t, "HEAD", "/healthz", "").Code == 503 }, patience, patience/1000)
	require.NotContains(t, s.do(t, "GET", "/healthz", "").Body.String(), "disk")
}
