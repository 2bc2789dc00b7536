package app

import (
	"context"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/dispatch"
	"github.com/aftercall/aftercall/internal/inbox"
)

// metrics holds the metrics of serve.
type metrics struct {
	requests      *prometheus.HistogramVec
	notifications *prometheus.CounterVec
	deliveries    *prometheus.CounterVec
	delay         prometheus.Histogram
	circuit       prometheus.Gauge
	damaged       prometheus.Counter
}

// serveMetrics registers the metrics of serve. The inbox is counted at each scrape.
func (a *App) serveMetrics(in inbox.Inbox) *metrics {
	m := &metrics{
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "aftercall_http_request_seconds", Help: "Duration of HTTP requests, by route and status.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5, 60},
		}, []string{"method", "route", "status"}),
		notifications: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "aftercall_notifications_total", Help: "Notifications received, by result.",
		}, []string{"result"}),
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "aftercall_deliveries_total", Help: "Deliveries of notifications to Temporal, by result.",
		}, []string{"result"}),
		delay: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "aftercall_delivery_delay_seconds", Help: "From the receipt of a notification to its delivery.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 5, 30, 300, 3600},
		}),
		circuit: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "aftercall_delivery_circuit_open", Help: "1 while deliveries are stopped because Temporal fails.",
		}),
		damaged: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "aftercall_recordings_damaged_total", Help: "Requests for a stored recording that was changed.",
		}),
	}
	a.registry.MustRegister(m.damaged, m.requests, m.notifications, m.deliveries, m.delay, m.circuit, &inboxCollector{in: in}, a.backlog(), a.pendingRecordings(),
		stuckWorkflows(a.countWorkflows, time.Now))
	return m
}

func (m *metrics) request(method, route string, status int, took time.Duration) {
	m.requests.WithLabelValues(method, route, strconv.Itoa(status)).Observe(took.Seconds())
}

func (m *metrics) received(result string) { m.notifications.WithLabelValues(result).Inc() }

// Dispatched implements dispatch.Metrics.
func (m *metrics) Dispatched(result dispatch.Result, since time.Duration) {
	m.deliveries.WithLabelValues(string(result)).Inc()
	if result != dispatch.Retried && result != dispatch.Misconfigured {
		m.delay.Observe(since.Seconds())
	}
}

// Circuit implements dispatch.Metrics.
func (m *metrics) Circuit(open bool) {
	m.circuit.Set(0)
	if open {
		m.circuit.Set(1)
	}
}

// inboxCollector reports the contents of the inbox. While they cannot be read, they are unknown, and all other metrics are
// there still.
type inboxCollector struct{ in inbox.Inbox }

var (
	inboxDown    = prometheus.NewDesc("aftercall_inbox_unavailable", "1 while the inbox cannot be read or written: notifications are refused.", nil, nil)
	inboxPending = prometheus.NewDesc("aftercall_inbox_pending", "Notifications acknowledged but not yet delivered; -1: unknown.", nil, nil)
	inboxOldest  = prometheus.NewDesc("aftercall_inbox_oldest_seconds", "Age of the oldest notification not yet delivered; -1: unknown.", nil, nil)
	inboxDead    = prometheus.NewDesc("aftercall_dead_letters", "Notifications in the dead letters, by reason; -1: unknown.", []string{"reason"}, nil)
)

// Describe implements prometheus.Collector.
func (c *inboxCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- inboxDown
	ch <- inboxPending
	ch <- inboxOldest
	ch <- inboxDead
}

// Collect implements prometheus.Collector.
func (c *inboxCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	s, err := c.in.Stats(ctx)
	down := 0.0
	if err != nil || s.Unavailable {
		down = 1
	}
	gauge := func(of *prometheus.Desc, value float64, labels ...string) {
		if down == 1 {
			value = -1
		}
		ch <- prometheus.MustNewConstMetric(of, prometheus.GaugeValue, value, labels...)
	}
	ch <- prometheus.MustNewConstMetric(inboxDown, prometheus.GaugeValue, down)
	gauge(inboxPending, float64(s.Pending))
	gauge(inboxOldest, s.OldestPending.Seconds())
	for _, reason := range []inbox.Reason{inbox.ReasonNotJSON, inbox.ReasonNoKey, inbox.ReasonLate, inbox.ReasonApplication, inbox.ReasonPermanent, inbox.ReasonUnreadable} {
		gauge(inboxDead, float64(s.ByReason[reason]), string(reason))
	}
}

const scrapeTimeout = 2 * time.Second

// backlog reports how many activities wait in the rate-limited queues, by Temporal's estimate; -1 while it is unavailable.
func (a *App) backlog() prometheus.Collector {
	return &backlogCollector{ask: func(ctx context.Context, queue string) float64 {
		r, err := a.temporal.WorkflowService().DescribeTaskQueue(ctx, &workflowservice.DescribeTaskQueueRequest{
			Namespace: a.Temporal.Namespace, TaskQueue: &taskqueuepb.TaskQueue{Name: queue}, TaskQueueType: enumspb.TASK_QUEUE_TYPE_ACTIVITY, ReportStats: true,
		})
		if err != nil {
			return -1
		}
		return float64(r.GetStats().GetApproximateBacklogCount())
	}}
}

type backlogCollector struct {
	ask func(ctx context.Context, queue string) float64
}

var backlogWaiting = prometheus.NewDesc("aftercall_task_queue_backlog", "Activities that wait in a rate-limited task queue; -1: unknown.", []string{"queue"}, nil)

// Describe implements prometheus.Collector.
func (c *backlogCollector) Describe(ch chan<- *prometheus.Desc) { ch <- backlogWaiting }

// Collect implements prometheus.Collector.
func (c *backlogCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	for _, queue := range []string{contract.TaskQueueDial, contract.TaskQueueLookup} {
		ch <- prometheus.MustNewConstMetric(backlogWaiting, prometheus.GaugeValue, c.ask(ctx, queue), queue)
	}
}
