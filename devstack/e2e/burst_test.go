package e2e

import (
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/devstack/stack"
)

// TestABurstOfNewCallsIsWorkedOff posts new calls while Temporal is away, which makes a backlog, and as many more once it is
// back. All of them are processed, and tasks never stand still while some are left.
func TestABurstOfNewCallsIsWorkedOff(t *testing.T) {
	const each = 150
	s := start(t, func(o *stack.Options) { o.Temporal.DataFile = filepath.Join(t.TempDir(), "temporal.db") })
	burst := func() {
		var senders sync.WaitGroup
		for w := range 16 {
			senders.Go(func() {
				for i := w; i < each; i += 16 {
					body := notification(newID("burst"), map[string]any{"status": "RINGING", "completedAt": nil})
					if status := notify(t, s, body); status != http.StatusOK {
						t.Errorf("notification was answered %d", status)
					}
				}
			})
		}
		senders.Wait()
	}
	s.StopTemporal()
	burst()
	require.Eventually(t, func() bool { return metric(t, s, "aftercall_inbox_oldest_seconds") > 3 }, 30*time.Second, 200*time.Millisecond,
		"what waits for so long is backlog")
	require.NoError(t, s.StartTemporal(t.Context()))
	burst()
	last, moved := 0, time.Now()
	require.Eventually(t, func() bool {
		if done := callTasks(t, s); done > last {
			last, moved = done, time.Now()
		}
		if time.Since(moved) > time.Minute {
			t.Fatalf("tasks stand still at %d", last)
		}
		return last >= 2*each
	}, 4*time.Minute, 200*time.Millisecond)
}

// callTasks returns how many workflow tasks of calls the worker has done.
func callTasks(t *testing.T, s *stack.Stack) int {
	t.Helper()
	return int(metric(t, s, "temporal_workflow_task_execution_latency_seconds_count", `workflow_type="Call"`))
}
