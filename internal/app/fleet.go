package app

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/aftercall/aftercall/handlers"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/phone"
	"github.com/aftercall/aftercall/internal/temporalclient"
)

// member is a worker, as the fleet starts and stops it.
type member interface {
	Start() error
	Stop()
}

// makeWorkers returns new workers. A worker that fails later calls fatal, which returns at once.
type makeWorkers func(fatal func(error)) []member

// fleet keeps the workers of this process working. If Temporal refuses them, at the start or later, it tries again after a
// while: the process may have a webhook to serve, and the refusal may end. A worker cannot be started again after a
// failure, so each try makes new ones.
type fleet struct {
	gate func(context.Context) error // an error keeps the workers from starting
	make makeWorkers
	tell func(error)           // why the workers do not work, called once per cause
	idle atomic.Pointer[error] // why they do not work now; nil while they do
}

var errWaits = errors.New("waits for Temporal")

// runWorkers starts the workers as soon as Temporal allows it, and stops all of them at the same time.
func (a *App) runWorkers(ctx context.Context, m makeWorkers) {
	f := &fleet{gate: a.mayWork, make: m, tell: a.explain}
	f.idle.Store(&errWaits)
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f.run(ctx)
	}()
	a.checks = append(a.checks, handlers.Check{Name: "worker", Run: func(context.Context) error {
		if why := f.idle.Load(); why != nil {
			return *why
		}
		return nil
	}})
	a.onStopWorking("workers", func(context.Context) error {
		cancel()
		<-ended
		return nil
	})
}

// errNoAttributes names the search attributes that the namespace lacks.
type errNoAttributes struct{ error }

// mayWork makes the workers wait while the namespace lacks a search attribute: a workflow that writes a missing one would
// be stuck, while one without a worker continues after setup. Without the right to list them, it assumes that all exist.
func (a *App) mayWork(ctx context.Context) error {
	found, err := temporalclient.CheckAttributes(ctx, a.temporal, a.Temporal.Namespace)
	switch {
	case err == nil && len(found.Missing) > 0:
		return errNoAttributes{found.Err()}
	case err != nil && !temporalclient.NotAllowed(err):
		return err
	}
	if err == nil {
		a.useAttributes(found)
	}
	return a.tryGate(ctx)
}

func (f *fleet) run(ctx context.Context) {
	wait := &backoff.ExponentialBackOff{InitialInterval: 500 * time.Millisecond, RandomizationFactor: 0.5, Multiplier: 1.5, MaxInterval: 5 * time.Second}
	var told string
	for ctx.Err() == nil {
		err := f.work(ctx, func() { told = ""; wait.Reset() })
		if err == nil {
			return
		}
		shown := errors.New(phone.Redact(err.Error()))
		f.idle.Store(&shown)
		if err.Error() != told {
			told = err.Error()
			f.tell(err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait.NextBackOff()):
		}
	}
}

// work returns nil when the context ends, or the error of a worker that did not start or failed.
func (f *fleet) work(ctx context.Context, started func()) error {
	if err := f.gate(ctx); err != nil {
		return err
	}
	ended := make(chan error, 1)
	workers := f.make(func(err error) {
		select {
		case ended <- err:
		default: // another one ended first
		}
	})
	for i, w := range workers {
		if err := w.Start(); err != nil {
			stopAll(workers[:i])
			return err
		}
	}
	defer stopAll(workers)
	f.idle.Store(nil)
	started()
	select {
	case <-ctx.Done():
		return nil
	case err := <-ended:
		return err
	}
}

// explain logs why the workers do not work, and what to do.
func (a *App) explain(err error) {
	lacks, incomplete := errors.AsType[errNoAttributes](err)
	switch {
	case incomplete:
		a.Log.Warn("workers wait for search attributes: run aftercall setup", "namespace", a.Temporal.Namespace, "attributes", lacks.Error())
	case desk.Means(err, desk.ErrNoNamespace):
		a.Log.Warn("namespace is missing: run aftercall setup", "namespace", a.Temporal.Namespace)
	case desk.Means(err, desk.ErrRefused):
		a.Log.Error("credentials rejected by Temporal: correct TEMPORAL_API_KEY or TEMPORAL_TLS_…; the workers retry", "error", err)
	case desk.Means(err, desk.ErrAway) && !desk.Means(err, desk.ErrMisconfigured):
		a.Log.Warn("workers wait for Temporal", "address", a.Temporal.HostPort)
	default:
		a.Log.Error("workers failed and will be restarted", "error", err)
	}
}

func stopAll(workers []member) {
	var all sync.WaitGroup
	for _, w := range workers {
		all.Go(w.Stop)
	}
	all.Wait()
}
