package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/aftercall/aftercall/handlers"
	"github.com/aftercall/aftercall/internal/listener"
)

// httpStop is how long requests that are being answered may take when aftercall stops.
const httpStop = 3 * time.Second

// listen serves a handler at an address, which a setting named: AFTERCALL_HTTP_ADDR is counted as listener http.
func (a *App) listen(ctx context.Context, setting, addr string, h http.Handler) (string, error) {
	part := strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(setting, "AFTERCALL_"), "_ADDR"))
	l, err := listener.Listen(ctx, addr, listener.Options{Name: setting, Trusted: a.Config.TrustedPrefixes(), Log: a.Log})
	if err != nil {
		return "", fmt.Errorf("%s: %w", setting, err)
	}
	a.registry.MustRegister(connections(part, l))
	a.checks = append(a.checks, handlers.Check{Name: "listener-" + part, Run: func(context.Context) error { return l.Full() }})
	server := listener.NewServer(h)
	go func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			a.fail(setting, err)
		}
	}()
	a.onStop("listener "+setting, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, httpStop)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			return server.Close()
		}
		return nil
	})
	return l.Addr().String(), nil
}

// connectionsCollector reports the connections of a listener.
type connectionsCollector struct {
	stats             func() listener.Stats
	open, max, closed *prometheus.Desc
}

func connections(part string, l *listener.Listener) prometheus.Collector {
	labels := prometheus.Labels{"listener": part}
	return &connectionsCollector{
		stats: l.Stats,
		open: prometheus.NewDesc("aftercall_http_connections",
			"Open connections, by what they have shown right credentials for.", []string{"kind"}, labels),
		max: prometheus.NewDesc("aftercall_http_connections_max", "Connections that a listener holds at once.", nil, labels),
		closed: prometheus.NewDesc("aftercall_http_connections_closed_total",
			"Connections closed to make room: the listener was full, or their address had its share.", []string{"reason"}, labels),
	}
}

// Describe implements prometheus.Collector.
func (c *connectionsCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.open
	ch <- c.max
	ch <- c.closed
}

// Collect implements prometheus.Collector.
func (c *connectionsCollector) Collect(ch chan<- prometheus.Metric) {
	s := c.stats()
	for kind, n := range map[string]int{"anonymous": s.Anonymous, "api": s.API, "webhook": s.Webhook} {
		ch <- prometheus.MustNewConstMetric(c.open, prometheus.GaugeValue, float64(n), kind)
	}
	ch <- prometheus.MustNewConstMetric(c.max, prometheus.GaugeValue, float64(s.Max))
	for reason, n := range map[string]uint64{"full": s.Closed.Full, "address": s.Closed.Address} {
		ch <- prometheus.MustNewConstMetric(c.closed, prometheus.CounterValue, float64(n), reason)
	}
}
