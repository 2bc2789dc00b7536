package doctor

import (
	"context"
	"fmt"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/temporalclient"
)

// nexus says which endpoints lead here. That none does, or that nobody may look, is no fault: only callers in other
// namespaces need one.
func (d doctor) nexus(ctx context.Context) (string, error) {
	names, err := temporalclient.Endpoints(ctx, d.client, d.Temporal.Namespace)
	switch {
	case temporalclient.NotAllowed(err):
		return "endpoints are not shown here; only callers in other namespaces need one", nil
	case err != nil:
		return "", err
	case len(names) == 0:
		return "no endpoint leads here: callers in other namespaces need one, which aftercall setup --nexus-endpoint NAME makes", nil
	}
	r, err := d.client.WorkflowService().DescribeTaskQueue(ctx, &workflowservice.DescribeTaskQueueRequest{
		Namespace: d.Temporal.Namespace, TaskQueue: &taskqueuepb.TaskQueue{Name: contract.TaskQueueNexus}, TaskQueueType: enumspb.TASK_QUEUE_TYPE_WORKFLOW,
	})
	if err == nil && len(r.GetPollers()) == 0 {
		err = fmt.Errorf("endpoint %s leads here, and nobody polls task queue %s", strings.Join(names, ", "), contract.TaskQueueNexus)
	}
	return "endpoint " + strings.Join(names, ", ") + " leads here", err
}
