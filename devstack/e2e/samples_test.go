package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/aftercall/aftercall/calls"
)

// TestProvidersSamples: each sample of the provider's webhook page, made into valid JSON, becomes a workflow that an
// operator finds by its search attributes, and a call in the API.
func TestProvidersSamples(t *testing.T) {
	s := start(t, nil)
	for file, callID := range map[string]string{
		"ivr.json":              "1c9ebf6a-dd62-4c49-b0b3-c1b1494e01f1",
		"masking-inbound.json":  "",
		"masking-outbound.json": "",
	} {
		body, err := os.ReadFile(filepath.Join("..", "..", "internal", "unifonic", "testdata", "notifications", file))
		require.NoError(t, err)
		status, answer := request(t, s, http.MethodPost, "/webhooks/unifonic", body)
		require.Equal(t, http.StatusOK, status, string(answer))
		var accepted struct {
			Status  string `json:"status"`
			CallKey string `json:"callKey"`
		}
		require.NoError(t, json.Unmarshal(answer, &accepted))
		require.Equal(t, "accepted", accepted.Status, file)
		if callID != "" {
			require.Equal(t, callID, accepted.CallKey)
		}

		state := awaitFinal(t, s, accepted.CallKey)
		require.Equal(t, calls.CallWorkflowID(accepted.CallKey), state.WorkflowID)
		require.Equal(t, calls.StatusCompleted, state.Outcome.Status)
		require.Equal(t, 17, state.Outcome.DurationSeconds)
		require.Equal(t, calls.SourceNotification, state.Outcome.Source)
		require.Len(t, state.Legs, 1)

		query := "WorkflowId = '" + state.WorkflowID + "' AND WorkflowType = 'Call' AND CallId = '" + accepted.CallKey +
			"' AND CallStatus = 'COMPLETED' AND CallSid = '" + state.Legs[0].CallSID + "'"
		require.Eventually(t, func() bool {
			found, err := s.Temporal().CountWorkflow(t.Context(), &workflowservice.CountWorkflowExecutionsRequest{Query: query})
			return err == nil && found.Count == 1
		}, 30*time.Second, 100*time.Millisecond, "%s: nothing found by %s", file, query)
	}
}

// TestCancelledCallEnds: cancelling a call's workflow ends it, and later notifications do not block the inbox.
func TestCancelledCallEnds(t *testing.T) {
	s := start(t, nil)
	callID := newID("cancelled")
	require.Equal(t, http.StatusOK, notify(t, s, notification(callID, map[string]any{"status": "RINGING", "completedAt": nil, "duration": nil})))
	awaitWorkflow(t, s, calls.CallWorkflowID(callID))
	require.NoError(t, s.Temporal().CancelWorkflow(t.Context(), calls.CallWorkflowID(callID), ""))
	require.Eventually(t, func() bool {
		description, err := s.Temporal().DescribeWorkflowExecution(t.Context(), calls.CallWorkflowID(callID), "")
		return err == nil && description.WorkflowExecutionInfo.CloseTime != nil
	}, 30*time.Second, 50*time.Millisecond)

	other := newID("other")
	require.Equal(t, http.StatusOK, notify(t, s, notification(other, nil)))
	require.Equal(t, calls.StatusCompleted, awaitFinal(t, s, other).Outcome.Status)
}
