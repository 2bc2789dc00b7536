package app

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/aftercall/aftercall/handlers"
	"github.com/aftercall/aftercall/internal/clock"
	"github.com/aftercall/aftercall/internal/temporalclient"
)

// watchClock keeps comparing this machine's clock with Temporal's, and logs a difference.
func (a *App) watchClock() {
	a.clock.Log = a.Log
	a.clock.Read = func(ctx context.Context) (clock.Reading, error) {
		return temporalclient.ReadClock(ctx, a.temporal, a.Temporal.Namespace)
	}
	a.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "aftercall_clock_skew_seconds", Help: "How far this machine's clock is ahead of Temporal's; 0 while unknown.",
	}, func() float64 {
		skew, _ := a.clock.Skew()
		return skew.Seconds()
	}))
	a.checks = append(a.checks, handlers.Check{Name: "clock", Run: func(context.Context) error { return clock.Fault(a.clock.Wrong()) }})
	a.background("clock", a.clock.Run)
}
