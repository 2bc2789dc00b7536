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

// telling is an id of the provider with a number in it.
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

// TestWhatRunsUnderAnOldNameKeepsIt covers calls, sessions and recordings that an earlier release started or has ended.
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

// TestReferenceOfAnIdempotencyKey: a key that holds a number becomes a keyed hash, unless an earlier release has made
// another referenceId of it, or may be making one.
func TestReferenceOfAnIdempotencyKey(t *testing.T) {
	t.Parallel()
	settings := named(t)
	var minded desk.Former
	settings.Former = func() desk.Former { return minded }
	f, d := serveWith(t, settings)
	forms := settings.Names.References(telling)
	now, before := forms[0], forms[1]
	reference := func(want, wantFormer string) {
		t.Helper()
		got, former, err := d.Reference(t.Context(), telling, calls.OutboundCallWorkflowID)
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, wantFormer, former)
	}
	reference(now, "")
	minded = desk.FormerRemembers
	reference(now, before)
	minded = desk.FormerWorks
	reference(before, "")
	f.started["outbound:"+now] = &workflowservice.StartWorkflowExecutionRequest{}
	reference(now, before)
	f.started["outbound:"+before] = &workflowservice.StartWorkflowExecutionRequest{}
	for _, minded = range []desk.Former{desk.FormerGone, desk.FormerRemembers, desk.FormerWorks} {
		reference(before, "")
	}
	got, former, err := d.Reference(t.Context(), "c0ffee-42", calls.OutboundCallWorkflowID)
	require.NoError(t, err)
	require.Equal(t, settings.Names.References("c0ffee-42")[0], got)
	require.Empty(t, former)
}
