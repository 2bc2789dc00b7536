package simulator

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAllIsDocumented: docs/simulator.md has every ending, route, scenario, fault and behaviour of the recording host.
func TestAllIsDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "simulator.md"))
	require.NoError(t, err)
	says := func(what string) {
		require.Contains(t, string(text), what, "docs/simulator.md lacks it")
	}
	for digits, about := range Endings() {
		says("| `" + digits + "` | " + about + " |")
	}
	for pattern := range (&Simulator{}).controlRoutes() {
		says("| `" + pattern + "` |")
	}
	for _, name := range scenarios() {
		says("| `" + name + "` |")
	}
	for _, fault := range allFaults() {
		says("`" + string(fault) + "`")
	}
	for _, kind := range hostKinds() {
		says("`" + string(kind) + "`")
	}
}
