package e2e

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/aftercall/aftercall/devstack/stack"
	"github.com/aftercall/aftercall/internal/app"
	"github.com/aftercall/aftercall/internal/keys"
)

// TestSecondRunMakesNoKeysOfItsOwn: two aftercalls with different keys in one namespace could not read each other's data.
func TestSecondRunMakesNoKeysOfItsOwn(t *testing.T) {
	s := start(t, nil)
	target := client.Options{HostPort: s.TemporalAddress(), Namespace: s.TemporalNamespace()}
	second := stack.Config(t.TempDir(), stack.NewCredentials())
	var log bytes.Buffer
	ring, err := app.EnsureKeys(t.Context(), second, target, slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, err, "a missing key never stops the webhook")
	require.False(t, ring.CanSeal())
	require.NoFileExists(t, keys.Beside(second.InboxURL))
	require.Contains(t, log.String(), "AFTERCALL_ENCRYPTION_KEYS")

	ring, err = app.EnsureKeys(t.Context(), s.Config(), target, slog.New(slog.DiscardHandler))
	require.NoError(t, err, "the first finds its own")
	require.True(t, ring.CanSeal())
}
