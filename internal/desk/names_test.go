package desk_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/ids"
	"github.com/aftercall/aftercall/internal/keys"
)

// telling is an id of the provider's with a number in it.
const telling = "c-966577310005-1"

func named(t *testing.T) desk.Settings {
	t.Helper()
	ring, err := keys.New(time.Now()).Ring()
	require.NoError(t, err)
	return desk.Settings{Names: ids.Namer{Hash: ring.Hash()}}
}

func TestTellingIDsStandHashed(t *testing.T) {
	t.Parallel()
	f, d := serveWith(t, named(t))
	key, err := d.CallKey(t.Context(), telling)
	require.NoError(t, err)
	require.Regexp(t, `^hmac-[0-9a-f]{32}$`, key)
	again, err := d.CallKey(t.Context(), key)
	require.NoError(t, err)
	require.Equal(t, key, again)
	plain, err := d.CallKey(t.Context(), "n-1")
	require.NoError(t, err)
	require.Equal(t, "n-1", plain)

	require.NoError(t, d.TellMaskingSession(t.Context(), "mask-966577310005", calls.CallState{}))
	leg := contract.RecordingURL{CallKey: key, LegKey: "provisional|OUTBOUND|+966118844701|+966577310005", MaskID: "mask-966577310005", URL: "https://rec.example/x"}
	rec, err := d.KeepRecording(t.Context(), leg)
	require.NoError(t, err)
	require.NotEqual(t, calls.LegHash(leg.LegKey), rec.LegHash, "trying all numbers finds the leg of a plain hash")
	for id, started := range f.started {
		require.NotContains(t, id+started.SearchAttributes.String()+started.UserMetadata.GetSummary().String(), "577310005")
	}
	require.Contains(t, f.started, calls.RecordingWorkflowIDOfHash(key, rec.LegHash))
}

// TestWhatRunsUnderAnOldNameKeepsIt: a call, a session or a recording that an earlier release started, or has ended.
func TestWhatRunsUnderAnOldNameKeepsIt(t *testing.T) {
	t.Parallel()
	f, d := serveWith(t, named(t))
	f.started["call:"+telling] = &workflowservice.StartWorkflowExecutionRequest{}
	f.started["mask:"+telling] = &workflowservice.StartWorkflowExecutionRequest{}
	key, err := d.CallKey(t.Context(), telling)
	require.NoError(t, err)
	require.Equal(t, telling, key)
	session, err := d.SessionID(t.Context(), telling)
	require.NoError(t, err)
	require.Equal(t, "mask:"+telling, session)

	leg := contract.RecordingURL{CallKey: "n-1", LegKey: "sid-966577310005", URL: "https://rec.example/x"}
	f.started[calls.RecordingWorkflowID("n-1", leg.LegKey)] = &workflowservice.StartWorkflowExecutionRequest{}
	rec, err := d.KeepRecording(t.Context(), leg)
	require.NoError(t, err)
	require.Equal(t, calls.LegHash(leg.LegKey), rec.LegHash)
}

func TestWithoutAHashKeyNamesAreAsBefore(t *testing.T) {
	t.Parallel()
	_, d := serve(t)
	key, err := d.CallKey(t.Context(), telling)
	require.NoError(t, err)
	require.Equal(t, telling, key)
}
