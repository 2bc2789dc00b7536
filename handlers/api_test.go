package handlers_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/ids"
)

const order = `{"referenceId":"order-1","to":"+966500000004","callerId":"+966115219000","type":"tts","tts":{"text":"hello"}}`

var (
	errAway = fmt.Errorf("query: %w", desk.ErrAway)
	ended   = &calls.Outcome{CallKey: "abc", Status: calls.StatusCompleted, Source: calls.SourceNotification, Revision: 1}
)

func TestAPIKeys(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.workflows.set("call:abc", calls.CallState{CallKey: "abc"})
	for _, route := range []struct{ method, path string }{
		{"POST", "/v1/outbound-calls"}, {"GET", "/v1/outbound-calls/r"}, {"DELETE", "/v1/outbound-calls/r"},
		{"PUT", "/v1/calls/c"}, {"GET", "/v1/calls/c"}, {"POST", "/v1/masking-sessions"}, {"GET", "/v1/masking-sessions/m"},
		{"DELETE", "/v1/masking-sessions/m"}, {"GET", "/v1/recordings/c"}, {"GET", "/v1/recordings/c/audio"},
	} {
		for _, header := range []string{"", "Bearer", "Bearer wrong", "Basic " + apiKey, apiKey} {
			rec := s.do(t, route.method, route.path, "", "Authorization", header)
			requireProblem(t, rec, 401, "unauthorized")
			require.Contains(t, rec.Header().Get("WWW-Authenticate"), "Bearer")
		}
	}
	for _, header := range []string{"Bearer " + apiKey, "bearer other"} {
		require.Equal(t, 200, s.do(t, "GET", "/v1/calls/abc", "", "Authorization", header).Code)
	}
	s.grants.Replace(nil, nil)
	require.Contains(t, requireProblem(t, s.do(t, "GET", "/v1/calls/abc", ""), 401, "unauthorized").Detail, "AFTERCALL_API_KEYS")
}

func TestPlaceOutboundCall(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	rec := s.do(t, "POST", "/v1/outbound-calls", order)
	require.Equal(t, http.StatusAccepted, rec.Code, rec.Body.String())
	want := map[string]string{"referenceId": "order-1", "workflowId": "outbound:order-1"}
	require.Equal(t, want, decodeBody[map[string]string](t, rec))
	require.Equal(t, "/v1/outbound-calls/order-1", rec.Header().Get("Location"))
	require.NotEmpty(t, s.starter.outbound[0].Hash)

	s.starter.isNew = false
	rec = s.do(t, "POST", "/v1/outbound-calls", order)
	require.Equal(t, http.StatusOK, rec.Code)
	require.Equal(t, want, decodeBody[map[string]string](t, rec))

	rec = s.do(t, "POST", "/v1/outbound-calls", strings.Replace(order, `"referenceId":"order-1",`, "", 1), "Idempotency-Key", "k1")
	require.Equal(t, ids.Namer{}.References("k1")[0], decodeBody[map[string]string](t, rec)["referenceId"])

	p := requireProblem(t, s.do(t, "POST", "/v1/outbound-calls", `{"to":"1","callerId":"2","nope":3}`), 422, "invalid-request")
	fields := map[string]bool{}
	for _, f := range p.Errors {
		fields[f.Field] = true
	}
	require.Equal(t, map[string]bool{"referenceId": true, "to": true, "callerId": true, "type": true, "nope": true}, fields)
	requireProblem(t, s.do(t, "POST", "/v1/outbound-calls", "hello"), 422, "invalid-request")
	requireProblem(t, s.do(t, "POST", "/v1/outbound-calls", strings.Repeat(" ", 65<<10)), 413, "too-large")

	s.starter.err = desk.ErrConflict
	requireProblem(t, s.do(t, "POST", "/v1/outbound-calls", order), 409, "conflict")
	for _, away := range []error{desk.ErrAway, fmt.Errorf("start: %w", desk.ErrMisconfigured)} {
		s.starter.err = away
		requireProblem(t, s.do(t, "POST", "/v1/outbound-calls", order), 503, "temporal-unavailable")
	}
	s.starter.err = errors.New("something else about +966500000004")
	require.NotContains(t, requireProblem(t, s.do(t, "POST", "/v1/outbound-calls", order), 500, "internal").Detail, "something")
}

func TestShowAndStopOutboundCall(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	requireProblem(t, s.do(t, "GET", "/v1/outbound-calls/order-1", ""), 404, "not-found")
	requireProblem(t, s.do(t, "DELETE", "/v1/outbound-calls/order-1", ""), 404, "not-found")
	s.workflows.set("outbound:order-1", calls.OutboundCallState{ReferenceID: "order-1", State: calls.OutboundAwaiting})
	require.Contains(t, s.do(t, "GET", "/v1/outbound-calls/order-1", "").Body.String(), `"attempts":[]`)

	for name, refused := range map[string]error{
		"done": nil, "closed": desk.ErrUnknown, "nothing to stop": temporal.NewApplicationError("it has ended", "REFUSED"),
	} {
		s.workflows.updated = refused
		rec := s.do(t, "DELETE", "/v1/outbound-calls/order-1", "")
		require.Equal(t, 200, rec.Code, name)
		require.Equal(t, "order-1", decodeBody[calls.OutboundCallState](t, rec).ReferenceID)
	}
	require.Contains(t, s.workflows.updates, "outbound:order-1 stop-retrying")
	s.workflows.updated = errAway
	requireProblem(t, s.do(t, "DELETE", "/v1/outbound-calls/order-1", ""), 503, "temporal-unavailable")
}

func TestTrackCall(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	rec := s.do(t, "PUT", "/v1/calls/abc", `{"to":"+966500000005","notify":{"workflowId":"w1"}}`)
	require.Equal(t, http.StatusCreated, rec.Code)
	require.Equal(t, map[string]string{"callKey": "abc", "workflowId": "call:abc"}, decodeBody[map[string]string](t, rec))
	require.Equal(t, calls.Tracking{To: "+966500000005", Subscription: &calls.Subscription{WorkflowID: "w1"}}, s.starter.tracked[0])
	s.starter.isNew = false
	require.Equal(t, 200, s.do(t, "PUT", "/v1/calls/abc", "").Code)
	require.Empty(t, s.workflows.told)
	requireProblem(t, s.do(t, "PUT", "/v1/calls/abc", `{"to":"5"}`), 422, "invalid-request")
	requireProblem(t, s.do(t, "PUT", "/v1/calls/abc", strings.Repeat(" ", 65<<10)), 413, "too-large")

	odd := decodeBody[map[string]string](t, s.do(t, "PUT", "/v1/calls/a%2Fb%20c", ""))
	require.Equal(t, calls.Key("a/b c"), odd["callKey"])
	require.Equal(t, odd, decodeBody[map[string]string](t, s.do(t, "PUT", "/v1/calls/"+odd["callKey"], "")), "the sha256- form is the same call")

	s.starter.err = desk.ErrAway
	requireProblem(t, s.do(t, "PUT", "/v1/calls/abc", ""), 503, "temporal-unavailable")
}

func TestTrackClosedCallTellsAtOnce(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.starter.isNew, s.starter.closed = false, true
	s.workflows.set("call:abc", calls.CallState{CallKey: "abc", Outcome: ended})
	body := `{"notify":{"workflowId":"w1"}}`
	require.Equal(t, 200, s.do(t, "PUT", "/v1/calls/abc", body).Code)
	require.Equal(t, []string{"w1 call-outcome:abc"}, s.workflows.told)
	s.workflows.tellErr = desk.ErrUnknown
	require.Equal(t, 200, s.do(t, "PUT", "/v1/calls/abc", body).Code, "a workflow that is gone needs no telling")
	s.workflows.tellErr = errAway
	requireProblem(t, s.do(t, "PUT", "/v1/calls/abc", body), 503, "temporal-unavailable")
}

func TestShowCall(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	requireProblem(t, s.do(t, "GET", "/v1/calls/abc", ""), 404, "not-found")
	s.workflows.set("call:abc", calls.CallState{
		CallKey: "abc", Outcome: ended, Final: true,
		Evidence:   &calls.Evidence{ExpectedTo: "+966500000005"},
		Recordings: []calls.Recording{{CallKey: "abc", Leg: "s1", Status: calls.RecordingPending}, {CallKey: "abc", Leg: "s2", Status: calls.RecordingPending}},
	})
	s.workflows.set(calls.RecordingWorkflowID("abc", "s2"), calls.Recording{CallKey: "abc", Leg: "s2", Status: calls.RecordingExpired})
	rec := s.do(t, "GET", "/v1/calls/abc", "")
	require.Equal(t, 200, rec.Code)
	require.NotContains(t, rec.Body.String(), "evidence")
	require.Contains(t, rec.Body.String(), `"legs":[]`)
	require.Contains(t, rec.Body.String(), `"notified":[]`)
	got := decodeBody[calls.CallState](t, rec)
	require.Equal(t, calls.RecordingPending, got.Recordings[0].Status, "nobody knows better")
	require.Equal(t, calls.RecordingExpired, got.Recordings[1].Status, "the recording's own word counts")

	s.workflows.err = errAway
	requireProblem(t, s.do(t, "GET", "/v1/calls/abc", ""), 503, "temporal-unavailable")
	requireProblem(t, s.do(t, "GET", "/v1/calls/abc?wait=10s", ""), 503, "temporal-unavailable")
}

func TestWaitParameter(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.workflows.set("call:abc", calls.CallState{CallKey: "abc", Outcome: ended})
	s.workflows.set("outbound:r", calls.OutboundCallState{State: calls.OutboundDone, Outcome: &calls.OutboundOutcome{Outcome: calls.Outcome{Status: calls.StatusStopped}}})
	for _, path := range []string{"/v1/calls/abc", "/v1/outbound-calls/r"} {
		for _, wait := range []string{"60", "-1s", "", "soon", "1h1"} {
			p := requireProblem(t, s.do(t, "GET", path+"?wait="+wait, ""), 422, "invalid-request")
			require.Equal(t, "wait", p.Errors[0].Field)
		}
		for _, wait := range []string{"0s", "60s", "24h", "1ms"} {
			require.Equal(t, 200, s.do(t, "GET", path+"?wait="+wait, "").Code, wait)
		}
	}
}

func TestWaitEndsWithTheOutcome(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.workflows.set("call:abc", calls.CallState{CallKey: "abc"})
	const requests = 50
	var all sync.WaitGroup
	answers := make([]*httptest.ResponseRecorder, requests)
	for i := range requests {
		all.Go(func() { answers[i] = s.do(t, "GET", "/v1/calls/abc?wait=30s", "") })
	}
	require.Eventually(t, func() bool { return s.workflows.awaits.Load() > 0 }, 30*time.Second, time.Millisecond)
	start := time.Now()
	s.workflows.set("call:abc", calls.CallState{CallKey: "abc", Outcome: ended, Revision: 3})
	all.Wait()
	require.Less(t, time.Since(start), 20*time.Second)
	for _, rec := range answers {
		require.Equal(t, 200, rec.Code)
		require.Equal(t, 3, decodeBody[calls.CallState](t, rec).Revision, "the state is read afresh")
	}
	require.Less(t, s.workflows.awaits.Load(), int32(requests/5), "they share a wait, but for those that come when it ends")
	require.Less(t, s.workflows.states0.Load(), int32(requests+requests/5), "and what they ask at its end")
}

func TestWaitEndsWithoutOutcome(t *testing.T) {
	t.Parallel()
	t.Run("when its time is up", func(t *testing.T) {
		t.Parallel()
		s := newSystem(t)
		s.workflows.set("call:abc", calls.CallState{CallKey: "abc"})
		require.Equal(t, 200, s.do(t, "GET", "/v1/calls/abc?wait=20ms", "").Code)
		requireProblem(t, s.do(t, "GET", "/v1/calls/other?wait=20ms", ""), 404, "not-found")
	})
	t.Run("when the call is closed", func(t *testing.T) {
		t.Parallel()
		s := newSystem(t)
		s.workflows.closed["call:abc"] = true
		s.workflows.set("call:abc", calls.CallState{CallKey: "abc"})
		require.Equal(t, 200, s.do(t, "GET", "/v1/calls/abc?wait=60s", "").Code)
	})
	t.Run("when the server stops", func(t *testing.T) {
		t.Parallel()
		s := newSystem(t)
		s.workflows.set("call:abc", calls.CallState{CallKey: "abc"})
		answer := make(chan *httptest.ResponseRecorder, 1)
		go func() { answer <- s.do(t, "GET", "/v1/calls/abc?wait=60s", "") }()
		require.Eventually(t, func() bool { return s.workflows.awaits.Load() == 1 }, 30*time.Second, time.Millisecond)
		s.stop()
		require.Equal(t, 200, (<-answer).Code)
	})
}

func TestWaitForACallNobodyHasHeardOf(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	answer := make(chan *httptest.ResponseRecorder, 1)
	go func() { answer <- s.do(t, "GET", "/v1/calls/abc?wait=30s", "") }()
	require.Eventually(t, func() bool { return s.workflows.states0.Load() >= 1 }, 30*time.Second, time.Millisecond)
	s.workflows.set("call:abc", calls.CallState{CallKey: "abc", Outcome: ended})
	require.Equal(t, 200, (<-answer).Code)
	require.Empty(t, s.starter.tracked, "nothing is started")
}

func TestWaitOutlastsTheServersTimeouts(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.workflows.set("call:abc", calls.CallState{CallKey: "abc"})
	server := httptest.NewUnstartedServer(s.engine)
	server.Config.ReadTimeout, server.Config.WriteTimeout = 2*time.Second, 2*time.Second
	server.Start()
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/v1/calls/abc?wait=4s", nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+apiKey)
	start := time.Now()
	res, err := server.Client().Do(r)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	require.Equal(t, 200, res.StatusCode)
	require.GreaterOrEqual(t, time.Since(start), 3900*time.Millisecond, "it waited to the end")
}

func TestMaskingSessions(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	body := `{"referenceId":"m1","to":"+966500000002"}`
	s.workflows.result = calls.MaskingSessionState{MaskID: "77"}
	s.workflows.set("mask:77", calls.MaskingSessionState{MaskID: "77", State: calls.MaskingOpen, Calls: []calls.MaskedCall{{Pairing: calls.PairingPartial}}})
	rec := s.do(t, "POST", "/v1/masking-sessions", body)
	require.Equal(t, http.StatusCreated, rec.Code, rec.Body.String())
	require.Equal(t, "/v1/masking-sessions/77", rec.Header().Get("Location"))
	require.Contains(t, rec.Body.String(), `"recordings":[]`)
	s.starter.isNew = false
	require.Equal(t, 200, s.do(t, "POST", "/v1/masking-sessions", body).Code)
	require.Equal(t, 200, s.do(t, "GET", "/v1/masking-sessions/77", "").Code)
	require.Equal(t, 200, s.do(t, "DELETE", "/v1/masking-sessions/77", "").Code)
	require.Equal(t, []string{"mask:77 close"}, s.workflows.updates)
	requireProblem(t, s.do(t, "GET", "/v1/masking-sessions/78", ""), 404, "not-found")
	s.workflows.updated = desk.ErrUnknown
	requireProblem(t, s.do(t, "DELETE", "/v1/masking-sessions/78", ""), 404, "not-found")
	requireProblem(t, s.do(t, "POST", "/v1/masking-sessions", `{"from":"1"}`), 422, "invalid-request")

	s.workflows.updated = temporal.NewApplicationError("no for +966500000002", calls.ErrTypeMaskNotClosed)
	require.NotContains(t, requireProblem(t, s.do(t, "DELETE", "/v1/masking-sessions/77", ""), 502, "provider-refused").Detail, "500000002")
	s.workflows.resulted = temporal.NewApplicationError("none left", calls.ErrTypeMaskNotOpened)
	require.Equal(t, "none left", requireProblem(t, s.do(t, "POST", "/v1/masking-sessions", body), 502, "provider-refused").Detail)
	s.workflows.resulted = errAway
	requireProblem(t, s.do(t, "POST", "/v1/masking-sessions", body), 503, "temporal-unavailable")
	s.starter.err = desk.ErrConflict
	requireProblem(t, s.do(t, "POST", "/v1/masking-sessions", body), 409, "conflict")
}

// TestWhoMayNotReadLearnsNoNumber holds that closing a session, which may be repeated, is no way to read it.
func TestWhoMayNotReadLearnsNoNumber(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.workflows.set("mask:77", calls.MaskingSessionState{
		MaskID: "77", State: calls.MaskingClosed, MaskingNumber: "+966110000000", From: "+966500000001", To: "+966500000002",
		Calls: []calls.MaskedCall{{Pairing: calls.PairingPartial, Inbound: &calls.Leg{
			Direction: calls.DirectionInbound, From: "+966500000003", To: "+966110000000", Status: calls.StatusCompleted, RawStatus: "COMPLETED", Source: calls.SourceNotification,
		}}},
	})
	may := s.do(t, "DELETE", "/v1/masking-sessions/77", "").Body.String()
	require.Contains(t, may, "+966500000003")
	mayNot := s.do(t, "DELETE", "/v1/masking-sessions/77", "", "Authorization", "Bearer calls").Body.String()
	require.Contains(t, mayNot, "CLOSED")
	require.Contains(t, mayNot, "+966110000000", "whoever opens a session needs the number to call")
	require.NotContains(t, mayNot, "+9665")
}

func TestMaskingSessionTellsWhatBecameOfItsRecordings(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	pending := func(key, leg string) calls.Recording {
		return calls.Recording{CallKey: key, Leg: leg, LegHash: calls.LegHash(leg), Status: calls.RecordingPending}
	}
	s.workflows.set("mask:77", calls.MaskingSessionState{
		MaskID: "77", State: calls.MaskingOpen, Recordings: []calls.Recording{pending("mask:77", "session")},
		Calls: []calls.MaskedCall{
			{Pairing: calls.PairingPaired, Recordings: []calls.Recording{pending("a", "s1")}}, {Pairing: calls.PairingPartial},
			{Pairing: calls.PairingPaired, Recordings: []calls.Recording{pending("b", "s2"), pending("b", "s3")}},
		},
	})
	for _, r := range []calls.Recording{pending("mask:77", "session"), pending("a", "s1"), pending("b", "s3")} {
		r.Status, r.SHA256 = calls.RecordingStored, hashOf(r.Leg)
		s.workflows.set(calls.RecordingWorkflowID(r.CallKey, r.Leg), r)
	}
	got := decodeBody[calls.MaskingSessionState](t, s.do(t, "GET", "/v1/masking-sessions/77", ""))
	require.Equal(t, hashOf("session"), got.Recordings[0].SHA256)
	require.Equal(t, hashOf("s1"), got.Calls[0].Recordings[0].SHA256)
	require.Empty(t, got.Calls[1].Recordings)
	require.Equal(t, calls.RecordingPending, got.Calls[2].Recordings[0].Status, "nobody knows better")
	require.Equal(t, hashOf("s3"), got.Calls[2].Recordings[1].SHA256)
}

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func TestMaskThatTakesItsTime(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	answer := make(chan *httptest.ResponseRecorder, 1)
	go func() { answer <- s.do(t, "POST", "/v1/masking-sessions", `{"referenceId":"m1","to":"+966500000002"}`) }()
	s.stop()
	requireProblem(t, <-answer, 503, "not-yet")
}

func TestRecordings(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	requireProblem(t, s.do(t, "GET", "/v1/recordings/abc", ""), 404, "not-found")
	s.workflows.set("call:abc", calls.CallState{CallKey: "abc"})
	requireProblem(t, s.do(t, "GET", "/v1/recordings/abc", ""), 404, "not-found")

	pending := calls.Recording{CallKey: "abc", Leg: "s1", LegHash: calls.LegHash("s1"), Status: calls.RecordingPending}
	s.workflows.set("call:abc", calls.CallState{CallKey: "abc", Recordings: []calls.Recording{pending}})
	require.Equal(t, pending, decodeBody[calls.Recording](t, s.do(t, "GET", "/v1/recordings/abc", "")), "what the call knows")
	requireProblem(t, s.do(t, "GET", "/v1/recordings/abc/audio", ""), 404, "not-found")
	own := pending
	own.Tries = 4
	s.workflows.set(calls.RecordingWorkflowID("abc", "s1"), own)
	require.Equal(t, own, decodeBody[calls.Recording](t, s.do(t, "GET", "/v1/recordings/abc", "")), "what the recording says")

	require.Equal(t, 202, s.do(t, "POST", "/v1/recordings/abc/retry", "").Code)
	require.Equal(t, []string{"recording:abc:" + calls.LegHash("s1") + " retry-now"}, s.workflows.updates)
	s.workflows.updated = temporal.NewApplicationError("it is being tried", "REFUSED")
	requireProblem(t, s.do(t, "POST", "/v1/recordings/abc/retry?leg=s1", ""), 409, "wrong-state")
	s.workflows.updated = desk.ErrNothingToRetry
	requireProblem(t, s.do(t, "POST", "/v1/recordings/abc/retry?leg=s1", ""), 409, "wrong-state")
	requireProblem(t, s.do(t, "POST", "/v1/recordings/abc/retry?leg=s9", ""), 404, "not-found")
	s.workflows.updated = nil
	for _, lost := range []calls.RecordingStatus{calls.RecordingExpired, calls.RecordingRefused} {
		own.Status = lost
		s.workflows.set(calls.RecordingWorkflowID("abc", "s1"), own)
		require.Equal(t, 202, s.do(t, "POST", "/v1/recordings/abc/retry", "").Code, lost)
	}
	own.Status = calls.RecordingPending
	s.workflows.set(calls.RecordingWorkflowID("abc", "s1"), own)

	s.store.bytes = []byte("0123456789")
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	stored := own
	stored.Status, stored.ContentType, stored.SHA256, stored.StoredAt = calls.RecordingStored, "audio/wav", hashOf(string(s.store.bytes)), &at
	second := stored
	second.Leg, second.LegHash = "s2", calls.LegHash("s2")
	s.store.recs = []calls.Recording{stored, second}
	require.Equal(t, stored, decodeBody[calls.Recording](t, s.do(t, "GET", "/v1/recordings/abc", "")), "what is stored")
	for _, leg := range []string{"s2", calls.LegHash("s2")} {
		require.Equal(t, "s2", decodeBody[calls.Recording](t, s.do(t, "GET", "/v1/recordings/abc?leg="+leg, "")).Leg)
	}
	requireProblem(t, s.do(t, "GET", "/v1/recordings/abc?leg=s3", ""), 404, "not-found")
	requireProblem(t, s.do(t, "POST", "/v1/recordings/abc/retry", ""), 409, "wrong-state")

	rec := s.do(t, "GET", "/v1/recordings/abc/audio", "")
	require.Equal(t, 200, rec.Code)
	require.Equal(t, "0123456789", rec.Body.String())
	require.Equal(t, "audio/wav", rec.Header().Get("Content-Type"))
	rec = s.do(t, "GET", "/v1/recordings/abc/audio?leg=s2", "", "Range", "bytes=2-4")
	require.Equal(t, http.StatusPartialContent, rec.Code)
	require.Equal(t, "234", rec.Body.String())
	require.Equal(t, "bytes 2-4/10", rec.Header().Get("Content-Range"))
	rec = s.do(t, "GET", "/v1/recordings/abc/audio", "", "Range", "bytes=20-")
	requireProblem(t, rec, 416, "no-such-range")
	require.Equal(t, "bytes */10", rec.Header().Get("Content-Range"))
	require.Equal(t, http.StatusNotModified, s.do(t, "GET", "/v1/recordings/abc/audio", "", "If-None-Match", `"`+stored.SHA256+`"`).Code)

	rec = s.do(t, "HEAD", "/v1/recordings/abc/audio", "")
	require.Equal(t, 200, rec.Code)
	require.Equal(t, "10", rec.Header().Get("Content-Length"))
	require.Empty(t, rec.Body.String())

	delete(s.workflows.states, "call:abc")
	require.Equal(t, stored, decodeBody[calls.Recording](t, s.do(t, "GET", "/v1/recordings/abc", "")), "recordings outlive their call")
	s.store.err = errors.New("bucket is gone")
	requireProblem(t, s.do(t, "GET", "/v1/recordings/abc", ""), 503, "store-unavailable")
	requireProblem(t, s.do(t, "GET", "/v1/recordings/abc/audio?leg=s1", ""), 503, "store-unavailable")
}

func TestRecordingWhoseURLCameAfterTheCallClosed(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.workflows.set("call:abc", calls.CallState{CallKey: "abc", Legs: []calls.Leg{{CallSID: "s0", Status: calls.StatusBusy}, {CallSID: "s1", Status: calls.StatusCompleted}}})
	s.workflows.closed["call:abc"] = true
	requireProblem(t, s.do(t, "GET", "/v1/recordings/abc", ""), 404, "not-found")
	late := calls.Recording{CallKey: "abc", Leg: "s1", LegHash: calls.LegHash("s1"), Status: calls.RecordingExpired}
	s.workflows.set(calls.RecordingWorkflowID("abc", "s1"), late)
	require.Equal(t, late, decodeBody[calls.Recording](t, s.do(t, "GET", "/v1/recordings/abc", "")))
	require.Equal(t, []calls.Recording{late}, decodeBody[calls.CallState](t, s.do(t, "GET", "/v1/calls/abc", "")).Recordings)
}
