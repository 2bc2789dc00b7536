package telemetry_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/telemetry"
)

// A task of 20 ms and one of 300 ms are told apart.
func TestTemporalHistogramsTellMilliseconds(t *testing.T) {
	r := telemetry.NewRegistry()
	h, err := telemetry.TemporalMetrics(r)
	require.NoError(t, err)
	timer := h.Timer("temporal_workflow_task_execution_latency")
	timer.Record(20 * time.Millisecond)
	timer.Record(300 * time.Millisecond)
	families, err := r.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() != "temporal_workflow_task_execution_latency_seconds" {
			continue
		}
		for _, b := range f.GetMetric()[0].GetHistogram().GetBucket() {
			if b.GetUpperBound() == 0.25 {
				require.EqualValues(t, 1, b.GetCumulativeCount())
				return
			}
		}
	}
	t.Fatal("there is no such histogram with a bound of 250 ms")
}
