package history_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/devstack/capture/history"
	"github.com/aftercall/aftercall/devstack/temporalserver"
)

const queue = "count"

// countDown continues as new until it is at zero.
func countDown(ctx workflow.Context, from int) (int, error) {
	if err := workflow.Sleep(ctx, 1); err != nil || from == 0 {
		return from, err
	}
	return 0, workflow.NewContinueAsNewError(ctx, countDown, from-1)
}

func run(t *testing.T, from int) (client.Client, string) {
	t.Helper()
	server, err := temporalserver.Start(t.Context(), temporalserver.Options{})
	require.NoError(t, err)
	t.Cleanup(server.Stop)
	c, err := client.Dial(client.Options{HostPort: server.HostPort(), Identity: "me@my-machine"})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	w := worker.New(c, queue, worker.Options{})
	w.RegisterWorkflow(countDown)
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)

	started, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "count", TaskQueue: queue}, countDown, from)
	require.NoError(t, err)
	require.NoError(t, started.Get(t.Context(), nil))
	return c, started.GetID()
}

func TestHistoriesOfAllRunsReplay(t *testing.T) {
	c, id := run(t, 2)
	runs, err := history.Fetch(t.Context(), c, id)
	require.NoError(t, err)
	require.Len(t, runs, 3)

	dir := t.TempDir()
	files, err := history.Write(dir, "countDown", "two", runs, false)
	require.NoError(t, err)
	require.Equal(t, []string{
		filepath.Join(dir, "countDown", "two.json"),
		filepath.Join(dir, "countDown", "two-2.json"),
		filepath.Join(dir, "countDown", "two-3.json"),
	}, files)

	replayer := worker.NewWorkflowReplayer()
	replayer.RegisterWorkflow(countDown)
	for _, file := range files {
		require.NoError(t, replayer.ReplayWorkflowHistoryFromJSONFile(nil, file))
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NotContains(t, string(text), "my-machine")
	}

	t.Run("kept unless told otherwise", func(t *testing.T) {
		_, err := history.Write(dir, "countDown", "two", runs[:1], false)
		require.ErrorIs(t, err, history.ErrExists)
		require.FileExists(t, files[2])
	})
	t.Run("an overwrite leaves no run of before", func(t *testing.T) {
		_, err := history.Write(dir, "countDown", "two", runs[:1], true)
		require.NoError(t, err)
		require.FileExists(t, files[0])
		require.NoFileExists(t, files[1])
		require.NoFileExists(t, files[2])
	})
}
