package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/devstack/stack"
)

const callerID, secondaryCallerID = "+966115219000", "+966115219001"

// placeCall requests a call to a number with an ending, and returns its referenceId.
func placeCall(t *testing.T, s *stack.Stack, to string, edit func(*calls.OutboundCallRequest)) string {
	t.Helper()
	req := calls.OutboundCallRequest{
		ReferenceID: newID("order"), To: to, CallerID: callerID, SecondaryCallerID: secondaryCallerID,
		Type: calls.CallTypeTTS, TTS: &calls.TTS{Text: "hello", Language: "english", Voice: "female"},
	}
	if edit != nil {
		edit(&req)
	}
	body, err := json.Marshal(req)
	require.NoError(t, err)
	status, answer := request(t, s, http.MethodPost, "/v1/outbound-calls", body)
	require.Equal(t, http.StatusAccepted, status, "%s", answer)
	return req.ReferenceID
}

// getOutbound requests a request's state from the API, and retries if a busy machine responds "try later".
func getOutbound(t *testing.T, s *stack.Stack, ref, wait string) calls.OutboundCallState {
	t.Helper()
	var state calls.OutboundCallState
	require.Eventually(t, func() bool {
		status, answer := request(t, s, http.MethodGet, "/v1/outbound-calls/"+ref+"?wait="+wait, nil)
		if status == http.StatusServiceUnavailable {
			return false
		}
		require.Equal(t, http.StatusOK, status, "%s", answer)
		require.NoError(t, json.Unmarshal(answer, &state))
		return true
	}, 2*time.Minute, 50*time.Millisecond, "request %s cannot be asked for", ref)
	return state
}

// awaitOutcome waits until a request has an outcome.
func awaitOutcome(t *testing.T, s *stack.Stack, ref string) calls.OutboundCallState {
	t.Helper()
	var state calls.OutboundCallState
	require.Eventually(t, func() bool {
		state = getOutbound(t, s, ref, "10s")
		return state.Outcome != nil
	}, 2*time.Minute, 50*time.Millisecond, "request %s has no outcome", ref)
	return state
}

// dials returns the attempts of a request for which the provider accepted a call: the witness.
func dials(s *stack.Stack, ref string) (attempts []string) {
	for _, c := range s.Simulator().Calls() {
		if rest, ours := strings.CutPrefix(c.ReferenceID, ref+"-a"); ours {
			attempts = append(attempts, rest)
		}
	}
	return attempts
}

func TestOutboundEndings(t *testing.T) {
	s := start(t, nil)
	for to, want := range map[string]struct {
		status  calls.Status
		dials   []string
		attempt int
		source  calls.Source
	}{
		"+966500000000": {calls.StatusCompleted, []string{"1"}, 1, calls.SourceNotification},
		"+966500000001": {calls.StatusBusy, []string{"1"}, 1, calls.SourceNotification},
		"+966500000003": {calls.StatusFailed, []string{"1", "2"}, 2, calls.SourceNotification},
		"+966500000004": {calls.StatusCompleted, []string{"1", "2"}, 2, calls.SourceNotification},
		"+966500000009": {calls.StatusCompleted, []string{"1"}, 1, calls.SourceNotification},
		"+966500000010": {calls.StatusCompleted, []string{"1"}, 1, calls.SourceNotification},
		"+966500000015": {calls.StatusCompleted, []string{"1"}, 1, calls.SourceNotification},
		"+966500000016": {calls.StatusCompleted, []string{"1"}, 1, calls.SourceNotification},
	} {
		t.Run(to[len(to)-2:], func(t *testing.T) {
			t.Parallel()
			ref := placeCall(t, s, to, nil)
			state := awaitOutcome(t, s, ref)
			require.Equal(t, want.status, state.Outcome.Status)
			require.Equal(t, want.attempt, state.Outcome.Attempt)
			require.Equal(t, want.dials, dials(s, ref))
		})
	}
}

// TestOutboundStopReachesTheQueue pauses the dial queue, and stops a request that waits in it.
func TestOutboundStopReachesTheQueue(t *testing.T) {
	s := start(t, func(o *stack.Options) { o.Config.DialRate = 0 })
	stopped := placeCall(t, s, "+966500000000", nil)
	late := placeCall(t, s, "+966500000000", func(r *calls.OutboundCallRequest) { r.Deadline, r.Failover = "4s", &calls.Failover{Delay: "1s"} })
	require.Eventually(t, func() bool { return getOutbound(t, s, stopped, "0s").State == calls.OutboundDialling }, 30*time.Second, 50*time.Millisecond)
	status, answer := request(t, s, http.MethodDelete, "/v1/outbound-calls/"+stopped, nil)
	require.Equal(t, http.StatusOK, status, "%s", answer)
	require.Equal(t, calls.StatusStopped, awaitOutcome(t, s, stopped).Outcome.Status)
	require.Equal(t, calls.StatusDeadline, awaitOutcome(t, s, late).Outcome.Status)
	require.Empty(t, s.Simulator().Posts())
}

// TestOutboundResetNeverDials resets a running and a closed request to every one of its workflow tasks.
func TestOutboundResetNeverDials(t *testing.T) {
	for name, grace := range map[string]time.Duration{"running": time.Hour, "closed": time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			s := start(t, func(o *stack.Options) { o.Config.CallGrace = grace })
			ref := placeCall(t, s, "+966500000004", nil)
			id := calls.OutboundCallWorkflowID(ref)
			awaitOutcome(t, s, ref)
			require.Equal(t, []string{"1", "2"}, dials(s, ref))
			if name == "closed" {
				require.NoError(t, s.Temporal().GetWorkflow(t.Context(), id, "").Get(t.Context(), nil))
			}
			first, err := s.Temporal().DescribeWorkflowExecution(t.Context(), id, "")
			require.NoError(t, err)
			run := first.GetWorkflowExecutionInfo().GetExecution().GetRunId()
			resets := 0
			for range resetEverywhere(t, s, id) {
				resets++
				settle(t, s, id, run)
			}
			require.Greater(t, resets, 3)
			require.Equal(t, []string{"1", "2"}, dials(s, ref))
			require.Len(t, s.Simulator().Posts(), 2)
		})
	}
}

// settle waits until the run after a reset has no PlaceCall in progress.
func settle(t *testing.T, s *stack.Stack, id, original string) {
	t.Helper()
	require.Eventually(t, func() bool {
		desc, err := s.Temporal().DescribeWorkflowExecution(t.Context(), id, "")
		require.NoError(t, err)
		if desc.GetWorkflowExecutionInfo().GetExecution().GetRunId() == original || desc.GetPendingWorkflowTask() != nil {
			return false
		}
		for _, a := range desc.GetPendingActivities() {
			if a.GetActivityType().GetName() == "PlaceCall" {
				return false
			}
		}
		return true
	}, 30*time.Second, 20*time.Millisecond)
}
