package e2e

import (
	"bytes"
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/devstack/stack"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/simulator"
)

// hearOutcomes is a business workflow that receives n outcomes of a request. One that comes again is no news.
func hearOutcomes(ctx workflow.Context, ref string, n int) ([]calls.OutboundOutcome, error) {
	told := workflow.GetSignalChannel(ctx, calls.SignalOutboundOutcome(ref))
	var out []calls.OutboundOutcome
	for revision := 0; len(out) < n; {
		var o calls.OutboundOutcome
		if told.Receive(ctx, &o); o.Revision > revision {
			out, revision = append(out, o), o.Revision
		}
	}
	return out, nil
}

// hearOfMyCall is a business workflow that receives the outcome of a call that names it. Signal "placed" tells which one.
func hearOfMyCall(ctx workflow.Context) (calls.Outcome, error) {
	var callID string
	workflow.GetSignalChannel(ctx, "placed").Receive(ctx, &callID)
	var outcome calls.Outcome
	workflow.GetSignalChannel(ctx, calls.SignalCallOutcome(calls.Key(callID))).Receive(ctx, &outcome)
	return outcome, nil
}

// placeElsewhere places a call as another client of the provider would, and returns its callId.
func placeElsewhere(t *testing.T, s *stack.Stack, to, referenceID string) string {
	t.Helper()
	var placed struct {
		CallID string `json:"callId"`
	}
	askProvider(t, s, "/calls", map[string]any{
		"recipient": []string{to}, "callerId": callerID, "type": "tts", "tts": map[string]string{"text": "hello"}, "referenceId": referenceID,
	}, &placed)
	require.NotEmpty(t, placed.CallID)
	return placed.CallID
}

func TestOutboundCompletesThroughTheCallLog(t *testing.T) {
	s := start(t, func(o *stack.Options) { o.Config.ReconcileAfter = time.Second })
	ref := placeCall(t, s, "+966500000008", nil)
	state := awaitOutcome(t, s, ref)
	require.Equal(t, calls.StatusCompleted, state.Outcome.Status)
	require.Equal(t, calls.SourceCallLog, state.Outcome.Source)
	require.Equal(t, []string{"1"}, dials(s, ref))
	require.Empty(t, s.Simulator().Deliveries())
}

func TestOutboundRejectionIsNotDialledAgain(t *testing.T) {
	s := start(t, nil)
	ref := placeCall(t, s, "+966500000011", nil)
	state := awaitOutcome(t, s, ref)
	require.Equal(t, calls.StatusRejected, state.Outcome.Status)
	require.Contains(t, state.Outcome.FailureReason, "Rejected by policy")
	require.Equal(t, []string{"1"}, dials(s, ref))
	require.Len(t, s.Simulator().Posts(), 1)
}

// TestOutboundUnknownIsToldAndRevised has a provider that responds 500 and never accepts. One request is posted, and its
// outcome is UNKNOWN. A much later notification revises the outcome, which is reported again.
func TestOutboundUnknownIsToldAndRevised(t *testing.T) {
	s := start(t, func(o *stack.Options) {
		o.Settings = func(s *desk.Settings) { s.Outbound.LookupWindow = 3 * time.Second }
	})
	c := startBusiness(t, s)
	business, ref := newID("business"), newID("order")
	run := execute(t, c, business, hearOutcomes, ref, 2)
	placeCall(t, s, "+966500000017", func(r *calls.OutboundCallRequest) {
		r.ReferenceID, r.Notify = ref, &calls.Notify{WorkflowID: business}
	})
	state := awaitOutcome(t, s, ref)
	require.Equal(t, calls.StatusUnknown, state.Outcome.Status)
	require.Equal(t, 1, state.Revision)
	require.Equal(t, []string{calls.AttentionUnknownPlacement}, state.Attention)
	require.Len(t, s.Simulator().Posts(), 1)
	require.Empty(t, s.Simulator().Calls())

	late := notification(newID("late"), map[string]any{"to": "+966500000017", "referenceId": calls.AttemptReferenceID(ref, 1)})
	answer, err := http.Post(s.Simulator().URL()+"/simulator/notify", "application/json", bytes.NewReader(late))
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusOK, answer.StatusCode)

	var told []calls.OutboundOutcome
	require.NoError(t, run.Get(t.Context(), &told))
	require.Equal(t, []calls.Status{calls.StatusUnknown, calls.StatusCompleted}, []calls.Status{told[0].Status, told[1].Status})
	require.Equal(t, []int{1, 2}, []int{told[0].Revision, told[1].Revision})
	require.Empty(t, getOutbound(t, s, ref, "0s").Attention)
	require.Len(t, s.Simulator().Posts(), 1)
}

// TestForgedFailureDoesNotDial reports a failure that did not happen, with everything that a true one would carry.
func TestForgedFailureDoesNotDial(t *testing.T) {
	for name, tc := range map[string]struct {
		answer    int // of the call log; 0: the truth
		attention string
	}{
		"the log says completed": {0, calls.AttentionConflict},
		"the log is silent":      {http.StatusServiceUnavailable, calls.AttentionGaveUp},
		"the log knows nothing":  {http.StatusNotFound, calls.AttentionGaveUp},
	} {
		t.Run(name, func(t *testing.T) {
			var s *stack.Stack
			s = start(t, func(o *stack.Options) {
				o.Simulator.OnLookup = func(string) int { return tc.answer }
				o.Simulator.OnCallAccepted = func(c simulator.Call) {
					_, _ = s.Notify(context.Background(), notification(c.CallID, map[string]any{
						"status": "FAILED", "failureReason": "forged", "to": c.To, "from": c.CallerID, "referenceId": c.ReferenceID,
					}))
				}
			})
			ref := placeCall(t, s, "+966500000008", func(r *calls.OutboundCallRequest) {
				r.Deadline, r.Failover = "12s", &calls.Failover{Delay: "1s"}
			})
			state := awaitOutcome(t, s, ref)
			require.Equal(t, calls.StatusFailed, state.Outcome.Status)
			require.Equal(t, []string{tc.attention}, state.Attention)
			require.Len(t, state.Attempts, 1)
			require.NotNil(t, state.Attempts[0].Verified)
			require.False(t, *state.Attempts[0].Verified)
			require.Equal(t, []string{"1"}, dials(s, ref))
			require.Len(t, s.Simulator().Posts(), 1)
		})
	}
}

// TestBusinessWorkflows places a call that fails over, and receives the outcome of one placed elsewhere.
func TestBusinessWorkflows(t *testing.T) {
	s := start(t, nil)
	c := startBusiness(t, s)
	t.Run("calls.Place", func(t *testing.T) {
		req := simpleRequest("04")
		req.Failover = &calls.Failover{Delay: "100ms"}
		var o calls.OutboundOutcome
		require.NoError(t, execute(t, c, newID("place"), placeOne, req).Get(t.Context(), &o))
		require.Equal(t, calls.StatusCompleted, o.Status)
		require.Equal(t, 2, o.Attempt)
		require.Equal(t, req.ReferenceID, o.ReferenceID)
		require.Equal(t, []string{"1", "2"}, dials(s, req.ReferenceID))
	})
	t.Run("a call that names its workflow", func(t *testing.T) {
		id := newID("mine")
		run := execute(t, c, id, hearOfMyCall)
		callID := placeElsewhere(t, s, "+966500000001", calls.ForeignWorkflowPrefix+id)
		require.NoError(t, c.SignalWorkflow(t.Context(), id, "", "placed", callID))
		var o calls.Outcome
		require.NoError(t, run.Get(t.Context(), &o))
		require.Equal(t, calls.StatusBusy, o.Status)
		require.Equal(t, calls.Key(callID), o.CallKey)
		require.Equal(t, calls.SourceNotification, o.Source)
	})
}
