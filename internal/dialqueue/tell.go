package dialqueue

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	batchpb "go.temporal.io/api/batch/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

// requests are the workflows that want to know how dialling goes.
var requests = `WorkflowType = "` + contract.WorkflowOutboundCall.Name + `" AND ExecutionStatus = "Running"`

// Tell has Temporal tell every running request how dialling goes, in the background. The stop or start itself does not
// depend on it.
func (q Queue) Tell(ctx context.Context, d calls.Dialling) error {
	input, err := converter.GetDefaultDataConverter().ToPayloads(d)
	if err != nil {
		return fmt.Errorf("encode signal %s: %w", contract.SignalDialling.Name, err)
	}
	_, err = q.Client.WorkflowService().StartBatchOperation(ctx, &workflowservice.StartBatchOperationRequest{
		Namespace: q.Namespace, VisibilityQuery: requests, JobId: uuid.NewString(), Reason: "tell requests how dialling goes",
		Operation: &workflowservice.StartBatchOperationRequest_SignalOperation{SignalOperation: &batchpb.BatchOperationSignal{
			Signal: contract.SignalDialling.Name, Input: input, Identity: "aftercall dial",
		}},
	})
	return err
}
