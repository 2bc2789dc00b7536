package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/devstack/stack"
	"github.com/aftercall/aftercall/internal/contract"
)

// operate runs one operation of aftercall and returns its result.
func operate(ctx workflow.Context, operation string, in map[string]any, within time.Duration) (map[string]any, error) {
	c := workflow.NewNexusClient(calls.NexusEndpoint, calls.NexusService)
	var out map[string]any
	err := c.ExecuteOperation(ctx, operation, in, workflow.NexusOperationOptions{ScheduleToCloseTimeout: within}).Get(ctx, &out)
	return out, err
}

const elsewhereNamespace = "elsewhere"

// startElsewhere starts a worker of operate in a namespace of its own.
func startElsewhere(t *testing.T, s *stack.Stack) client.Client {
	t.Helper()
	_, err := s.Temporal().WorkflowService().RegisterNamespace(t.Context(), &workflowservice.RegisterNamespaceRequest{
		Namespace: elsewhereNamespace, WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	})
	require.NoError(t, err)
	c, err := client.Dial(client.Options{HostPort: s.TemporalAddress(), Namespace: elsewhereNamespace, Logger: quiet{}})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	require.Eventually(t, func() bool { // a new namespace is not known everywhere at once
		_, err := c.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{})
		return err == nil
	}, 30*time.Second, 100*time.Millisecond)
	w := worker.New(c, businessQueue, worker.Options{MaxConcurrentWorkflowTaskPollers: 10}) // a partition that nobody polls delays a task
	w.RegisterWorkflow(operate)
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	return c
}

// operation starts an operation from the other namespace.
func operation(t *testing.T, c client.Client, name string, in map[string]any, within time.Duration) client.WorkflowRun {
	t.Helper()
	return execute(t, c, newID(name), operate, name, in, within)
}

func result(t *testing.T, run client.WorkflowRun) map[string]any {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out map[string]any
	require.NoError(t, run.Get(ctx, &out))
	return out
}

// TestNexus uses aftercall like a caller in another namespace.
func TestNexus(t *testing.T) {
	s := start(t, func(o *stack.Options) { o.Config.CallGrace = 3 * time.Second })
	c := startElsewhere(t, s)
	spoken := func(ref, to string) map[string]any {
		return map[string]any{
			"referenceId": ref, "to": to, "callerId": "+966115219000", "type": "tts", "tts": map[string]any{"text": "hello"}, "callRecording": true,
		}
	}
	t.Run("an outcome and a recording", func(t *testing.T) {
		ref := newID("nexus")
		run := operation(t, c, calls.OperationPlaceCall, spoken(ref, "+966500000005"), time.Minute)
		outcome := result(t, run)
		require.Equal(t, "COMPLETED", outcome["status"], outcome)
		require.Equal(t, ref, outcome["referenceId"])
		recording := result(t, operation(t, c, calls.OperationAwaitRecording, map[string]any{"callId": outcome["callId"]}, time.Minute))
		require.Equal(t, "STORED", recording["status"])
		again := result(t, operation(t, c, calls.OperationPlaceCall, spoken(ref, "+966500000005"), time.Minute))
		require.Equal(t, "COMPLETED", again["status"])
		require.Equal(t, 1, dialsOf(s, ref))
	})
	t.Run("a call that somebody else placed", func(t *testing.T) {
		callID := newID("foreign")
		run := operation(t, c, calls.OperationAwaitOutcome, map[string]any{"callId": callID}, time.Minute)
		awaitSubscribers(t, s, callID, 1)
		require.Equal(t, 200, notify(t, s, notification(callID, nil)))
		require.Equal(t, "COMPLETED", result(t, run)["status"])
	})
	t.Run("a mask", func(t *testing.T) {
		mask := result(t, operation(t, c, calls.OperationOpenMaskingSession, map[string]any{"from": "+966500000001", "to": "+966500000002"}, time.Minute))
		require.NotEmpty(t, mask["maskingNumber"])
		id := map[string]any{"maskId": mask["maskId"]}
		end := operation(t, c, calls.OperationAwaitMaskingSession, id, time.Minute)
		result(t, operation(t, c, calls.OperationCloseMaskingSession, id, time.Minute))
		require.Equal(t, calls.MaskingEndedClosed, result(t, end)["reason"])
	})
	t.Run("refusals", func(t *testing.T) {
		for operation_, in := range map[string]map[string]any{
			calls.OperationPlaceCall:          spoken(newID("bad"), "0500"),
			calls.OperationAwaitOutcome:       {},
			calls.OperationOpenMaskingSession: {"to": "12"},
		} {
			require.Equal(t, calls.ErrTypeInvalidRequest, failureOf(operation(t, c, operation_, in, time.Minute).Get(t.Context(), nil)), operation_)
		}
		require.Equal(t, calls.ErrTypeNotFound, failureOf(operation(t, c, calls.OperationAwaitMaskingSession, map[string]any{"maskId": newID("no")}, time.Minute).Get(t.Context(), nil)))
	})
	t.Run("cancelled", func(t *testing.T) {
		callID := newID("left")
		run := operation(t, c, calls.OperationAwaitOutcome, map[string]any{"callId": callID}, time.Hour)
		awaitSubscribers(t, s, callID, 1)
		require.NoError(t, c.CancelWorkflow(t.Context(), run.GetID(), ""))
		require.True(t, temporal.IsCanceledError(run.Get(t.Context(), nil)))
		awaitUnsubscribed(t, s, callID)
	})
	t.Run("a call that is taken back", func(t *testing.T) {
		ref := newID("taken")
		in := spoken(ref, "+966500000000")
		in["notBefore"], in["deadline"] = time.Now().Add(time.Hour).Format(time.RFC3339), "2h"
		run := operation(t, c, calls.OperationPlaceCall, in, time.Hour)
		awaitWorkflow(t, s, calls.OutboundCallWorkflowID(ref))
		require.Equal(t, "PENDING", string(getOutbound(t, s, ref, "0s").State))
		require.NoError(t, c.CancelWorkflow(t.Context(), run.GetID(), ""))
		require.True(t, temporal.IsCanceledError(run.Get(t.Context(), nil)))
		require.Eventually(t, func() bool { return getOutbound(t, s, ref, "0s").State == calls.OutboundStopped }, 30*time.Second, 50*time.Millisecond)
		require.Zero(t, dialsOf(s, ref))
	})
	t.Run("out of patience", func(t *testing.T) {
		run := operation(t, c, calls.OperationAwaitOutcome, map[string]any{"callId": newID("late")}, 2*time.Second)
		require.True(t, temporal.IsTimeoutError(run.Get(t.Context(), nil)))
	})
	require.Eventually(t, func() bool {
		n, err := s.Temporal().CountWorkflow(t.Context(), &workflowservice.CountWorkflowExecutionsRequest{
			Query: "ExecutionStatus = 'Running' AND TaskQueue = '" + contract.TaskQueueNexus + "'",
		})
		return err == nil && n.Count == 0
	}, 30*time.Second, 100*time.Millisecond, "a wait is left behind")
	answersAreClear(t, s)
}

// answersAreClear requires that the workflows that run operations hold no number of the calls and nothing encrypted, and
// that each leads to its caller.
func answersAreClear(t *testing.T, s *stack.Stack) {
	t.Helper()
	found, err := s.Temporal().ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Query: "TaskQueue = '" + contract.TaskQueueNexus + "'"})
	require.NoError(t, err)
	require.Greater(t, len(found.GetExecutions()), 8)
	for _, e := range found.GetExecutions() {
		id := e.GetExecution().GetWorkflowId()
		require.Regexp(t, `^nexus:[a-z-]+:[0-9a-f-]{36}$`, id)
		all := events(t, s, id)
		links := all[0].GetLinks()
		for _, c := range all[0].GetWorkflowExecutionStartedEventAttributes().GetCompletionCallbacks() {
			links = append(links, c.GetLinks()...)
		}
		require.NotEmpty(t, links, id)
		require.Equal(t, elsewhereNamespace, links[0].GetWorkflowEvent().GetNamespace())
		for _, event := range all {
			text := wire(t, event)
			require.NotContains(t, text, "binary/encrypted", "%s: %s", id, event)
			require.NotContains(t, text, "+96650000", "%s: %s", id, event)
			require.NotContains(t, text, "+96611521", "%s: %s", id, event)
		}
	}
}

// awaitUnsubscribed waits until a subscriber has left a call.
func awaitUnsubscribed(t *testing.T, s *stack.Stack, callID string) {
	t.Helper()
	require.Eventually(t, func() bool {
		for _, e := range events(t, s, calls.CallWorkflowID(callID)) {
			if e.GetWorkflowExecutionSignaledEventAttributes().GetSignalName() == calls.SignalUnsubscribe {
				return true
			}
		}
		return false
	}, 30*time.Second, 100*time.Millisecond)
}
