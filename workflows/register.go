package workflows

import (
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
)

// Register registers every workflow under the name that histories know it by: renaming a Go function changes nothing.
func Register(r worker.WorkflowRegistry) {
	r.RegisterWorkflowWithOptions(CallWorkflow, workflow.RegisterOptions{Name: calls.TypeCall})
	r.RegisterWorkflowWithOptions(OutboundCallWorkflow, workflow.RegisterOptions{Name: calls.TypeOutboundCall})
	r.RegisterWorkflowWithOptions(OpenMaskingSessionWorkflow, workflow.RegisterOptions{Name: calls.TypeOpenMaskingSession})
	r.RegisterWorkflowWithOptions(MaskingSessionWorkflow, workflow.RegisterOptions{Name: calls.TypeMaskingSession})
	r.RegisterWorkflowWithOptions(RecordingWorkflow, workflow.RegisterOptions{Name: calls.TypeRecording})
}
