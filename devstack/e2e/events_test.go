package e2e

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/devstack/stack"
)

// cost is a workflow's cost to Temporal: events are kept, and each state transition is a transaction of the store.
type cost struct {
	events, transitions int64
}

func (c cost) plus(d cost) cost { return cost{c.events + d.events, c.transitions + d.transitions} }

func (c cost) minus(d cost) cost { return cost{c.events - d.events, c.transitions - d.transitions} }

func (c cost) String() string {
	return fmt.Sprintf("%d events, %d transitions", c.events, c.transitions)
}

// costOf returns the cost of a workflow's current run so far.
func costOf(t *testing.T, s *stack.Stack, id string) cost {
	t.Helper()
	d, err := s.Temporal().DescribeWorkflowExecution(t.Context(), id, "")
	require.NoError(t, err)
	return cost{d.WorkflowExecutionInfo.HistoryLength, d.WorkflowExecutionInfo.StateTransitionCount}
}

// costOfWhole returns the total cost of workflows, once they are closed.
func costOfWhole(t *testing.T, s *stack.Stack, ids ...string) cost {
	t.Helper()
	var all cost
	for _, id := range ids {
		require.Eventually(t, func() bool {
			d, err := s.Temporal().DescribeWorkflowExecution(t.Context(), id, "")
			return err == nil && d.WorkflowExecutionInfo.Status == enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED
		}, time.Minute, 50*time.Millisecond, "%s is not completed", id)
		c := costOf(t, s, id)
		t.Logf("%s: %s", id, c)
		for _, e := range events(t, s, id) {
			t.Logf("  %3d %s", e.GetEventId(), e.GetEventType())
		}
		all = all.plus(c)
	}
	t.Logf("%s in all", all)
	return all
}

// TestEventsOfAScenario checks the cost of each kind of call: not an event more, and not one less without a reason. The
// table is in docs/performance.md.
func TestEventsOfAScenario(t *testing.T) {
	s := start(t, func(o *stack.Options) {
		o.Simulator.Speed = 2
		o.Config.CallGrace = 3 * time.Second
	})
	c := startBusiness(t, s)
	// A machine that stands still for a second costs a workflow task more, in one play of three at most.
	scenario := func(name string, want int64, play func(t *testing.T) cost) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var took cost
			for range 3 {
				if took = play(t); took.events == want {
					break
				}
			}
			require.Equal(t, want, took.events)
			if name == "awaited" {
				require.LessOrEqual(t, took.transitions, int64(15)) // nothing arrives together here
			}
		})
	}
	call := func(id string) string { return calls.CallWorkflowID(id) }
	scenario("one notification, nobody waits", 11, func(t *testing.T) cost {
		id := newID("plain")
		require.Equal(t, http.StatusOK, notify(t, s, notification(id, nil)))
		awaitWorkflow(t, s, call(id))
		return costOfWhole(t, s, call(id))
	})
	scenario("tracked, one status", 12, func(t *testing.T) cost {
		id := newID("tracked")
		status, answer := request(t, s, http.MethodPut, "/v1/calls/"+id, []byte(`{"to":"+966500000000"}`))
		require.Equal(t, http.StatusCreated, status, "%s", answer)
		require.Equal(t, http.StatusOK, notify(t, s, notification(id, nil)))
		return costOfWhole(t, s, call(id))
	})
	scenario("four statuses", 27, func(t *testing.T) cost {
		id := newID("ladder")
		for i, status := range []string{"INITIATED", "RINGING", "ANSWERED", "COMPLETED"} {
			edit := map[string]any{"status": status}
			if status != "COMPLETED" {
				edit["completedAt"], edit["duration"] = nil, nil
			}
			require.Equal(t, http.StatusOK, notify(t, s, notification(id, edit)))
			awaitWorkflow(t, s, call(id))
			require.Eventually(t, func() bool {
				_, state := getCall(t, s, id, "")
				return state.Revision == i+1
			}, 30*time.Second, 20*time.Millisecond)
		}
		return costOfWhole(t, s, call(id))
	})
	scenario("awaited", 25, func(t *testing.T) cost {
		id := newID("awaited")
		execute(t, c, id+"-business", awaitOnce, id)
		awaitWorkflow(t, s, call(id))
		awaitSubscribed(t, s, id+"-business")
		require.Equal(t, http.StatusOK, notify(t, s, notification(id, nil)))
		return costOfWhole(t, s, call(id), id+"-business")
	})
	outbound := func(to string, attempts int, recorded bool) func(t *testing.T) cost {
		return func(t *testing.T) cost {
			ref := placeCall(t, s, to, nil)
			var state calls.OutboundCallState
			require.Eventually(t, func() bool { // by queries, which leave no event
				state = getOutbound(t, s, ref, "0s")
				return state.Outcome != nil
			}, time.Minute, 50*time.Millisecond, "request %s has no outcome", ref)
			require.Len(t, state.Attempts, attempts)
			ids := []string{calls.OutboundCallWorkflowID(ref)}
			for _, a := range state.Attempts {
				ids = append(ids, call(a.CallID))
				if recorded {
					awaitRecording(t, s, a.CallID, calls.RecordingStored)
					_, rec := getRecording(t, s, a.CallID)
					ids = append(ids, calls.RecordingWorkflowIDOfHash(a.CallID, rec.LegHash))
				}
			}
			return costOfWhole(t, s, ids...)
		}
	}
	scenario("outbound, one attempt", 37, outbound("+966500000000", 1, false))
	scenario("outbound, failover", 75, outbound("+966500000004", 2, false))
	scenario("outbound, recorded", 54, outbound("+966500000005", 1, true))
	scenario("masked call", 34, func(t *testing.T) cost {
		maskID := elsewhere(t, s)
		session := calls.MaskingSessionWorkflowID(maskID)
		leg := func(edit map[string]any) string {
			id := newID("masked")
			edit["maskId"] = maskID
			require.Equal(t, http.StatusOK, notify(t, s, notification(id, edit)))
			return id
		}
		legs := func() (ids []string) {
			in := leg(map[string]any{"direction": "INBOUND", "from": rider})
			awaitMask(t, s, maskID, func(m calls.MaskingSessionState) bool {
				return len(m.Calls) > 0 && m.Calls[len(m.Calls)-1].InboundKey == in
			})
			out := leg(map[string]any{"direction": "OUTBOUND", "to": driver, "parentCallSid": "sid-" + in})
			awaitMask(t, s, maskID, func(m calls.MaskingSessionState) bool {
				return len(m.Calls) > 0 && m.Calls[len(m.Calls)-1].Pairing == calls.PairingPaired
			})
			return []string{call(in), call(out)}
		}
		legs() // the first one opens the session
		before := costOf(t, s, session)
		ids := legs()
		share := costOf(t, s, session).minus(before)
		t.Logf("session: %s", share)
		return costOfWhole(t, s, ids...).plus(share)
	})
}

// awaitSubscribed waits until the subscription of a business workflow stays, and so a signal will come.
func awaitSubscribed(t *testing.T, s *stack.Stack, id string) {
	t.Helper()
	require.Eventually(t, func() bool {
		d, err := s.Temporal().DescribeWorkflowExecution(t.Context(), id, "")
		return err == nil && len(d.PendingActivities) == 1 && d.PendingActivities[0].GetLastFailure().GetApplicationFailureInfo().GetType() == calls.ErrTypeSubscribed
	}, 30*time.Second, 20*time.Millisecond, "%s does not wait", id)
}
