package workflows

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"
)

// A loop that waits for an alarm, as every workflow of ours has, ends when its workflow is cancelled.
func TestCancelledWorkflowHearsNoAlarm(t *testing.T) {
	env := new(testsuite.WorkflowTestSuite).NewTestWorkflowEnvironment()
	env.RegisterDelayedCallback(env.CancelWorkflow, time.Minute)
	rings := 0
	env.ExecuteWorkflow(func(ctx workflow.Context) error {
		var a alarm
		for rings < 100 {
			a.set(ctx, workflow.Now(ctx).Add(time.Hour))
			if err := workflow.Await(ctx, a.rang); err != nil {
				return err
			}
			rings++
		}
		return nil
	})
	require.True(t, temporal.IsCanceledError(env.GetWorkflowError()))
	require.Zero(t, rings)
}
