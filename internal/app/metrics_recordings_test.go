package app

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

func TestPendingRecordingsAreCountedByAge(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 0, 0, 0, time.UTC)
	var asked []string
	away := false
	c := &pendingCollector{
		now: func() time.Time { return now },
		count: func(_ context.Context, query string) (int64, error) {
			asked = append(asked, query)
			if away {
				return 0, errors.New("away")
			}
			switch {
			case strings.Contains(query, `StartTime <= "2026-03-04T05:00:00Z"`):
				return 7, nil
			case strings.Contains(query, `StartTime <= "2026-03-02T05:00:00Z"`):
				return 1, nil
			}
			return 3, nil
		},
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(c)
	shows := func(values ...float64) {
		t.Helper()
		families, err := registry.Gather()
		require.NoError(t, err)
		require.Len(t, families, 1)
		require.Equal(t, "aftercall_recordings_pending", families[0].GetName())
		shown := map[string]float64{}
		for _, m := range families[0].GetMetric() {
			shown[m.GetLabel()[0].GetValue()] = m.GetGauge().GetValue()
		}
		require.Equal(t, map[string]float64{"0": values[0], "1": values[1], "24": values[2], "48": values[3]}, shown)
	}
	shows(7, 3, 3, 1)
	for _, query := range asked {
		require.Contains(t, query, `WorkflowType = "Recording" AND ExecutionStatus = "Running" AND RecordingStatus = "PENDING"`)
	}
	away, now = true, now.Add(29*time.Second)
	shows(7, 3, 3, 1)
	require.Len(t, asked, 4, "an answer is kept for a while")
	now = now.Add(time.Second)
	shows(-1, -1, -1, -1)
	shows(-1, -1, -1, -1)
	require.Len(t, asked, 8, "no answer too")
}
