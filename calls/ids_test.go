package calls_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/calls"
)

func TestKey(t *testing.T) {
	for in, want := range map[string]string{
		"":                                  "",
		"1c9ebf6a-dd62":                     "1c9ebf6a-dd62",
		"a.b_c:d-E9":                        "a.b_c:d-E9",
		strings.Repeat("x", 128):            strings.Repeat("x", 128),
		strings.Repeat("x", 129):            "sha256-",
		"with space":                        "sha256-",
		"../../etc":                         "sha256-",
		"مكالمة":                            "sha256-",
		"line\nbreak":                       "sha256-",
		calls.HashedKey("with space"):       calls.HashedKey("with space"),
		"sha256-" + strings.Repeat("0", 64): "sha256-" + strings.Repeat("0", 64),
	} {
		got := calls.Key(in)
		if strings.HasPrefix(want, "sha256-") && got != want {
			require.Regexp(t, `^sha256-[0-9a-f]{64}$`, got, in)
			require.Equal(t, got, calls.Key(got), "a key is its own key")
			continue
		}
		require.Equal(t, want, got)
	}
}

func TestAttemptReferenceID(t *testing.T) {
	ref, n, ok := calls.ParseAttemptReferenceID(calls.AttemptReferenceID("order-7", 12))
	require.True(t, ok)
	require.Equal(t, "order-7", ref)
	require.Equal(t, 12, n)
	for _, other := range []string{"", "order-7", "-a1", "order-a", "order-a0", "order-a1b", "order-a99999999999"} {
		_, _, ok := calls.ParseAttemptReferenceID(other)
		require.False(t, ok, other)
	}
}

func TestOwnWorkflowID(t *testing.T) {
	for _, id := range []string{
		calls.CallWorkflowID("x"), calls.OutboundCallWorkflowID("x"), calls.MaskingSessionWorkflowID("x"),
		calls.OpenMaskingSessionWorkflowID("x"), calls.RecordingWorkflowID("x", "y"),
	} {
		require.True(t, calls.OwnWorkflowID(id), id)
	}
	require.False(t, calls.OwnWorkflowID("order-7"))
}

func TestStatusRank(t *testing.T) {
	order := []calls.Status{
		calls.StatusUnknown, calls.StatusQueued, calls.StatusInitiated, calls.StatusRinging, calls.StatusAnswered,
		calls.StatusFailed, calls.StatusCancelled, calls.StatusRejected, calls.StatusNoAnswer, calls.StatusBusy,
		calls.StatusCompletedWithFailure, calls.StatusCompleted,
	}
	for i, s := range order {
		require.Equal(t, i, s.Rank(), s)
		require.Equal(t, i > 4, s.Terminal(), s)
	}
	require.False(t, calls.Status("TRANSFERRING").Terminal())
}

func TestRecordingIdentity(t *testing.T) {
	same := calls.RecordingIdentity("https://Host.example/a/b.wav?sig=1")
	require.Equal(t, same, calls.RecordingIdentity("https://host.example/a/b.wav?sig=2"))
	for _, other := range []string{"https://host.example/a/c.wav", "http://host.example/a/b.wav", "https://host.example:444/a/b.wav"} {
		require.NotEqual(t, same, calls.RecordingIdentity(other))
	}
	require.Empty(t, calls.RecordingIdentity(""))
	require.Empty(t, calls.RecordingIdentity("not a url"))
}
