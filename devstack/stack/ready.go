package stack

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/enums/v1"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/devstack/temporalserver"
	"github.com/aftercall/aftercall/handlers"
	"github.com/aftercall/aftercall/internal/contract"
)

const (
	readyTimeout = 30 * time.Second
	readyEvery   = 50 * time.Millisecond
)

// checks are what readiness means here beyond aftercall's own: everything else serves too.
func (s *Stack) checks() []handlers.Check {
	checks := []handlers.Check{{Name: "workers", Required: true, Run: s.checkWorkers}}
	if s.temporal.Load() != nil {
		checks = append(checks,
			handlers.Check{Name: "embedded-temporal", Required: true, Run: func(ctx context.Context) error {
				return s.temporal.Load().Check(ctx)
			}},
			handlers.Check{Name: "temporal-ui", Required: true, Run: func(ctx context.Context) error {
				return s.temporal.Load().CheckUI(ctx)
			}},
		)
	}
	if s.simulator != nil {
		checks = append(checks, handlers.Check{Name: "simulator", Required: true, Run: func(ctx context.Context) error {
			return temporalserver.Answers(ctx, s.simulator.URL()+"/simulator/endings")
		}})
	}
	return checks
}

// checkWorkers asks Temporal whether somebody works on each of our task queues.
func (s *Stack) checkWorkers(ctx context.Context) error {
	for queue, kind := range map[string]enums.TaskQueueType{
		contract.TaskQueue:           enums.TASK_QUEUE_TYPE_WORKFLOW,
		calls.TaskQueueCalls:         enums.TASK_QUEUE_TYPE_ACTIVITY,
		contract.TaskQueueDial:       enums.TASK_QUEUE_TYPE_ACTIVITY,
		contract.TaskQueueLookup:     enums.TASK_QUEUE_TYPE_ACTIVITY,
		contract.TaskQueueRecordings: enums.TASK_QUEUE_TYPE_ACTIVITY,
	} {
		if queue == contract.TaskQueueDial && s.options.Config.DialRate == 0 {
			continue // nobody polls it then
		}
		answer, err := s.client.DescribeTaskQueue(ctx, queue, kind)
		if err != nil {
			return fmt.Errorf("describe task queue %s: %w", queue, err)
		}
		if len(answer.Pollers) == 0 {
			return fmt.Errorf("task queue %s has no worker", queue)
		}
	}
	return nil
}

// AwaitReady returns when /readyz of the admin listener answers 200: Temporal, its UI, the simulator, serve and worker
// all serve. The error says what was missing last.
func (s *Stack) AwaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyTimeout, errors.New("gave up"))
	defer cancel()
	ticker := time.NewTicker(readyEvery)
	defer ticker.Stop()
	for {
		err := temporalserver.Answers(ctx, s.AdminURL()+"/readyz")
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until aftercall is ready: %w: %w", context.Cause(ctx), err)
		case err := <-s.Failed():
			return err
		case <-ticker.C:
		}
	}
}
