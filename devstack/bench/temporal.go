package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	workflowpb "go.temporal.io/api/workflow/v1"
	sdk "go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
)

const queue = "bench"

// awaits is a workflow as a user of aftercall writes it.
func awaits(ctx workflow.Context, callID string) error {
	_, err := calls.Await(ctx, callID)
	return err
}

// direct waits for a signal of its own, as without aftercall.
func direct(ctx workflow.Context) error {
	workflow.GetSignalChannel(ctx, "status").Receive(ctx, nil)
	return nil
}

// business runs the workflows of a user.
func (b *bench) business(do func(sdk.Client) error) error {
	c, err := sdk.Dial(sdk.Options{HostPort: b.address(portTemporal), Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler))})
	if err != nil {
		return err
	}
	defer c.Close()
	w := worker.New(c, queue, worker.Options{})
	w.RegisterWorkflow(awaits)
	w.RegisterWorkflow(direct)
	if err := w.Start(); err != nil {
		return err
	}
	defer w.Stop()
	return do(c)
}

// waiting is a kind of workflow that waits, and the way to signal it.
type waiting struct {
	what     string
	workflow any
	args     func(id string) []any
	tell     func(id string) error
}

// resume measures from a notification to the end of the workflow that waits for it, at 20/s and as fast as possible. It
// measures the same for a signal that is sent without aftercall.
func (b *bench) resume(ctx context.Context) error {
	return b.business(func(c sdk.Client) error {
		for _, system := range []waiting{
			{"aftercall", awaits, func(id string) []any { return []any{id} }, func(id string) error { return post(ctx, b.url(portServe), id, "COMPLETED") }},
			{"raw Temporal", direct, func(string) []any { return nil }, func(id string) error { return c.SignalWorkflow(ctx, "bench-"+id, "", "status", nil) }},
		} {
			runs, err := b.started(ctx, c, system)
			if err != nil {
				return err
			}
			end := func(i int) error {
				if err := system.tell(strings.TrimPrefix(runs[i].GetID(), "bench-")); err != nil {
					return err
				}
				return runs[i].Get(ctx, nil)
			}
			l, err := open(20, len(runs), end)
			if err != nil {
				return err
			}
			b.table.add(system.what+", at 20/s: from notification to the workflow's end, p50 ms", l.ms(0.5))
			b.table.add(system.what+", at 20/s: p99 ms", l.ms(0.99))

			if runs, err = b.started(ctx, c, system); err != nil {
				return err
			}
			began := time.Now()
			if err := each(32, len(runs), end); err != nil {
				return err
			}
			b.table.add(system.what+": waiting workflows completed per second", float64(len(runs))/time.Since(began).Seconds())
		}
		raw := b.table.last("raw Temporal: waiting workflows completed per second")
		b.table.add("aftercall: completed per second, part of raw Temporal", b.table.last("aftercall: waiting workflows completed per second")/raw)
		return nil
	})
}

// started starts workflows, and returns when all of them wait.
func (b *bench) started(ctx context.Context, c sdk.Client, system waiting) ([]sdk.WorkflowRun, error) {
	runs := make([]sdk.WorkflowRun, b.waiters)
	began := time.Now()
	if err := each(8, len(runs), func(i int) (err error) {
		id := newID()
		runs[i], err = c.ExecuteWorkflow(ctx, sdk.StartWorkflowOptions{ID: "bench-" + id, TaskQueue: queue}, system.workflow, system.args(id)...)
		return err
	}); err != nil {
		return nil, err
	}
	b.table.add(system.what+": waiting workflows started per second", float64(len(runs))/time.Since(began).Seconds())
	return runs, each(2, len(runs), func(i int) error { return untilWaiting(ctx, c, runs[i].GetID()) })
}

// untilWaiting waits until a workflow has no task, and no activity in its first try: one that was tried stays.
func untilWaiting(ctx context.Context, c sdk.Client, id string) error {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		d, err := c.DescribeWorkflowExecution(ctx, id, "")
		if err != nil {
			return err
		}
		first := func(a *workflowpb.PendingActivityInfo) bool { return a.GetAttempt() < 2 }
		if d.GetPendingWorkflowTask() == nil && !slices.ContainsFunc(d.GetPendingActivities(), first) {
			return nil
		}
	}
	return fmt.Errorf("%s does not wait", id)
}

// newCalls ends a new call every 500 ms, for which a workflow waits, until it is stopped. Then it yields the latency of
// each.
func (b *bench) newCalls(ctx context.Context) (<-chan latencies, context.CancelFunc) {
	ctx, stop := context.WithCancel(ctx)
	result := make(chan latencies, 1)
	go func() {
		var mu sync.Mutex
		var all sync.WaitGroup
		var l latencies
		_ = b.business(func(c sdk.Client) error {
			tick := time.NewTicker(500 * time.Millisecond)
			defer tick.Stop()
			for ctx.Err() == nil {
				all.Go(func() {
					id, began := newID(), time.Now()
					run, err := c.ExecuteWorkflow(ctx, sdk.StartWorkflowOptions{ID: "bench-" + id, TaskQueue: queue}, awaits, id)
					if err == nil {
						err = post(ctx, b.url(portServe), id, "COMPLETED")
					}
					if err == nil {
						err = run.Get(ctx, nil)
					}
					if err == nil {
						mu.Lock()
						defer mu.Unlock()
						l = append(l, time.Since(began))
					}
				})
				select {
				case <-ctx.Done():
				case <-tick.C:
				}
			}
			all.Wait()
			return nil
		})
		slices.Sort(l)
		result <- l
	}()
	return result, stop
}

// until waits until the worker has done a number of workflow tasks of calls.
func (b *bench) until(ctx context.Context, tasks int) error {
	for deadline := time.Now().Add(20 * time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		done, err := callTasks(ctx, b.url(portWorkerAdmin)+"/metrics")
		if err != nil {
			return err
		}
		if done >= float64(tasks) {
			return nil
		}
	}
	return fmt.Errorf("fewer than %d workflow tasks were done", tasks)
}

// callTasks returns how many workflow tasks of calls a worker has done.
func callTasks(ctx context.Context, metrics string) (done float64, err error) {
	text, err := get(ctx, metrics)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "temporal_workflow_task_execution_latency_seconds_count") && strings.Contains(line, `workflow_type="Call"`) {
			var n float64
			_, _ = fmt.Sscan(line[strings.LastIndexByte(line, ' ')+1:], &n)
			done += n
		}
	}
	return done, nil
}
