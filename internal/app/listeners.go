package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/aftercall/aftercall/handlers"
	"github.com/aftercall/aftercall/internal/certfile"
	"github.com/aftercall/aftercall/internal/listener"
)

// httpStop is how long requests under way may take when aftercall stops.
const httpStop = 3 * time.Second

// listen serves a handler at an address. setting is the address's variable and names the listener in metrics:
// AFTERCALL_HTTP_ADDR is listener http.
func (a *App) listen(ctx context.Context, setting, addr string, h http.Handler) (string, error) {
	part := strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(setting, "AFTERCALL_"), "_ADDR"))
	l, err := listener.Listen(ctx, addr, listener.Options{Name: setting, Trusted: a.Config.TrustedPrefixes(), Log: a.Log})
	if err != nil {
		return "", fmt.Errorf("%s: %w", setting, err)
	}
	a.registry.MustRegister(connections(part, l))
	a.checks = append(a.checks, handlers.Check{Name: "listener-" + part, Run: func(context.Context) error { return l.Full() }})
	server := listener.NewServer(h, a.Log)
	var in net.Listener = l
	if a.certificate != nil {
		in = tls.NewListener(l, a.certificate.ServerTLS())
	}
	go func() {
		if err := server.Serve(in); !errors.Is(err, http.ErrServerClosed) {
			a.fail(setting, err)
		}
	}()
	a.onStopServing("listener "+setting, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, httpStop)
		defer cancel()
		if err := server.Shutdown(ctx); err != nil {
			return server.Close()
		}
		return nil
	})
	return l.Addr().String(), nil
}

// openCertificate reads the certificate of all listeners, if there is one.
func (a *App) openCertificate() (err error) {
	if a.Config.TLSCertFile != "" {
		a.certificate, err = certfile.New(a.Config.TLSCertFile, a.Config.TLSKeyFile, a.Log)
	}
	return wrap("AFTERCALL_TLS_CERT_FILE", err)
}

// startAdmin starts the listeners for operators and their tools.
func (a *App) startAdmin(ctx context.Context) error {
	e, err := handlers.NewEngine(handlers.EngineOptions{Log: a.Log})
	if err != nil {
		return err
	}
	handlers.MountAdmin(e, handlers.AdminOptions{
		Checks: a.checks, Metrics: a.registry, Inbox: a.inbox, Reparse: a.reparse, Wake: a.wake, Audit: a.auditor, LogIn: a.logIn,
		Token: a.Config.AdminToken, Hosts: a.Config.AdminHosts, Loopback: loopback(a.Config.AdminAddr),
	})
	if a.addrs.Admin, err = a.listen(ctx, "AFTERCALL_ADMIN_ADDR", a.Config.AdminAddr, e); err != nil {
		return err
	}
	if a.Config.MetricsAddr == "" {
		return nil
	}
	alone, err := handlers.NewEngine(handlers.EngineOptions{Log: a.Log})
	if err != nil {
		return err
	}
	handlers.MountMetrics(alone, a.registry)
	a.addrs.Metrics, err = a.listen(ctx, "AFTERCALL_METRICS_ADDR", a.Config.MetricsAddr, alone)
	return err
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
			"Open connections, by the kind of valid credentials shown.", []string{"kind"}, labels),
		max: prometheus.NewDesc("aftercall_http_connections_max", "Maximum of open connections of a listener.", nil, labels),
		closed: prometheus.NewDesc("aftercall_http_connections_closed_total",
			"Connections closed to make room: the listener was full, or their address had reached its share.", []string{"reason"}, labels),
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
