package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/devstack/stack"
	"github.com/aftercall/aftercall/internal/simulator"
)

// api sends a request to the program's API and returns the status, 0 if there was no response.
func (p *product) api(t *testing.T, method, path string, body any) (int, []byte) {
	t.Helper()
	var text bytes.Buffer
	if body != nil {
		require.NoError(t, json.NewEncoder(&text).Encode(body))
	}
	req, err := http.NewRequestWithContext(t.Context(), method, p.base+path, &text)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer key")
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, nil
	}
	return res.StatusCode, answer
}

// awaitAPI waits until the program responds.
func (p *product) awaitAPI(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		status, _ := p.api(t, http.MethodGet, "/v1/outbound-calls/nobody-asked", nil)
		return status != 0
	}, 30*time.Second, 50*time.Millisecond, "the program does not answer")
}

func simpleRequest(ending string) calls.OutboundCallRequest {
	return calls.OutboundCallRequest{
		ReferenceID: newID("once"), To: "+9665000000" + ending, CallerID: callerID, SecondaryCallerID: secondaryCallerID,
		Type: calls.CallTypeTTS, TTS: &calls.TTS{Text: "hello"},
	}
}

// closedRequest waits until a request's workflow has ended, and returns its result.
func closedRequest(t *testing.T, s *stack.Stack, ref string) calls.OutboundCallState {
	t.Helper()
	var state calls.OutboundCallState
	require.NoError(t, s.Temporal().GetWorkflow(t.Context(), calls.OutboundCallWorkflowID(ref), "").Get(t.Context(), &state))
	return state
}

// TestWorkerKilledAfterAcceptance kills the program with -9 after the provider has accepted a call and before it responds.
// The call is settled by its notification or the call log, and nobody is called a second time.
func TestWorkerKilledAfterAcceptance(t *testing.T) {
	for role, tc := range map[string]struct {
		ending string
		source calls.Source
	}{
		"worker": {"00", calls.SourceNotification}, // serve continues and receives it
		"run":    {"08", calls.SourceCallLog},      // nothing receives it, and it is not sent again
	} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			var victim atomic.Pointer[product]
			killed := make(chan struct{})
			s := start(t, func(o *stack.Options) {
				o.Simulator.OnCallAccepted = func(simulator.Call) {
					if p := victim.Swap(nil); p != nil {
						_ = p.cmd.Process.Kill()
						_ = p.cmd.Wait()
						close(killed)
					}
				}
			})
			require.NoError(t, s.StopApp(), "the program under test runs in a process of its own")
			p := newProduct(t, s)
			quick := []string{"AFTERCALL_UNIFONIC_TIMEOUT=1s", "AFTERCALL_CALL_GRACE=1s"}
			p.env = append(p.env, quick...)
			serve := p
			if role == "worker" {
				serve = another(t, s, p.path)
				serve.env = append(serve.env, quick...)
				serve.startAs(t, "serve")
				defer serve.kill(t)
			}
			p.startAs(t, role)
			victim.Store(p)
			hook := simulator.Webhook{URL: serve.base + "/webhooks/unifonic", Username: p.user[0], Password: p.user[1]}
			require.NoError(t, s.Simulator().SetWebhook(hook))
			serve.awaitAPI(t)

			req := simpleRequest(tc.ending)
			status, answer := serve.api(t, http.MethodPost, "/v1/outbound-calls", req)
			require.Equal(t, http.StatusAccepted, status, "%s", answer)
			select {
			case <-killed:
			case <-time.After(time.Minute):
				require.Fail(t, "nothing was dialled")
			}
			p.startAs(t, role)
			defer p.kill(t)

			state := closedRequest(t, s, req.ReferenceID)
			require.Equal(t, calls.StatusCompleted, state.Outcome.Status)
			require.Equal(t, tc.source, state.Outcome.Source)
			require.Len(t, state.Attempts, 1)
			require.Equal(t, []string{"1"}, dials(s, req.ReferenceID))
			require.Len(t, s.Simulator().Posts(), 1)
		})
	}
}

// TestRepeatedRequestDialsOnce repeats the same request: to two processes at once, after it has ended, and after a 503.
func TestRepeatedRequestDialsOnce(t *testing.T) {
	s := start(t, func(o *stack.Options) {
		o.Config.CallGrace = time.Second
		o.Temporal.DataFile = filepath.Join(t.TempDir(), "temporal.db")
	})
	a := newProduct(t, s)
	b := another(t, s, a.path)
	for _, p := range []*product{a, b} {
		p.env = append(p.env, "AFTERCALL_CALL_GRACE=1s")
		p.startAs(t, "serve")
		defer p.kill(t)
		p.awaitAPI(t)
	}
	// both sends a request four times to each process at once, and counts the responses by status.
	both := func(req calls.OutboundCallRequest) map[int]int {
		var mu sync.Mutex
		answers := map[int]int{}
		var all sync.WaitGroup
		for range 4 {
			for _, p := range []*product{a, b} {
				all.Go(func() {
					status, _ := p.api(t, http.MethodPost, "/v1/outbound-calls", req)
					mu.Lock()
					defer mu.Unlock()
					answers[status]++
				})
			}
		}
		all.Wait()
		return answers
	}

	req := simpleRequest("00")
	require.Equal(t, map[int]int{http.StatusAccepted: 1, http.StatusOK: 7}, both(req))
	require.Equal(t, calls.StatusCompleted, closedRequest(t, s, req.ReferenceID).Outcome.Status)
	require.Equal(t, map[int]int{http.StatusOK: 8}, both(req), "after it has ended")

	again := simpleRequest("00")
	s.StopTemporal()
	status, answer := a.api(t, http.MethodPost, "/v1/outbound-calls", again)
	require.Equal(t, http.StatusServiceUnavailable, status, "%s", answer)
	require.NoError(t, s.StartTemporal(t.Context()))
	require.Eventually(t, func() bool {
		status, _ := a.api(t, http.MethodPost, "/v1/outbound-calls", again)
		return status == http.StatusAccepted || status == http.StatusOK
	}, time.Minute, 100*time.Millisecond)
	require.Eventually(t, func() bool { return both(again)[http.StatusOK] == 8 }, time.Minute, 100*time.Millisecond)
	require.Equal(t, calls.StatusCompleted, closedRequest(t, s, again.ReferenceID).Outcome.Status)

	for _, ref := range []string{req.ReferenceID, again.ReferenceID} {
		require.Equal(t, []string{"1"}, dials(s, ref))
	}
	require.Len(t, s.Simulator().Posts(), 2)
}
