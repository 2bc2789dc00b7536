package app

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/aftercall/aftercall/internal/desk"
)

// counter counts the workflows that a query of Temporal's visibility finds.
type counter func(ctx context.Context, query string) (int64, error)

func (a *App) countWorkflows(ctx context.Context, query string) (int64, error) {
	r, err := a.temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: a.Temporal.Namespace, Query: query})
	return r.GetCount(), err
}

// stuckWorkflows reports how many workflows cannot continue; -1 if Temporal does not tell. It reuses an answer for a while.
func stuckWorkflows(count counter, now func() time.Time) prometheus.Collector {
	var mu sync.Mutex
	var asked time.Time
	last := -1.0
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "aftercall_stuck_workflows", Help: "Workflows whose task keeps failing, so that they do not react; -1: unknown.",
	}, func() float64 {
		mu.Lock()
		defer mu.Unlock()
		if at := now(); asked.IsZero() || at.Sub(asked) >= pendingKept {
			asked, last = at, -1
			ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
			defer cancel()
			if n, err := count(ctx, desk.StuckQuery()); err == nil {
				last = float64(n)
			}
		}
		return last
	})
}
