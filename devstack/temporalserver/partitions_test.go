package temporalserver_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/aftercall/aftercall/devstack/temporalserver"
)

func partitions(t *testing.T, server *temporalserver.Server, name string) int {
	t.Helper()
	answer, err := dial(t, server.HostPort()).WorkflowService().ListTaskQueuePartitions(t.Context(),
		&workflowservice.ListTaskQueuePartitionsRequest{
			Namespace: server.Namespace(), TaskQueue: &taskqueue.TaskQueue{Name: name},
		})
	require.NoError(t, err)
	require.Len(t, answer.WorkflowTaskQueuePartitions, len(answer.ActivityTaskQueuePartitions), name)
	return len(answer.ActivityTaskQueuePartitions)
}

// TestTasksOfFurtherPartitionsAreNotStranded: a server with a single partition hands out the tasks that wait in the
// partitions of an earlier one. It no longer reads these once they are empty.
func TestTasksOfFurtherPartitionsAreNotStranded(t *testing.T) {
	const many = 40 // enough that no partition of four has none
	options := withColour(temporalserver.Options{DataFile: filepath.Join(t.TempDir(), "temporal.db")})
	before := start(t, options)
	require.Equal(t, 4, partitions(t, before, queue))
	c := dial(t, before.HostPort())
	for i := range many {
		tell(t, c, fmt.Sprintf("w%d", i), "before")
	}
	requireBacklog(t, before, many)
	before.Stop()

	require.True(t, holdsTasks(t, options.DataFile))
	options.SinglePartition, options.Fairness = []string{queue}, true
	server := start(t, options)
	c = dial(t, server.HostPort())
	work(t, c)
	for i := range many {
		require.Equal(t, "before after", result(t, tell(t, c, fmt.Sprintf("w%d", i), "after")))
	}
	server.Stop()

	require.False(t, holdsTasks(t, options.DataFile))
	require.Equal(t, 1, partitions(t, start(t, options), queue))
}

func holdsTasks(t *testing.T, file string) bool {
	t.Helper()
	found, err := temporalserver.HoldsTasks(file, queue)
	require.NoError(t, err)
	return found
}

// requireBacklog waits until the queue holds a number of workflow tasks.
func requireBacklog(t *testing.T, server *temporalserver.Server, want int) {
	t.Helper()
	c := dial(t, server.HostPort())
	require.Eventually(t, func() bool {
		answer, err := c.WorkflowService().DescribeTaskQueue(t.Context(), &workflowservice.DescribeTaskQueueRequest{
			Namespace: server.Namespace(), TaskQueue: &taskqueue.TaskQueue{Name: queue}, ReportStats: true,
		})
		return err == nil && answer.GetStats().GetApproximateBacklogCount() >= int64(want)
	}, 30*time.Second, 100*time.Millisecond)
}
