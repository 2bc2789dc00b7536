package dev

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"go.temporal.io/api/enums/v1"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/handlers"
	"github.com/aftercall/aftercall/internal/contract"
)

const (
	readyTimeout = 30 * time.Second
	readyEvery   = 50 * time.Millisecond
)

// checks returns the checks of readiness beyond aftercall's own: that everything else is ready too.
func (s *Stack) checks() []handlers.Check {
	checks := []handlers.Check{{Name: "workers", Required: true, Run: s.checkWorkers}}
	if s.options.Checks != nil {
		checks = append(checks, s.options.Checks()...)
	}
	if s.simulator != nil {
		checks = append(checks, handlers.Check{Name: "simulator", Required: true, Run: func(ctx context.Context) error {
			return s.answers(ctx, s.simulator.URL()+"/simulator/endings")
		}})
	}
	return checks
}

// checkWorkers asks Temporal whether each of our task queues has a worker.
func (s *Stack) checkWorkers(ctx context.Context) error {
	for queue, kind := range map[string]enums.TaskQueueType{
		contract.TaskQueue:           enums.TASK_QUEUE_TYPE_WORKFLOW,
		calls.TaskQueueCalls:         enums.TASK_QUEUE_TYPE_ACTIVITY,
		contract.TaskQueueDial:       enums.TASK_QUEUE_TYPE_ACTIVITY,
		contract.TaskQueueLookup:     enums.TASK_QUEUE_TYPE_ACTIVITY,
		contract.TaskQueueRecordings: enums.TASK_QUEUE_TYPE_ACTIVITY,
	} {
		if queue == contract.TaskQueueDial && s.options.Config.DialRate == 0 {
			continue // then nobody polls it
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

// AwaitReady returns once /readyz of the admin listener responds 200: Temporal, the simulator, serve and worker are all
// ready. The error says what was missing last.
func (s *Stack) AwaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyTimeout, errors.New("gave up"))
	defer cancel()
	ticker := time.NewTicker(readyEvery)
	defer ticker.Stop()
	for {
		err := s.answers(ctx, s.AdminURL()+"/readyz")
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

// answers requests a page that must respond 200.
func (s *Stack) answers(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := s.http.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	return nil
}
