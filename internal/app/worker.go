package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/worker"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/handlers"
	"github.com/aftercall/aftercall/internal/recordings"
	"github.com/aftercall/aftercall/internal/starter"
	"github.com/aftercall/aftercall/internal/temporalclient"
	"github.com/aftercall/aftercall/internal/unifonic"
	"github.com/aftercall/aftercall/workflows"
)

// workerStop is how long activities may go on when the worker stops. A request to the provider that is cut off is an
// unknown placement, settled by the call log.
const workerStop = 7 * time.Second

// downloads is how many recordings one worker fetches at once.
const downloads = 8

// startWorker starts a worker on every task queue of ours.
func (a *App) startWorker(ctx context.Context) error {
	provider, err := unifonic.NewClient(unifonic.ClientOptions{
		BaseURL: a.Config.UnifonicBaseURL, AppsID: a.Config.UnifonicAppsID, MaskingAppsID: a.Config.UnifonicMaskingAppsID,
		Timeout: a.Config.UnifonicTimeout, Location: a.Config.Location(),
	})
	if err != nil {
		return fmt.Errorf("AFTERCALL_UNIFONIC_BASE_URL: %w", err)
	}
	fetcher, err := recordings.NewFetcher(recordings.Options{AllowedHosts: a.Config.RecordingHosts, AllowHTTP: a.Config.RecordingAllowHTTP})
	if err != nil {
		return fmt.Errorf("AFTERCALL_RECORDING_HOSTS: %w", err)
	}
	light := a.newWorker(calls.TaskQueue, worker.Options{})
	workflows.Register(light)
	activitiesOnly := worker.Options{DisableWorkflowWorker: true}
	business := a.newWorker(calls.TaskQueueCalls, activitiesOnly)
	dial := a.newWorker(calls.TaskQueueDial, activitiesOnly)
	lookup := a.newWorker(calls.TaskQueueLookup, activitiesOnly)
	fetch := a.newWorker(calls.TaskQueueRecordings, worker.Options{DisableWorkflowWorker: true, MaxConcurrentActivityExecutionSize: downloads})

	a.registerCalls(business)
	a.registerOutbound(light, dial, lookup, provider)
	keep := a.registerRecordings(light, lookup, fetch, provider, fetcher)
	a.registerMasking(light, provider, keep)
	return a.runWorkers(ctx, light, business, dial, lookup, fetch)
}

func (a *App) newWorker(queue string, o worker.Options) worker.Worker {
	o.WorkerStopTimeout = workerStop
	o.OnFatalError = func(err error) { a.fail("worker of "+queue, err) }
	return worker.New(a.temporal, queue, o)
}

// settings are what workflows that this process starts live by.
func (a *App) settings() starter.Settings {
	return starter.Settings{Call: a.Config.CallSettings(), Outbound: a.Config.OutboundSettings(), Masking: a.Config.MaskingSettings()}
}

// runWorkers starts the workers as soon as Temporal and its namespace are there, and stops them all at once.
func (a *App) runWorkers(ctx context.Context, workers ...worker.Worker) error {
	starting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	started := make(chan struct{})
	running := make(chan struct{})
	go func() {
		defer close(started)
		for _, w := range workers {
			if err := a.startWhenPossible(starting, w); err != nil {
				if starting.Err() == nil {
					a.fail("worker", err)
				}
				return
			}
		}
		close(running)
	}()
	a.checks = append(a.checks, handlers.Check{Name: "worker", Run: func(context.Context) error {
		select {
		case <-running:
			return nil
		default:
			return errors.New("waits for Temporal")
		}
	}})
	a.onStop("workers", func(context.Context) error {
		cancel()
		<-started
		var all sync.WaitGroup
		for _, w := range workers {
			all.Go(w.Stop)
		}
		all.Wait()
		return nil
	})
	return nil
}

// startWhenPossible starts a worker, again and again while Temporal is away or does not know the namespace yet.
func (a *App) startWhenPossible(ctx context.Context, w worker.Worker) error {
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := w.Start()
		_, noNamespace := errors.AsType[*serviceerror.NamespaceNotFound](err)
		switch {
		case err == nil:
			return struct{}{}, nil
		case noNamespace:
			a.Log.Warn("namespace is missing: run aftercall setup", "namespace", a.Temporal.Namespace)
		case temporalclient.Away(err):
			a.Log.Warn("Temporal is away", "address", a.Temporal.HostPort)
		default:
			return struct{}{}, backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithMaxElapsedTime(0), backoff.WithBackOff(&backoff.ExponentialBackOff{
		InitialInterval: 500 * time.Millisecond, RandomizationFactor: 0.5, Multiplier: 1.5, MaxInterval: 5 * time.Second,
	}))
	return err
}
