package calls_test

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"

	"github.com/aftercall/aftercall/internal/waitstest"
)

// Histories in the folder itself were captured before waits unsubscribed at their end (commit 00adab5), with the waits open
// or done; those in a folder of each workflow by devstack/capture, of form 1 before activities stayed (commit 6cd2a92), of
// form 2 since. Neither they nor their workflows, in package waitstest, change.
func TestWorkflowsThatBeganToWaitBeforeReplay(t *testing.T) {
	files, err := filepath.Glob("testdata/histories/*.json")
	require.NoError(t, err)
	require.Len(t, files, 4)
	later, err := filepath.Glob("testdata/histories/*/*.json")
	require.NoError(t, err)
	require.Len(t, later, 20)
	replayer := worker.NewWorkflowReplayer()
	waitstest.Register(replayer)
	for _, file := range append(files, later...) {
		t.Run(strings.TrimPrefix(file, "testdata/histories/"), func(t *testing.T) {
			require.NoError(t, replayer.ReplayWorkflowHistoryFromJSONFile(log.NewStructuredLogger(slog.New(slog.DiscardHandler)), file))
		})
	}
}
