package desk

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/aftercall/aftercall/internal/contract"
)

// OlderRequests returns how many requests to call the namespace has from before a time; none for the zero time.
func OlderRequests(ctx context.Context, c client.Client, namespace string, before time.Time) (int64, error) {
	if before.IsZero() {
		return 0, nil
	}
	r, err := c.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{
		Namespace: namespace, Query: fmt.Sprintf(`WorkflowType = "%s" AND StartTime < "%s"`, contract.WorkflowOutboundCall.Name, before.UTC().Format(time.RFC3339Nano)),
	})
	return r.GetCount(), err
}
