package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/calls/callstest"
)

func TestCollect(t *testing.T) {
	for name, tt := range map[string]struct {
		call      calls.Status
		recording calls.RecordingStatus
		verdict   string
	}{
		"looked at":    {calls.StatusCompleted, calls.RecordingStored, "polite"},
		"lost":         {calls.StatusCompleted, calls.RecordingExpired, "lost: "},
		"not recorded": {calls.StatusCompleted, "", "nothing to look at"},
		"busy":         {calls.StatusBusy, "", "nothing to look at"},
	} {
		t.Run(name, func(t *testing.T) {
			var suite testsuite.WorkflowTestSuite
			env := suite.NewTestWorkflowEnvironment()
			aftercall := callstest.Register(env)
			aftercall.PlaceEnds("claim-1", time.Minute, tt.call)
			aftercall.RecordingEnds("claim-1", 3*time.Hour, tt.recording)
			env.RegisterActivity(&Quality{})
			env.ExecuteWorkflow(Collect, Claim{ID: "claim-1", To: "+966500000005"})
			require.NoError(t, env.GetWorkflowError())
			var report Report
			require.NoError(t, env.GetWorkflowResult(&report))
			require.Equal(t, Report{Call: tt.call, Recording: tt.recording, Verdict: tt.verdict}, report)
		})
	}
}
