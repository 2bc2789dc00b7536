package workflows_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/workflows"
)

const histories = "testdata/histories"

// TestReplay replays every stored history with today's code. A run that started under older code must continue under this
// one: a failure here would stop calls that are under way.
func TestReplay(t *testing.T) {
	for _, kind := range slices.Concat(contract.WorkflowTypes(), contract.NexusTypes()) {
		files, err := filepath.Glob(filepath.Join(histories, kind, "*.json"))
		require.NoError(t, err)
		require.NotEmpty(t, files, "no history of %s: make histories", kind)
		for _, file := range files {
			t.Run(kind+"/"+filepath.Base(file), func(t *testing.T) {
				t.Parallel()
				replayer := worker.NewWorkflowReplayer()
				workflows.Register(replayer)
				workflows.RegisterNexus(replayer)
				f, err := os.Open(file)
				require.NoError(t, err)
				defer func() { _ = f.Close() }()
				history, err := client.HistoryFromJSON(f, client.HistoryJSONOptions{})
				require.NoError(t, err)
				require.NoError(t, replayer.ReplayWorkflowHistory(quietLogger(), history))
			})
		}
	}
}
