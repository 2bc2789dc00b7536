package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/internal/contract"
)

// TestAStuckWorkflowIsCounted: the metric behind the alarm counts a workflow whose task fails again and again, and no
// longer counts it once it continues.
func TestAStuckWorkflowIsCounted(t *testing.T) {
	s := start(t, nil)
	mended := make(chan struct{})
	w := worker.New(s.Temporal(), "stuck", worker.Options{})
	w.RegisterWorkflowWithOptions(func(workflow.Context, contract.CallInput) error {
		select {
		case <-mended:
			return nil
		default:
			panic("a fault of this release")
		}
	}, workflow.RegisterOptions{Name: contract.WorkflowCall.Name})
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	require.Eventually(t, func() bool { return metric(t, s, "aftercall_stuck_workflows") == 0 }, 3*time.Minute, time.Second)
	_, err := s.Temporal().ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "call:stuck", TaskQueue: "stuck"}, contract.WorkflowCall.Name, contract.CallInput{})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return metric(t, s, "aftercall_stuck_workflows") == 1 }, 3*time.Minute, time.Second)
	close(mended)
	require.Eventually(t, func() bool { return metric(t, s, "aftercall_stuck_workflows") == 0 }, 3*time.Minute, time.Second)
}
