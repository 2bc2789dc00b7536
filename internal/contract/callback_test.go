package contract_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

// TestCallbackTypesAreThoseOfTheSignals: a callback has the same name as the signal that tells a workflow.
func TestCallbackTypesAreThoseOfTheSignals(t *testing.T) {
	t.Parallel()
	at := time.Now()
	for signal, c := range map[string]struct {
		kind    string
		payload any
		callKey string
		thing   string
	}{
		calls.SignalOutboundOutcome("order-7"): {contract.CallbackOutbound, calls.OutboundOutcome{Outcome: calls.Outcome{CallKey: "c1", Revision: 2}}, "c1", "outbound-outcome:order-7"},
		calls.SignalCallOutcome("c1"):          {contract.CallbackCall, calls.Outcome{CallKey: "c1", Revision: 2}, "c1", "call-outcome:c1"},
		calls.SignalRecording("c1"):            {contract.CallbackRecording, calls.Recording{CallKey: "c1", LegHash: "l1"}, "", "recording:c1/l1"},
		calls.SignalMaskingClosed("77"):        {contract.CallbackMasking, calls.MaskingSummary{MaskID: "77", Revision: 2}, "", "masking-closed:77"},
	} {
		text, err := json.Marshal(c.payload)
		require.NoError(t, err)
		m, callKey, ok := contract.NewCallbackMessage(signal, text, at)
		require.True(t, ok, signal)
		require.Equal(t, c.kind, m.Type)
		require.Equal(t, c.callKey, callKey)
		require.Equal(t, c.thing, m.Thing)
		require.JSONEq(t, string(text), string(m.Data))
	}
	for signal, text := range map[string]string{"call-outcome:c1": "no JSON", "greeting": "{}", "masking-closed": "{}"} {
		_, _, ok := contract.NewCallbackMessage(signal, json.RawMessage(text), at)
		require.False(t, ok, signal)
	}
}

func TestCallbackSubject(t *testing.T) {
	t.Parallel()
	for _, subject := range []string{"outbound:order-7", "call:a:b", "mask-open:ride-9"} {
		id := calls.CallbackWorkflowID(subject, "aaaaaaaaaaaa")
		require.True(t, calls.CallbackWorkflow(id))
		require.False(t, calls.OwnWorkflowID(id), "it subscribes like one of a business")
		require.Equal(t, subject, contract.CallbackSubject(id))
	}
	require.Empty(t, contract.CallbackSubject("callback"))
}
