package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/devstack/stack"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/simulator"
)

// sessionTold is a business workflow that receives news of a session until it ends, and returns the news.
func sessionTold(ctx workflow.Context, maskID string) ([]string, error) {
	var heard []string
	closed := workflow.GetSignalChannel(ctx, calls.SignalMaskingClosed(maskID))
	err := workflow.Await(ctx, func() bool { return closed.Len() > 0 })
	for _, name := range workflow.GetUnhandledSignalNames(ctx) {
		var o calls.Outcome
		for c := workflow.GetSignalChannel(ctx, name); name != closed.Name() && c.ReceiveAsync(&o); {
			heard = append(heard, fmt.Sprintf("%s %s %s", name, o.CallKey, o.Status))
		}
	}
	var summary calls.MaskingSummary
	closed.ReceiveAsync(&summary)
	slices.Sort(heard)
	return append(heard, fmt.Sprintf("%s %+v", summary.Reason, summary.Totals)), err
}

// startSessionTold starts sessionTold on a worker that knows only package calls of aftercall.
func startSessionTold(t *testing.T, s *stack.Stack, id, maskID string) client.WorkflowRun {
	t.Helper()
	c, err := client.Dial(client.Options{HostPort: s.TemporalAddress(), Namespace: s.TemporalNamespace(), Logger: quiet{}})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	w := worker.New(c, "rides", worker.Options{})
	w.RegisterWorkflow(sessionTold)
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: "rides"}, sessionTold, maskID)
	require.NoError(t, err)
	return run
}

func TestMaskingSessionIsClosedAndItsSubscriberTold(t *testing.T) {
	s := start(t, nil)
	told := newID("told")
	req := calls.MaskingSessionRequest{ReferenceID: newID("ride"), From: rider, To: driver, Notify: &calls.Notify{WorkflowID: told}}
	status, state := openMask(t, s, req)
	require.Equal(t, http.StatusCreated, status)
	run := startSessionTold(t, s, told, state.MaskID)

	status, again := openMask(t, s, req)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, state.MaskID, again.MaskID)
	other := req
	other.To = stranger
	status, _ = openMask(t, s, other)
	require.Equal(t, http.StatusConflict, status)
	require.Len(t, s.Simulator().Masks(), 1)

	placed := callMask(t, s, simulator.MaskedCall{MaskID: state.MaskID, From: rider})
	placed = append(placed, callMask(t, s, simulator.MaskedCall{MaskID: state.MaskID, From: driver, Scenario: "shuffled"})...)
	awaitMask(t, s, state.MaskID, func(m calls.MaskingSessionState) bool {
		return len(m.Calls) == 2 && m.Calls[0].Pairing == calls.PairingPaired && m.Calls[1].Pairing == calls.PairingPaired
	})
	for range 3 {
		status, closed := askMask(t, s, http.MethodDelete, state.MaskID, nil)
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, calls.MaskingClosed, closed.State)
		require.Len(t, closed.Calls, 2)
	}
	require.True(t, s.Simulator().Masks()[0].Inactive)
	_, err := s.Simulator().PlaceMaskedCall(simulator.MaskedCall{MaskID: state.MaskID, From: rider})
	require.ErrorIs(t, err, simulator.ErrInactiveMask)

	var heard, want []string
	require.NoError(t, run.Get(t.Context(), &heard))
	for _, p := range placed {
		want = append(want, fmt.Sprintf("%s %s COMPLETED", calls.SignalCallOutcome(p.OutboundCallID), p.OutboundCallID))
	}
	slices.Sort(want)
	require.Equal(t, append(want, "closed {Calls:2 Paired:2 Partial:0 Ambiguous:0 Completed:2}"), heard)

	status, _ = askMask(t, s, http.MethodDelete, "nobody-knows", nil)
	require.Equal(t, http.StatusNotFound, status)
}

// elsewhere makes a mask at the provider that aftercall does not know.
func elsewhere(t *testing.T, s *stack.Stack) string {
	t.Helper()
	var mask struct {
		MaskID string `json:"maskId"`
	}
	askProvider(t, s, "/providers/masks", map[string]any{"from": rider, "to": driver}, &mask)
	require.NotEmpty(t, mask.MaskID)
	return mask.MaskID
}

func TestSessionOfAnUnknownMaskStartsAtItsFirstLeg(t *testing.T) {
	s := start(t, nil)
	maskID := elsewhere(t, s)
	status, _ := askMask(t, s, http.MethodGet, maskID, nil)
	require.Equal(t, http.StatusNotFound, status)
	placed := callMask(t, s, simulator.MaskedCall{MaskID: maskID, From: rider})
	state := awaitMask(t, s, maskID, func(m calls.MaskingSessionState) bool {
		return len(m.Calls) == 1 && m.Calls[0].Pairing == calls.PairingPaired
	})
	require.Equal(t, "PAIRED COMPLETED "+placed[0].InboundCallSID+" "+placed[0].OutboundCallSID, story(state)[0])
	require.Equal(t, calls.MaskingOpen, state.State)
	status, state = askMask(t, s, http.MethodDelete, maskID, nil)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, calls.MaskingClosed, state.State)
}

// TestMaskingSessionThatIsOverTellsItsStory closes a session, waits for the end of its workflow, and asks for it again.
func TestMaskingSessionThatIsOverTellsItsStory(t *testing.T) {
	s := start(t, func(o *stack.Options) {
		o.Settings = func(s *desk.Settings) { s.Masking.PairingWindow, s.Masking.RecordingsAfter = time.Second, time.Second }
	})
	maskID := elsewhere(t, s)
	callMask(t, s, simulator.MaskedCall{MaskID: maskID, From: rider, Scenario: "no-outbound-leg"})
	awaitMask(t, s, maskID, func(m calls.MaskingSessionState) bool { return len(m.Calls) == 1 })
	status, _ := askMask(t, s, http.MethodDelete, maskID, nil)
	require.Equal(t, http.StatusOK, status)
	var result calls.MaskingSessionState
	require.NoError(t, s.Temporal().GetWorkflow(t.Context(), calls.MaskingSessionWorkflowID(maskID), "").Get(t.Context(), &result))
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		status, state := askMask(t, s, method, maskID, nil)
		require.Equal(t, http.StatusOK, status, method)
		require.Equal(t, calls.MaskingClosed, state.State)
		require.Equal(t, story(result), story(state))
	}
}
