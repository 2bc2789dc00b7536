package e2e

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/devstack/stack"
	"github.com/aftercall/aftercall/internal/contract"
)

// expect tracks a call without an event.
func expect(t *testing.T, s *stack.Stack) string {
	t.Helper()
	id := newID("expected")
	status, answer := request(t, s, http.MethodPut, "/v1/calls/"+id, []byte(`{"to":"+966500000000"}`))
	require.Equal(t, http.StatusCreated, status, "%s", answer)
	return id
}

// begun reports whether a Call has run its first task.
func begun(t *testing.T, s *stack.Stack, id string) bool {
	t.Helper()
	for _, e := range events(t, s, calls.CallWorkflowID(id)) {
		if e.GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
			return true
		}
	}
	return false
}

func closedAs(t *testing.T, s *stack.Stack, id string, want enumspb.WorkflowExecutionStatus) {
	t.Helper()
	require.Eventually(t, func() bool {
		d, err := s.Temporal().DescribeWorkflowExecution(t.Context(), calls.CallWorkflowID(id), "")
		return err == nil && d.WorkflowExecutionInfo.Status == want
	}, 30*time.Second, 50*time.Millisecond)
}

// TestACallThatIsOnlyExpected: a Call without an event, whose first task waits until the call log is due, behaves like any
// other when it is queried, awaited, listed, cancelled or terminated.
func TestACallThatIsOnlyExpected(t *testing.T) {
	s := start(t, nil)
	c := startBusiness(t, s)

	t.Run("is shown and listed", func(t *testing.T) {
		id := expect(t, s)
		status, state := getCall(t, s, id, "")
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, id, state.CallKey)
		require.False(t, state.Final)
		require.Eventually(t, func() bool {
			status, answer := request(t, s, http.MethodGet, "/v1/calls?status=UNKNOWN", nil)
			var page struct {
				Items []struct {
					CallKey string `json:"callKey"`
				} `json:"items"`
			}
			require.Equal(t, http.StatusOK, status, "%s", answer)
			require.NoError(t, json.Unmarshal(answer, &page))
			for _, item := range page.Items {
				if item.CallKey == id {
					return true
				}
			}
			return false
		}, 30*time.Second, 100*time.Millisecond)
		require.False(t, begun(t, s, id), "none of that costs an event")
	})
	t.Run("begins with its first notification", func(t *testing.T) {
		id := expect(t, s)
		require.Equal(t, http.StatusOK, notify(t, s, notification(id, nil)))
		require.Equal(t, calls.StatusCompleted, awaitFinal(t, s, id).Outcome.Status)
	})
	t.Run("is waited for by an update", func(t *testing.T) {
		id := expect(t, s)
		waited := make(chan calls.CallState, 1)
		go func() {
			_, state := getCall(t, s, id, "30s")
			waited <- state
		}()
		require.Eventually(t, func() bool { return begun(t, s, id) }, 30*time.Second, 50*time.Millisecond, "an update brings the first task forward")
		require.Equal(t, http.StatusOK, notify(t, s, notification(id, nil)))
		require.Equal(t, calls.StatusCompleted, (<-waited).Outcome.Status)
	})
	t.Run("is waited for by two workflows, of which one leaves", func(t *testing.T) {
		id := newID("expected")
		stays := execute(t, c, id+"-stays", awaitOnce, id)
		awaitSubscribers(t, s, id, 1)
		execute(t, c, id+"-leaves", awaitOnce, id)
		awaitSubscribers(t, s, id, 2)
		awaitSubscribed(t, s, id+"-leaves")
		require.NoError(t, c.TerminateWorkflow(t.Context(), id+"-leaves", "", ""))
		// A wait is ended by a plain signal, which may wait for the first task and never starts a call.
		require.NoError(t, s.Temporal().SignalWorkflow(t.Context(), calls.CallWorkflowID(id), "", contract.SignalUnsubscribe.Name,
			calls.Subscription{WorkflowID: id + "-leaves"}))
		require.Equal(t, http.StatusOK, notify(t, s, notification(id, nil)))
		var o calls.Outcome
		require.NoError(t, stays.Get(t.Context(), &o))
		require.Equal(t, calls.StatusCompleted, o.Status)
		state := awaitFinal(t, s, id)
		require.Len(t, state.Notified, 1)
		require.Equal(t, id+"-stays", state.Notified[0].WorkflowID)
	})
	t.Run("is cancelled", func(t *testing.T) {
		id := expect(t, s)
		require.NoError(t, s.Temporal().CancelWorkflow(t.Context(), calls.CallWorkflowID(id), ""))
		closedAs(t, s, id, enumspb.WORKFLOW_EXECUTION_STATUS_CANCELED)
	})
	t.Run("is terminated, and what comes later is kept for a person", func(t *testing.T) {
		id := expect(t, s)
		require.NoError(t, s.Temporal().TerminateWorkflow(t.Context(), calls.CallWorkflowID(id), "", "by hand"))
		closedAs(t, s, id, enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED)
		require.Equal(t, http.StatusOK, notify(t, s, notification(id, nil)))
		require.Eventually(t, func() bool {
			status, answer := request(t, s, http.MethodGet, "/v1/calls/"+id+"/events", nil)
			var page struct {
				Items []struct {
					DeadLetterID any `json:"deadLetterId"`
				} `json:"items"`
			}
			return status == http.StatusOK && json.Unmarshal(answer, &page) == nil && len(page.Items) == 1 && page.Items[0].DeadLetterID != nil
		}, 30*time.Second, 100*time.Millisecond)
	})
}

// TestTheCallLogIsAskedOfACallThatIsOnlyExpected: silence counts from when the call was first expected.
func TestTheCallLogIsAskedOfACallThatIsOnlyExpected(t *testing.T) {
	s := start(t, func(o *stack.Options) { o.Config.ReconcileAfter = 3 * time.Second })
	id := expect(t, s)
	var asked time.Duration
	var tasks int
	require.Eventually(t, func() bool {
		tasks = 0
		history := events(t, s, calls.CallWorkflowID(id))
		for _, e := range history {
			switch e.GetEventType() {
			case enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
				tasks++
			case enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
				asked = e.EventTime.AsTime().Sub(history[0].EventTime.AsTime())
				return true
			}
		}
		return false
	}, time.Minute, 50*time.Millisecond)
	require.GreaterOrEqual(t, asked, 3*time.Second)
	require.Equal(t, 1, tasks, "its first task asks, and no earlier one waited for that")
}
