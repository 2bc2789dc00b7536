package dialqueue

import (
	"context"
	"errors"
	"fmt"
	"time"

	batchpb "go.temporal.io/api/batch/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"

	"github.com/aftercall/aftercall/internal/contract"
)

// requests are the workflows that want to know how dialling goes.
var requests = `WorkflowType = "` + contract.WorkflowOutboundCall.Name + `" AND ExecutionStatus = "Running"`

// Tell has Temporal tell every running request, in the background, what an operator said last: s is the status since. It
// is told once, whoever asks for it. The stop or start itself does not depend on it.
func (q Queue) Tell(ctx context.Context, s Status) error { return q.tell(ctx, s, "", requests) }

// Around a change, requests are accepted by processes that do not know of it yet.
const (
	unseenBefore = 5 * time.Second // it was not visible yet when all were told
	unseenAfter  = every + 10*time.Second
)

// tellNew tells the requests that were accepted around a change by somebody who did not know of it.
func (q Queue) tellNew(ctx context.Context, s Status) error {
	return q.tell(ctx, s, "-new", fmt.Sprintf(`%s AND StartTime >= "%s" AND StartTime <= "%s"`, requests,
		s.SetAt.Add(-unseenBefore).UTC().Format(time.RFC3339Nano), s.SetAt.Add(unseenAfter).UTC().Format(time.RFC3339Nano)))
}

func (q Queue) tell(ctx context.Context, s Status, part, query string) error {
	input, err := converter.GetDefaultDataConverter().ToPayloads(s.Dialling)
	if err != nil {
		return fmt.Errorf("encode signal %s: %w", contract.SignalDialling.Name, err)
	}
	_, err = q.Client.WorkflowService().StartBatchOperation(ctx, &workflowservice.StartBatchOperationRequest{
		Namespace: q.Namespace, VisibilityQuery: query, Reason: "tell requests how dialling goes",
		JobId: fmt.Sprintf("aftercall-dialling-%d%s", s.SetAt.UnixNano(), part),
		Operation: &workflowservice.StartBatchOperationRequest_SignalOperation{SignalOperation: &batchpb.BatchOperationSignal{
			Signal: contract.SignalDialling.Name, Input: input, Identity: "aftercall dial",
		}},
	})
	if told := (*serviceerror.WorkflowExecutionAlreadyStarted)(nil); errors.As(err, &told) {
		return nil
	}
	return err
}
