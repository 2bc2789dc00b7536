package e2e

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/aftercall/aftercall/devstack/stack"
	"github.com/aftercall/aftercall/internal/app"
)

// TestSecondRunMakesNoKeysOfItsOwn: two aftercalls with other keys in one namespace could not read each other.
func TestSecondRunMakesNoKeysOfItsOwn(t *testing.T) {
	s := start(t, nil)
	target := client.Options{HostPort: s.TemporalAddress(), Namespace: s.TemporalNamespace()}
	second := stack.Config(t.TempDir(), stack.NewCredentials())
	_, err := app.EnsureKeys(t.Context(), second, target, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "AFTERCALL_ENCRYPTION_KEYS")

	first := s.Config()
	ring, err := app.EnsureKeys(t.Context(), first, target, slog.New(slog.DiscardHandler))
	require.NoError(t, err, "the first finds its own")
	require.True(t, ring.CanSeal())
}
