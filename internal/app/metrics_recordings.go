package app

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

// pendingKept is how long an answer of Temporal is reused, so that scraping does not load its visibility store.
const pendingKept = 30 * time.Second

var recordingsPending = prometheus.NewDesc("aftercall_recordings_pending",
	"Recordings that are not stored yet and have been tried for at least this many hours; -1: unknown.", []string{"hours"}, nil)

// pendingAges are the hours of the series of recordingsPending: after 48 the alarm is raised, after 72 the URL expires.
func pendingAges() []int { return []int{0, 1, 24, 48} }

// pendingRecordings counts running Recording workflows in Temporal's visibility.
func (a *App) pendingRecordings() prometheus.Collector {
	return &pendingCollector{now: time.Now, count: a.countWorkflows}
}

// pendingCollector counts recordings that are not stored yet, by age.
type pendingCollector struct {
	count counter
	now   func() time.Time

	mu    sync.Mutex
	asked time.Time
	last  map[int]float64 // by hours
}

// Describe implements prometheus.Collector.
func (c *pendingCollector) Describe(ch chan<- *prometheus.Desc) { ch <- recordingsPending }

// Collect implements prometheus.Collector.
func (c *pendingCollector) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); c.last == nil || now.Sub(c.asked) >= pendingKept {
		c.asked, c.last = now, c.ask(now)
	}
	for hours, n := range c.last {
		ch <- prometheus.MustNewConstMetric(recordingsPending, prometheus.GaugeValue, n, fmt.Sprint(hours))
	}
}

func (c *pendingCollector) ask(now time.Time) map[int]float64 {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	counts := map[int]float64{}
	for _, hours := range pendingAges() {
		counts[hours] = -1
		n, err := c.count(ctx, fmt.Sprintf(`WorkflowType = "%s" AND ExecutionStatus = "Running" AND %s = "%s" AND StartTime <= "%s"`,
			contract.WorkflowRecording.Name, calls.AttributeRecordingStatus.GetName(), calls.RecordingPending,
			now.Add(-time.Duration(hours)*time.Hour).UTC().Format(time.RFC3339Nano)))
		if err == nil {
			counts[hours] = float64(n)
		}
	}
	return counts
}
