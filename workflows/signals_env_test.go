package workflows_test

import (
	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
)

// hearSignals hands tell each signal to another workflow, and has the workflow "gone" not be there.
func hearSignals(e *testsuite.TestWorkflowEnvironment, tell func(workflowID, signal string, arg any)) {
	e.OnSignalExternalWorkflow(mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything).Return(
		func(_, workflowID, _, signal string, arg any) error {
			tell(workflowID, signal, arg)
			if workflowID == "gone" {
				return &temporal.UnknownExternalWorkflowExecutionError{}
			}
			return nil
		}).Maybe()
}
