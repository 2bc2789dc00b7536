package app

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/worker"

	"github.com/aftercall/aftercall/handlers"
	"github.com/aftercall/aftercall/internal/temporalclient"
)

// runWorkers starts the workers as soon as Temporal and its namespace are there, and stops them all at once. A worker
// remembers that its start has failed, so each try hires new ones.
func (a *App) runWorkers(ctx context.Context, hire func() []worker.Worker) {
	starting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var running []worker.Worker
	tried := make(chan struct{})
	go func() {
		defer close(tried)
		var err error
		if running, err = a.startWhenPossible(starting, hire); err != nil && starting.Err() == nil {
			a.fail("worker", err)
		}
	}()
	a.checks = append(a.checks, handlers.Check{Name: "worker", Run: func(context.Context) error {
		select {
		case <-tried:
			return nil
		default:
			return errors.New("waits for Temporal")
		}
	}})
	a.onStopWorking("workers", func(context.Context) error {
		cancel()
		<-tried
		stopAll(running)
		return nil
	})
}

// startWhenPossible tries again and again while Temporal is away, or does not know the namespace yet.
func (a *App) startWhenPossible(ctx context.Context, hire func() []worker.Worker) ([]worker.Worker, error) {
	return backoff.Retry(ctx, func() ([]worker.Worker, error) {
		if err := a.tryGate(ctx); err != nil {
			return nil, a.unlessPassing(err)
		}
		workers := hire()
		for i, w := range workers {
			if err := w.Start(); err != nil {
				stopAll(workers[:i])
				return nil, a.unlessPassing(err)
			}
		}
		return workers, nil
	}, backoff.WithMaxElapsedTime(0), backoff.WithBackOff(&backoff.ExponentialBackOff{
		InitialInterval: 500 * time.Millisecond, RandomizationFactor: 0.5, Multiplier: 1.5, MaxInterval: 5 * time.Second,
	}))
}

// unlessPassing makes an error permanent that waiting does not mend.
func (a *App) unlessPassing(err error) error {
	_, noNamespace := errors.AsType[*serviceerror.NamespaceNotFound](err)
	switch {
	case noNamespace:
		a.Log.Warn("namespace is missing: run aftercall setup", "namespace", a.Temporal.Namespace)
	case temporalclient.Away(err):
		a.Log.Warn("workers wait for Temporal", "address", a.Temporal.HostPort)
	default:
		return backoff.Permanent(err)
	}
	return err
}

func stopAll(workers []worker.Worker) {
	var all sync.WaitGroup
	for _, w := range workers {
		all.Go(w.Stop)
	}
	all.Wait()
}
