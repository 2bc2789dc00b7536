package app

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

func TestStuckWorkflowsAreCounted(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 0, 0, 0, time.UTC)
	found, away, asked := int64(2), false, 0
	c := stuckWorkflows(func(_ context.Context, query string) (int64, error) {
		asked++
		require.Contains(t, query, "TemporalReportedProblems IS NOT NULL")
		require.Contains(t, query, `'Call', 'OutboundCall', 'OpenMaskingSession', 'MaskingSession', 'Recording', 'Callback', 'NexusPlaceCall'`)
		if away {
			return 0, errors.New("away")
		}
		return found, nil
	}, func() time.Time { return now })
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(c)
	value := func() float64 {
		families, err := registry.Gather()
		require.NoError(t, err)
		require.Equal(t, "aftercall_stuck_workflows", families[0].GetName())
		return families[0].GetMetric()[0].GetGauge().GetValue()
	}
	require.InDelta(t, 2, value(), 0)
	found, now = 0, now.Add(29*time.Second)
	require.InDelta(t, 2, value(), 0, "an answer is kept for a while")
	require.Equal(t, 1, asked)
	now = now.Add(time.Second)
	require.InDelta(t, 0, value(), 0)
	away, now = true, now.Add(time.Minute)
	require.InDelta(t, -1, value(), 0)
}
