package workflows_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/workflows"
)

// TestARunThatAnOlderWorkerBeganGoesOnAsItBegan replays histories of workers from before editions as if today's API had
// started the runs: both exist during a rollout.
func TestARunThatAnOlderWorkerBeganGoesOnAsItBegan(t *testing.T) {
	for kind, first := range map[string]string{
		contract.WorkflowCall.Name: "call-rules", contract.WorkflowOutboundCall.Name: "outbound-rules", contract.WorkflowMaskingSession.Name: "masking-rules",
	} {
		files, err := filepath.Glob(filepath.Join(histories, kind, "*.json"))
		require.NoError(t, err)
		found := 0
		for _, file := range files {
			history := readHistory(t, file)
			in := inputOf(t, history)
			if in["edition"] != nil || !beginsWith(history, first) {
				continue
			}
			found++
			in["edition"] = contract.Edition
			setInput(t, history, in)
			replayer := worker.NewWorkflowReplayer()
			workflows.Register(replayer)
			require.NoError(t, replayer.ReplayWorkflowHistory(quietLogger(), history), file)
		}
		require.Positive(t, found, kind)
	}
}

func readHistory(t *testing.T, file string) *historypb.History {
	t.Helper()
	f, err := os.Open(file)
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	history, err := client.HistoryFromJSON(f, client.HistoryJSONOptions{})
	require.NoError(t, err)
	return history
}

func inputOf(t *testing.T, h *historypb.History) map[string]any {
	t.Helper()
	var in map[string]any
	require.NoError(t, json.Unmarshal(h.Events[0].GetWorkflowExecutionStartedEventAttributes().Input.Payloads[0].Data, &in))
	return in
}

func setInput(t *testing.T, h *historypb.History, in map[string]any) {
	t.Helper()
	text, err := json.Marshal(in)
	require.NoError(t, err)
	h.Events[0].GetWorkflowExecutionStartedEventAttributes().Input.Payloads[0].Data = text
}

// beginsWith reports whether a history has the marker of a change.
func beginsWith(h *historypb.History, change string) bool {
	for _, e := range h.Events {
		marker := e.GetMarkerRecordedEventAttributes()
		for _, p := range marker.GetDetails()["change-id"].GetPayloads() {
			if string(p.Data) == `"`+change+`"` {
				return true
			}
		}
	}
	return false
}

// TestARunOfAnotherEditionLeavesAMarker holds that the run's next worker learns its edition, and that a run of the
// worker's own edition writes no marker.
func TestARunOfAnotherEditionLeavesAMarker(t *testing.T) {
	for asked, want := range map[int][]string{contract.Edition: nil, contract.Edition + 1: {"edition"}, 0: {"call-rules"}} {
		e := newCallEnv(t)
		var changes []string
		for change, newest := range map[string]workflow.Version{"edition": contract.Edition, "call-rules": 3} {
			e.OnGetVersion(change, workflow.DefaultVersion, newest).Return(func(string, workflow.Version, workflow.Version) workflow.Version {
				changes = append(changes, change)
				return newest
			}).Maybe()
		}
		e.notify(time.Minute, said("1", calls.StatusCompleted))
		e.ExecuteWorkflow(contract.WorkflowCall.Name, contract.CallInput{CallKey: "c1", Edition: asked, Settings: settings})
		require.NoError(t, e.GetWorkflowError())
		require.Equal(t, want, changes, "edition %d", asked)
	}
}
