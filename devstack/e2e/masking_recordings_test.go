package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/devstack/stack"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/simulator"
)

// TestNoCallGetsTheConversationOfAnother records five calls of a session. The links of some are dead, and the session's
// list names the recordings in every way that the provider may.
func TestNoCallGetsTheConversationOfAnother(t *testing.T) {
	s := start(t, func(o *stack.Options) {
		o.Settings = func(s *desk.Settings) {
			s.Masking.PairingWindow, s.Masking.RecordingsAfter = time.Second, 3*time.Second
		}
	})
	maskID := elsewhere(t, s)
	cases := []struct {
		call   simulator.MaskedCall
		status calls.RecordingStatus
	}{
		{simulator.MaskedCall{}, calls.RecordingStored},
		{simulator.MaskedCall{DeadLink: true, Listed: "dead"}, calls.RecordingPending},
		{simulator.MaskedCall{DeadLink: true}, calls.RecordingStored}, // a fresh link of the same path is listed
		{simulator.MaskedCall{DeadLink: true, Listed: "other-path"}, calls.RecordingPending},
		{simulator.MaskedCall{Scenario: "no-call-id,unlinked"}, calls.RecordingStored},
	}
	sids := map[string]int{}
	for i, c := range cases {
		c.call.MaskID, c.call.From, c.call.Recorded = maskID, rider, true
		sids[callMask(t, s, c.call)[0].InboundCallSID] = i
		awaitMask(t, s, maskID, func(m calls.MaskingSessionState) bool { return len(m.Calls) == i+1 })
	}
	state := awaitMask(t, s, maskID, func(m calls.MaskingSessionState) bool {
		for _, c := range m.Calls {
			if len(c.Recordings) != 1 || c.Recordings[0].Status == calls.RecordingPending && !c.Recordings[0].Alarm {
				return false
			}
		}
		return len(m.Recordings) == 1 && m.Recordings[0].Status == calls.RecordingStored
	})
	kept, err := s.Simulator().Recordings()
	require.NoError(t, err)
	require.Len(t, kept, len(cases))
	truth := map[string]string{}
	for _, r := range kept {
		truth[r.CallSID] = r.SHA256
	}
	require.Len(t, state.Calls, len(cases))
	for _, c := range state.Calls {
		i, r := sids[c.Inbound.CallSID], c.Recordings[0]
		require.Equal(t, cases[i].status, r.Status, "call %d", i)
		require.Equal(t, c.Inbound.CallSID, r.Leg)
		if r.Status != calls.RecordingStored {
			require.Empty(t, r.SHA256)
			continue
		}
		require.Equal(t, truth[r.Leg], r.SHA256, "call %d has the conversation of another", i)
		status, audio := request(t, s, http.MethodGet, "/v1/recordings/"+c.InboundKey+"/audio", nil)
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, r.SHA256, sha256Hex(audio))
	}
	other := state.Recordings[0] // of the session: nothing says which call it belongs to
	require.Empty(t, other.Leg)
	for sid, i := range sids {
		if cases[i].call.Listed == "other-path" {
			require.Equal(t, truth[sid], other.SHA256)
		}
	}
	storedOnce(t, s, 4) // three of calls, one of the session
}

// storedOnce requires that no two stored recordings are the same.
func storedOnce(t *testing.T, s *stack.Stack, n int) {
	t.Helper()
	dir := strings.TrimPrefix(s.Config().RecordingsURL, "file:")
	sums := map[string]bool{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if bytes.HasPrefix(content, []byte("RIFF")) {
			sum := sha256Hex(content)
			require.NotContains(t, sums, sum, "stored twice")
			sums[sum] = true
		}
		return err
	}))
	require.Len(t, sums, n)
}

func sha256Hex(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
