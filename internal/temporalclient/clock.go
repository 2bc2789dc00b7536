package temporalclient

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/aftercall/aftercall/internal/clock"
	"github.com/aftercall/aftercall/internal/contract"
)

// longPoll is how long the poll of ReadClock may last at most; Temporal refuses one that is too short.
const longPoll = 10 * time.Second

// ReadClock reads Temporal's clock. No request asks for it, but Temporal notes when a task queue was polled: we poll one
// that never has a task, for workflows where only activities are, and ask when that was.
func ReadClock(ctx context.Context, c client.Client, namespace string) (clock.Reading, error) {
	w, who := c.WorkflowService(), "aftercall clock "+rand.Text()
	queue := &taskqueuepb.TaskQueue{Name: contract.TaskQueueDial}
	polling, stop := context.WithTimeout(context.WithoutCancel(ctx), longPoll)
	defer stop()
	refused := make(chan error, 1)
	r := clock.Reading{Before: time.Now()}
	go func() {
		_, err := w.PollWorkflowTaskQueue(polling, &workflowservice.PollWorkflowTaskQueueRequest{Namespace: namespace, TaskQueue: queue, Identity: who})
		if err == nil {
			err = errors.New("a poll ended at once")
		}
		refused <- err
	}()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		answer, err := w.DescribeTaskQueue(ctx, &workflowservice.DescribeTaskQueueRequest{
			Namespace: namespace, TaskQueue: queue, TaskQueueType: enumspb.TASK_QUEUE_TYPE_WORKFLOW,
		})
		if err != nil {
			return r, err
		}
		r.After = time.Now()
		for _, p := range answer.GetPollers() {
			if p.GetIdentity() == who {
				r.Server = p.GetLastAccessTime().AsTime()
				return r, nil
			}
		}
		select {
		case <-tick.C:
		case err := <-refused:
			return r, err
		case <-ctx.Done():
			return r, ctx.Err()
		}
	}
}
