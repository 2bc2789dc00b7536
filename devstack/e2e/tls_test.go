package e2e

import (
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/devstack/stack"
	"github.com/aftercall/aftercall/internal/certfile/certtest"
)

// TestEverythingOverTLS: a developer's stack works with a certificate on all of aftercall's listeners. The simulator
// delivers to them, and readiness is checked through them.
func TestEverythingOverTLS(t *testing.T) {
	cert, key := filepath.Join(t.TempDir(), "tls.crt"), filepath.Join(t.TempDir(), "tls.key")
	require.NoError(t, certtest.New("aftercall.example").Write(cert, key))
	s := start(t, func(o *stack.Options) { o.Config.TLSCertFile, o.Config.TLSKeyFile = cert, key })
	require.Regexp(t, "^https://", s.URL())
	answer, err := s.Ask(t.Context(), http.MethodPost, "/v1/outbound-calls", calls.OutboundCallRequest{
		ReferenceID: newID("tls"), To: "+966500000000", CallerID: callerID, Type: calls.CallTypeTTS, TTS: &calls.TTS{Text: "hello"},
	})
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, answer.Status, string(answer.Body))
	var placed struct{ ReferenceID string }
	require.NoError(t, answer.Decode(&placed))
	require.Eventually(t, func() bool {
		answer, err := s.Ask(t.Context(), http.MethodGet, "/v1/outbound-calls/"+placed.ReferenceID+"?wait=5s", nil)
		var state calls.OutboundCallState
		return err == nil && answer.Decode(&state) == nil && state.Outcome != nil && state.Outcome.Status == calls.StatusCompleted &&
			state.Attempts[0].Source == calls.SourceNotification
	}, time.Minute, 100*time.Millisecond)
}
