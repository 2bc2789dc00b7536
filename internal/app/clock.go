package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/aftercall/aftercall/handlers"
	"github.com/aftercall/aftercall/internal/clock"
	"github.com/aftercall/aftercall/internal/temporalclient"
)

// watchClock keeps comparing this machine's clock with Temporal's, and says where it is wrong.
func (a *App) watchClock() {
	a.clock.Log = a.Log
	a.clock.Read = func(ctx context.Context) (clock.Reading, error) {
		return temporalclient.ReadClock(ctx, a.temporal, a.Temporal.Namespace)
	}
	a.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "aftercall_clock_skew_seconds", Help: "How far this machine's clock is ahead of Temporal's; 0 while that is not known.",
	}, func() float64 {
		skew, _ := a.clock.Skew()
		return skew.Seconds()
	}))
	a.checks = append(a.checks, handlers.Check{Name: "clock", Run: func(context.Context) error { return skewed(a.clock.Wrong()) }})
	a.background("clock", a.clock.Run)
}

func skewed(skew time.Duration) error {
	switch {
	case !clock.Beyond(skew):
		return nil
	case skew > 0:
		return fmt.Errorf("this machine's clock is %s ahead of Temporal's", skew.Round(time.Second))
	default:
		return fmt.Errorf("this machine's clock is %s behind Temporal's", -skew.Round(time.Second))
	}
}

// clock compares the clock of the machine that asks with Temporal's, and asks the serve or worker on it for theirs.
func (d doctor) clock(ctx context.Context) (string, error) {
	skew, err := clock.Skew(ctx, func(ctx context.Context) (clock.Reading, error) {
		return temporalclient.ReadClock(ctx, d.temporal, d.target.Namespace)
	})
	if temporalclient.Refused(err) {
		return "not compared: Temporal does not let us poll", nil
	}
	if err != nil {
		return "", err
	}
	if err := errors.Join(skewed(skew), d.clockOfTheRunning(ctx)); err != nil {
		return "", err
	}
	return "within " + clock.Tolerance.String() + " of Temporal's", nil
}

// clockOfTheRunning is what a serve or worker at AFTERCALL_ADMIN_ADDR says of its clock; nil where none answers.
func (d doctor) clockOfTheRunning(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+d.cfg.AdminAddr+"/readyz", nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil //nolint:nilerr // whether it runs is the matter of other checks
	}
	defer func() { _ = res.Body.Close() }()
	var answer struct {
		Checks map[string]struct {
			OK     bool   `json:"ok"`
			Detail string `json:"detail"`
		} `json:"checks"`
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return nil //nolint:nilerr // something else listens there
	}
	if c, ok := answer.Checks["clock"]; ok && !c.OK {
		return fmt.Errorf("aftercall at %s: %s", d.cfg.AdminAddr, c.Detail)
	}
	return nil
}
