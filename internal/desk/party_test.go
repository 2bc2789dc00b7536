package desk_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/ids"
	"github.com/aftercall/aftercall/internal/intake"
	"github.com/aftercall/aftercall/internal/keys"
)

// TestWorkflowsStartWithTheHashesOfTheirNumbers: writing them costs no event.
func TestWorkflowsStartWithTheHashesOfTheirNumbers(t *testing.T) {
	t.Parallel()
	ring, err := keys.New(time.Now()).Ring()
	require.NoError(t, err)
	hash := ring.Hash()
	f, d := serveWith(t, desk.Settings{Names: ids.Namer{Hash: hash}})
	const caller, called, mask = "+966115219000", "+966500000004", "+966110000000"

	asked, fault := ask(t, "hello", "", time.Now())
	_, err = d.PlaceCall(t.Context(), asked, fault)
	require.NoError(t, err)
	require.NoError(t, d.Notify(t.Context(), calls.StatusEvent{CallKey: "heard", From: caller, To: "00966 50 000 0004"}))
	require.NoError(t, d.Notify(t.Context(), calls.StatusEvent{CallKey: "hidden", From: "anonymous", To: "+9665*****04"}))
	_, err = d.Track(t.Context(), "tracked", calls.Tracking{To: called})
	require.NoError(t, err)
	masking, err := intake.Masking{}, error(nil)
	masking.Request = calls.MaskingSessionRequest{ReferenceID: "session", From: caller, To: called}
	_, err = d.OpenMaskingSession(t.Context(), masking)
	require.NoError(t, err)
	require.NoError(t, d.MaskOpened(t.Context(), "opened", contract.MaskOpened{From: caller, To: called, MaskingNumber: mask}))
	require.NoError(t, d.TellMaskingSession(t.Context(), "foreign", calls.CallState{Parties: []string{"x"}, Legs: []calls.Leg{{From: caller, To: mask}}}))
	_, err = d.KeepRecording(t.Context(), contract.RecordingURL{CallKey: "heard", LegKey: "leg", URL: "https://a/b", Parties: []string{"x"}})
	require.NoError(t, err)

	for id, want := range map[string][]string{
		"outbound:order-1": {hash.Phone(caller), hash.Phone(called)}, "call:heard": {hash.Phone(caller), hash.Phone(called)}, "call:hidden": nil,
		"call:tracked": {hash.Phone(called)}, "mask-open:session": {hash.Phone(caller), hash.Phone(called)},
		"mask:opened":  {hash.Phone(caller), hash.Phone(called), hash.Phone(mask)},
		"mask:foreign": {"x", hash.Phone(caller), hash.Phone(mask)}, calls.RecordingWorkflowID("heard", "leg"): {"x"},
	} {
		started := f.started[id]
		require.NotNil(t, started, id)
		var got []string
		if p := started.SearchAttributes.GetIndexedFields()["PartyHash"]; p != nil {
			require.NoError(t, json.Unmarshal(p.Data, &got))
		}
		require.ElementsMatch(t, want, got, id)
	}
}
