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

// longPoll bounds the poll of ReadClock. Temporal refuses a poll with too short a timeout.
const longPoll = 10 * time.Second

// ReadClock reads Temporal's clock. No request returns it, but Temporal records when a task queue was polled. So ReadClock
// polls a queue that never has a task, the workflow side of a queue for activities, and asks when that was.
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
