package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/devstack/stack"
)

const businessQueue = "orders"

// awaitOnce waits for a call.
func awaitOnce(ctx workflow.Context, callID string) (calls.Outcome, error) {
	return calls.Await(ctx, callID, calls.Within(2*time.Minute))
}

// awaitForty makes forty callers wait for one call in one workflow.
func awaitForty(ctx workflow.Context, callID string) ([]calls.Outcome, error) {
	var got []calls.Outcome
	var failure error
	wg := workflow.NewWaitGroup(ctx)
	for range 40 {
		wg.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer wg.Done()
			o, err := calls.Await(ctx, callID, calls.Within(2*time.Minute))
			if err != nil {
				failure = err
				return
			}
			got = append(got, o)
		})
	}
	wg.Wait(ctx)
	return got, failure
}

// startBusiness runs a worker that knows only package calls of aftercall.
func startBusiness(t *testing.T, s *stack.Stack) client.Client {
	t.Helper()
	c, err := client.Dial(client.Options{HostPort: s.TemporalAddress(), Namespace: s.TemporalNamespace(), Logger: quiet{}})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	w := worker.New(c, businessQueue, worker.Options{})
	w.RegisterWorkflow(awaitOnce)
	w.RegisterWorkflow(awaitForty)
	w.RegisterWorkflow(placeOne)
	w.RegisterWorkflow(hearOutcomes)
	w.RegisterWorkflow(hearOfMyCall)
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	return c
}

// placeOne places a call and waits for its outcome.
func placeOne(ctx workflow.Context, req calls.OutboundCallRequest) (calls.OutboundOutcome, error) {
	return calls.Place(ctx, req, calls.Within(2*time.Minute))
}

func execute(t *testing.T, c client.Client, id string, wf any, args ...any) client.WorkflowRun {
	t.Helper()
	run, err := c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: id, TaskQueue: businessQueue}, wf, args...)
	require.NoError(t, err)
	return run
}

func TestAwaitAtEveryMomentOfACall(t *testing.T) {
	s := start(t, func(o *stack.Options) { o.Config.CallGrace = 10 * time.Second })
	c := startBusiness(t, s)
	callID := newID("await")
	runs := map[string]client.WorkflowRun{}

	runs["before the first notification"] = execute(t, c, callID+"-before", awaitOnce, callID)
	awaitWorkflow(t, s, calls.CallWorkflowID(callID))
	require.Equal(t, 200, notify(t, s, notification(callID, map[string]any{"status": "RINGING", "completedAt": nil, "duration": nil})))
	runs["between two"] = execute(t, c, callID+"-between", awaitOnce, callID)
	awaitSubscribers(t, s, callID, 2)
	require.Equal(t, 200, notify(t, s, notification(callID, nil)))
	awaitFinal(t, s, callID)
	runs["within grace"] = execute(t, c, callID+"-grace", awaitOnce, callID)

	result := func(name string) calls.Outcome {
		var o calls.Outcome
		require.NoError(t, runs[name].Get(t.Context(), &o), name)
		return o
	}
	for name := range runs {
		o := result(name)
		require.Equal(t, calls.StatusCompleted, o.Status, name)
		require.Equal(t, callID, o.CallKey, name)
		require.Equal(t, 17, o.DurationSeconds, name)
	}

	var closed calls.CallState
	require.NoError(t, s.Temporal().GetWorkflow(t.Context(), calls.CallWorkflowID(callID), "").Get(t.Context(), &closed))
	require.Len(t, closed.Notified, 3)
	runs["after it closed"] = execute(t, c, callID+"-after", awaitOnce, callID)
	require.Equal(t, calls.StatusCompleted, result("after it closed").Status)
}

func TestFortyCallersWaitOnOneCall(t *testing.T) {
	s := start(t, nil)
	c := startBusiness(t, s)
	callID := newID("forty")
	run := execute(t, c, callID+"-forty", awaitForty, callID)
	awaitSubscribers(t, s, callID, 40)
	require.Equal(t, 200, notify(t, s, notification(callID, nil)))
	var got []calls.Outcome
	require.NoError(t, run.Get(t.Context(), &got))
	require.Len(t, got, 40)
}

// awaitSubscribers waits until the Call workflow has received n subscriptions.
func awaitSubscribers(t *testing.T, s *stack.Stack, callID string, n int) {
	t.Helper()
	require.Eventually(t, func() bool {
		count := 0
		for _, e := range events(t, s, calls.CallWorkflowID(callID)) {
			begun := e.GetWorkflowExecutionStartedEventAttributes().GetFirstWorkflowTaskBackoff().AsDuration() > 0 // started by the first subscription
			if begun || e.GetWorkflowExecutionSignaledEventAttributes().GetSignalName() == calls.SignalSubscribe {
				count++
			}
		}
		return count >= n
	}, 30*time.Second, 100*time.Millisecond)
}
