package app

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/worker"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/ids"
	"github.com/aftercall/aftercall/internal/recordings"
	"github.com/aftercall/aftercall/internal/unifonic"
	"github.com/aftercall/aftercall/workflows"
)

// workerStop is how long activities may go on when the worker stops. A request to the provider that is cut off is an
// unknown placement, settled by the call log.
const workerStop = 6 * time.Second

// downloads is how many recordings one worker fetches at once.
const downloads = 8

// startWorker starts a worker on every task queue of ours.
func (a *App) startWorker(ctx context.Context) error {
	if err := a.probeStore(ctx); err != nil {
		return err
	}
	if err := a.openLedger(ctx); err != nil {
		return err
	}
	provider, err := Provider(a.Config, a.unknownStatuses("call-log"))
	if err != nil {
		return err
	}
	fetcher, err := recordings.NewFetcher(recordings.Options{AllowedHosts: a.Config.RecordingHosts, AllowHTTP: a.Config.RecordingAllowHTTP})
	if err != nil {
		return fmt.Errorf("AFTERCALL_RECORDING_HOSTS: %w", err)
	}
	a.runWorkers(ctx, func() []worker.Worker { return a.hire(provider, fetcher) })
	return nil
}

// hire makes a worker for every task queue of ours.
func (a *App) hire(provider *unifonic.Client, fetcher *recordings.Fetcher) []worker.Worker {
	light := a.newWorker(contract.TaskQueue, worker.Options{})
	workflows.Register(light)
	activitiesOnly := worker.Options{DisableWorkflowWorker: true}
	business := a.newWorker(calls.TaskQueueCalls, activitiesOnly)
	dial := a.newWorker(contract.TaskQueueDial, activitiesOnly)
	lookup := a.newWorker(contract.TaskQueueLookup, activitiesOnly)
	fetch := a.newWorker(contract.TaskQueueRecordings, worker.Options{DisableWorkflowWorker: true, MaxConcurrentActivityExecutionSize: downloads})

	a.registerCalls(business)
	a.registerOutbound(light, dial, lookup, provider)
	a.registerRecordings(light, lookup, fetch, provider, fetcher)
	a.registerMasking(light, provider)
	return []worker.Worker{light, business, dial, lookup, fetch}
}

func (a *App) newWorker(queue string, o worker.Options) worker.Worker {
	o.WorkerStopTimeout = workerStop
	o.OnFatalError = func(err error) { a.fail("worker of "+queue, err) }
	return worker.New(a.temporal, queue, o)
}

// names makes the keys that stand for identifiers.
func (a *App) names() ids.Namer { return ids.Namer{Hash: a.Keys.Hash()} }

// settings are what workflows that this process starts live by.
func (a *App) settings() desk.Settings {
	s := desk.Settings{Call: a.Config.CallSettings(), Outbound: a.Config.OutboundSettings(), Masking: a.Config.MaskingSettings(), Names: a.names()}
	if a.Settings != nil {
		a.Settings(&s)
	}
	return s
}

// probeStore finds out at the start, and not with the first recording, that none could be stored.
func (a *App) probeStore(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	if err := a.store.Writable(ctx); err != nil {
		return fmt.Errorf("AFTERCALL_RECORDINGS_URL: %w", err)
	}
	return nil
}
