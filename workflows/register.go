package workflows

import (
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/internal/contract"
)

// Register registers every workflow under its name in histories, so that renaming a Go function changes nothing.
func Register(r worker.WorkflowRegistry) {
	contract.WorkflowCall.Register(r, CallWorkflow)
	contract.WorkflowOutboundCall.Register(r, OutboundCallWorkflow)
	contract.WorkflowOpenMaskingSession.Register(r, OpenMaskingSessionWorkflow)
	// A run that continues a session has more input than a contract.MaskingSessionInput.
	r.RegisterWorkflowWithOptions(MaskingSessionWorkflow, workflow.RegisterOptions{Name: contract.WorkflowMaskingSession.Name})
	contract.WorkflowRecording.Register(r, RecordingWorkflow)
	contract.WorkflowCallback.Register(r, CallbackWorkflow)
}
