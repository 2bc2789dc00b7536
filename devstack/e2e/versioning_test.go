package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/devstack/stack"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/temporalclient"
)

// rollout returns the output of aftercall deploy status.
func rollout(t *testing.T, p *product, args ...string) (d temporalclient.Deployment) {
	t.Helper()
	out, err := p.run(t, append([]string{"deploy"}, append(args, "--name", "aftercall", "-o", "json")...)...)
	require.NoError(t, err, out)
	require.NoError(t, json.Unmarshal([]byte(out), &d), out)
	return d
}

// nonDeterministic is a Call workflow that starts with an activity, as in no release.
func nonDeterministic(ctx workflow.Context, _ contract.CallInput) (calls.CallState, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	return calls.CallState{}, workflow.ExecuteActivity(ctx, "NobodyKnows").Get(ctx, nil)
}

// TestABadVersionIsRolledBack ramps a version whose Call workflow is not deterministic. Its calls get stuck, and the status
// shows that. After the rollback every call ends as without it. The gate of the codec sees versioned workers too.
func TestABadVersionIsRolledBack(t *testing.T) {
	s := start(t, func(o *stack.Options) {
		o.Temporal.DynamicConfig = map[string]any{"system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute": 2}
	})
	require.NoError(t, s.StopApp(), "the programs under test run in processes of their own")
	good := newProduct(t, s)
	good.env = append(good.env, "TEMPORAL_DEPLOYMENT_NAME=aftercall", "TEMPORAL_WORKER_BUILD_ID=good", "AFTERCALL_CALL_GRACE=1s", "TEMPORAL_CONFIG_FILE=")
	good.start(t)
	defer func() { good.kill(t) }()
	good.awaitWorking(t)
	require.Equal(t, "good", rollout(t, good, "promote", "good", "--wait", "1m").Current)

	var open []string
	for i := range 20 {
		open = append(open, newID(fmt.Sprint("ramped", i)))
	}
	send := func(edit map[string]any) {
		t.Helper()
		for _, id := range open {
			status, _ := good.post(t.Context(), notification(id, edit))
			require.Equal(t, http.StatusOK, status)
		}
	}
	send(map[string]any{"status": "RINGING", "completedAt": nil, "duration": nil})
	for _, id := range open {
		require.Eventually(t, func() bool { return countEvents(t, s, id, enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED) > 0 },
			time.Minute, 50*time.Millisecond)
	}

	bad := worker.New(s.Temporal(), contract.TaskQueue, worker.Options{DeploymentOptions: worker.DeploymentOptions{
		UseVersioning: true, DefaultVersioningBehavior: workflow.VersioningBehaviorAutoUpgrade,
		Version: worker.WorkerDeploymentVersion{DeploymentName: "aftercall", BuildID: "bad"},
	}})
	bad.RegisterWorkflowWithOptions(nonDeterministic, workflow.RegisterOptions{Name: contract.WorkflowCall.Name})
	require.NoError(t, bad.Start())
	t.Cleanup(bad.Stop)
	rollout(t, good, "promote", "bad", "--ramp", "50", "--dry-run")
	require.Empty(t, rollout(t, good, "status").Ramping, "a dry run changes nothing")
	now := rollout(t, good, "promote", "bad", "--ramp", "50", "--wait", "1m")
	require.Equal(t, "bad", now.Ramping)
	require.Equal(t, "good", now.Current)
	send(nil) // every call has ended, and half of them are the bad version's
	require.Eventually(t, func() bool { return rollout(t, good, "status").Stuck > 0 }, 2*time.Minute, 500*time.Millisecond, "it is seen to fail")
	out, err := good.run(t, "deploy", "promote", "bad", "--name", "aftercall")
	require.Error(t, err)
	require.Contains(t, out, "stuck")
	failed := 0
	for _, id := range open {
		failed += countEvents(t, s, id, enumspb.EVENT_TYPE_WORKFLOW_TASK_FAILED)
	}
	require.Positive(t, failed)

	require.Empty(t, rollout(t, good, "promote", "bad", "--ramp", "0").Ramping)
	for _, id := range open {
		require.Eventually(t, func() bool {
			d, err := s.Temporal().DescribeWorkflowExecution(t.Context(), calls.CallWorkflowID(id), "")
			return err == nil && d.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED
		}, 2*time.Minute, 100*time.Millisecond, "call %s does not end", id)
		var state calls.CallState
		require.NoError(t, s.Temporal().GetWorkflow(t.Context(), calls.CallWorkflowID(id), "").Get(t.Context(), &state))
		require.True(t, state.Final)
		require.Equal(t, calls.StatusCompleted, state.Outcome.Status)
	}
	require.Eventually(t, func() bool { return rollout(t, good, "status").Stuck == 0 }, time.Minute, 500*time.Millisecond)
}

// countEvents counts the events of a type in a call's history.
func countEvents(t *testing.T, s *stack.Stack, callID string, of enumspb.EventType) (n int) {
	t.Helper()
	for _, e := range events(t, s, calls.CallWorkflowID(callID)) {
		if e.GetEventType() == of {
			n++
		}
	}
	return n
}

// TestTheGateSeesVersionedWorkers: a worker that cannot decrypt keeps payloads in clear, whatever version it has.
func TestTheGateSeesVersionedWorkers(t *testing.T) {
	s := start(t, nil)
	require.NoError(t, s.StopApp())
	p := newProduct(t, s)
	p.env = append(p.env, "TEMPORAL_DEPLOYMENT_NAME=aftercall", "TEMPORAL_WORKER_BUILD_ID=keyless", "AFTERCALL_ENCRYPTION_KEYS=", "TEMPORAL_CONFIG_FILE=")
	p.startAs(t, "worker")
	defer p.kill(t)
	p.awaitWorking(t)
	var gate temporalclient.Gate
	require.Eventually(t, func() bool {
		without, err := gate.Try(t.Context(), s.Temporal(), s.TemporalNamespace())
		return err == nil && len(without) == 1
	}, time.Minute, 50*time.Millisecond)
	require.False(t, gate.Open())
}
