package app

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/ids"
	"github.com/aftercall/aftercall/internal/intake"
	"github.com/aftercall/aftercall/internal/recordings"
	"github.com/aftercall/aftercall/internal/temporalclient"
	"github.com/aftercall/aftercall/internal/unifonic"
	"github.com/aftercall/aftercall/workflows"
)

// workerStop is how long activities may continue when the worker stops. An interrupted request to the provider is an
// unknown placement, which the call log settles.
const workerStop = 6 * time.Second

// downloads is how many recordings one worker downloads at once.
const downloads = 8

// startWorker starts a worker on each of our task queues.
func (a *App) startWorker(ctx context.Context) error {
	if err := a.probeStore(ctx); err != nil {
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
	worker.SetStickyWorkflowCacheSize(cachedWorkflows(a.Config.WorkflowCache))
	a.keepRecordings()
	a.runWorkers(ctx, func(fatal func(error)) []member { return a.newWorkers(provider, fetcher, fatal) })
	return nil
}

// workflowCost is the memory of a cached Call, as measured with thousands of them: its state and coroutines, and the same
// again for the garbage collector.
const workflowCost = 35 << 10

// cachedWorkflows returns how many workflows fit into a number of bytes.
func cachedWorkflows(bytes int64) int { return int(max(bytes/workflowCost, 16)) }

// sweepRecordingsEvery is how often recordings past their retention are removed.
const sweepRecordingsEvery = time.Hour

// keepRecordings logs how long recordings are kept, and removes older ones.
func (a *App) keepRecordings() {
	retention := a.Config.RecordingsRetention
	if retention == 0 {
		a.Log.Info("recordings are kept until they are deleted: AFTERCALL_RECORDINGS_RETENTION is not set")
		return
	}
	a.Log.Info("recordings are removed after their retention", "retention", retention)
	a.background("recordings sweep", func(ctx context.Context) {
		for ; ctx.Err() == nil; pause(ctx, sweepRecordingsEvery) {
			removed, err := a.store.Sweep(ctx, time.Now(), retention)
			if err != nil && ctx.Err() == nil {
				a.Log.Warn("recordings were not swept", "error", err)
			}
			if removed > 0 {
				a.Log.Info("recordings removed: they were older than AFTERCALL_RECORDINGS_RETENTION", "count", removed)
			}
		}
	})
}

// taskPollers is how many polls of one kind a worker keeps open. The SDK's two are too few for a queue with several
// partitions, as on a server that we do not configure: a partition without a poll hands out some ten tasks per second, and
// at times none for a minute.
const taskPollers = 10

// newWorkers returns a worker for each of our task queues. The workers set the rates too, so that they hold even if
// Temporal's task queues cannot be configured.
func (a *App) newWorkers(provider *unifonic.Client, fetcher *recordings.Fetcher, fatal func(error)) []member {
	f := workerFactory{a.temporal, fatal}
	light := f.worker(contract.TaskQueue, worker.Options{DeploymentOptions: a.versioning()})
	workflows.Register(light)
	business := f.worker(calls.TaskQueueCalls, worker.Options{DisableWorkflowWorker: true})
	lookup := f.worker(contract.TaskQueueLookup, worker.Options{DisableWorkflowWorker: true, TaskQueueActivitiesPerSecond: a.Config.LookupRate})
	fetch := f.worker(contract.TaskQueueRecordings, worker.Options{DisableWorkflowWorker: true, MaxConcurrentActivityExecutionSize: downloads})

	a.registerCalls(business)
	a.registerOutbound(light, lookup, provider)
	a.registerRecordings(light, lookup, fetch, provider, fetcher)
	a.registerMasking(light, provider)
	a.registerCallbacks(light)
	dial := a.newDialWorker(func(rate float64) member {
		w := f.worker(contract.TaskQueueDial, worker.Options{DisableWorkflowWorker: true, TaskQueueActivitiesPerSecond: rate})
		a.registerDial(w, provider)
		return w
	}, fatal)
	return []member{light, business, dial, lookup, fetch, a.newNexusWorker()}
}

// versioning returns the options of the workers that run the workflows of calls. Workflows upgrade automatically, because
// each release replays the histories of those before. Workers that only run activities have no version: an activity keeps
// its contract.
func (a *App) versioning() worker.DeploymentOptions {
	if a.Version == (worker.WorkerDeploymentVersion{}) {
		return worker.DeploymentOptions{}
	}
	a.Log.Info("workflows run on this version of the workers once it is current or ramping: aftercall deploy promote",
		"deployment", a.Version.DeploymentName, "build", a.Version.BuildID)
	return worker.DeploymentOptions{UseVersioning: true, Version: a.Version, DefaultVersioningBehavior: workflow.VersioningBehaviorAutoUpgrade}
}

// workerFactory makes workers of one client that report their failures to the same function.
type workerFactory struct {
	client client.Client
	fatal  func(error)
}

func (f workerFactory) worker(queue string, o worker.Options) worker.Worker {
	o.MaxConcurrentWorkflowTaskPollers, o.MaxConcurrentActivityTaskPollers = taskPollers, taskPollers
	o.WorkerStopTimeout = workerStop
	o.OnFatalError = func(err error) { f.fatal(fmt.Errorf("worker of %s: %w", queue, err)) }
	return worker.New(f.client, queue, o)
}

// names returns the maker of keys for identifiers.
func (a *App) names() ids.Namer { return ids.Namer{Hash: a.Keys.Hash(), NoParties: a.noParties.Load} }

// settings returns the settings of workflows that this process starts.
func (a *App) settings() desk.Settings {
	s := desk.Settings{
		Call: a.Config.CallSettings(), Outbound: a.Config.OutboundSettings(), Masking: a.Config.MaskingSettings(),
		Namespace: a.Temporal.Namespace, Names: a.names(), Dialling: a.dialling.Dialling, Edition: a.edition, Former: a.former,
		Expected:  func(asked intake.Outbound) time.Time { return a.expected(asked).Start },
		Converter: temporalclient.NewDataConverter(a.Keys, &a.gate),
	}
	if a.Settings != nil {
		a.Settings(&s)
	}
	return s
}

// storeTimeout bounds the probe of the store.
const storeTimeout = 8 * time.Second

// probeStore checks the store at the start, so that a fault shows before the first recording.
func (a *App) probeStore(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if err := a.store.Writable(ctx); err != nil {
		return fmt.Errorf("AFTERCALL_RECORDINGS_URL: %w", err)
	}
	return nil
}
