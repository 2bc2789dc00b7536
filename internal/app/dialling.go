package app

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/aftercall/aftercall/handlers"
	"github.com/aftercall/aftercall/internal/dialqueue"
	"github.com/aftercall/aftercall/internal/intake"
)

var (
	dialRate = prometheus.NewDesc("aftercall_dial_rate",
		"Maximum of calls per second that the whole fleet places; -1: no rate is set, or it is unknown.", nil, nil)
	dialStopped = prometheus.NewDesc("aftercall_dial_stopped", "1 while an operator has stopped all dialling.", nil, nil)
)

// diallingCollector reports the state of the dial queue.
type diallingCollector struct{ watch *dialqueue.Watch }

// Describe implements prometheus.Collector.
func (c diallingCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- dialRate
	ch <- dialStopped
}

// Collect implements prometheus.Collector.
func (c diallingCollector) Collect(ch chan<- prometheus.Metric) {
	rate, stopped := -1.0, 0.0
	if s, known := c.watch.Status(); known {
		if s.Rate != nil {
			rate = *s.Rate
		}
		if s.Stop != nil {
			stopped = 1
		}
	}
	ch <- prometheus.MustNewConstMetric(dialRate, prometheus.GaugeValue, rate)
	ch <- prometheus.MustNewConstMetric(dialStopped, prometheus.GaugeValue, stopped)
}

// watchDialling keeps the state of the dial queue up to date, for metrics and for waiting requests.
func (a *App) watchDialling(roles []Role) {
	a.dialling.Tells = slices.Contains(roles, Worker)
	a.dialling.Queue = dialqueue.Queue{Client: a.temporal, Namespace: a.Temporal.Namespace}
	a.registry.MustRegister(diallingCollector{&a.dialling})
	a.background("dial queue watch", a.dialling.Run)
}

// forecast is expected for a request that was just accepted: later ones come behind it.
func (a *App) forecast(asked intake.Outbound) handlers.Forecast {
	defer a.dialling.Note(asked.Priority())
	return a.expected(asked)
}

// expected returns when a new request will be dialled, as things stand, to the second.
func (a *App) expected(asked intake.Outbound) handlers.Forecast {
	wait, never, known := a.dialling.Wait(asked.Priority())
	if never || !known {
		return handlers.Forecast{Late: never}
	}
	at, late := asked.Forecast(a.Config.DialRules(), a.clock.Now(), wait)
	return handlers.Forecast{Start: at.Truncate(time.Second), Late: late}
}
