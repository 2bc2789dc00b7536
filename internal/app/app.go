// Package app wires aftercall together: the parts of each role, and the order in which they start and stop. It holds no
// rule about calls.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"github.com/aftercall/aftercall/handlers"
	"github.com/aftercall/aftercall/internal/audit"
	"github.com/aftercall/aftercall/internal/callbacks"
	"github.com/aftercall/aftercall/internal/certfile"
	"github.com/aftercall/aftercall/internal/clock"
	"github.com/aftercall/aftercall/internal/config"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/dialqueue"
	"github.com/aftercall/aftercall/internal/keys"
	"github.com/aftercall/aftercall/internal/ledger"
	"github.com/aftercall/aftercall/internal/recordings"
	"github.com/aftercall/aftercall/internal/telemetry"
	"github.com/aftercall/aftercall/internal/temporalclient"
	"github.com/aftercall/aftercall/internal/unifonic"
)

// Role is a part of aftercall that can run in a process of its own.
type Role string

// Roles.
const (
	Serve  Role = "serve"  // webhook, API, inbox, dispatcher
	Worker Role = "worker" // workflows and activities
)

// Options configures Start.
type Options struct {
	Config   config.Config
	Temporal client.Options // where Temporal is; its logger and metrics are set here
	// Version is the version of the workers. The zero version leaves Worker Versioning off.
	Version worker.WorkerDeploymentVersion
	Log     *slog.Logger
	Keys    *keys.Ring       // nil: those of Config, see EnsureKeys
	Checks  []handlers.Check // further checks of /readyz
	// Reload reads Config again, for SIGHUP; may be nil.
	Reload func() (config.Config, error)
	// Heard is called with each accepted notification, to show it to a developer; may be nil.
	Heard func(n unifonic.Notification, result string)
	// Settings changes the settings of started workflows that Config lacks: tests shorten them; may be nil.
	Settings func(*desk.Settings)
}

// App is a running aftercall.
type App struct {
	Options
	registry                   *prometheus.Registry
	temporal                   client.Client
	gate                       temporalclient.Gate // of the codec, of editions and of keyed hashes
	desk                       *desk.Desk
	callbacks                  *callbacks.Sender
	store                      *recordings.Store
	dialling                   dialqueue.Watch
	clock                      clock.Clock
	ledger                     *ledger.Ledger            // nil if it could not be opened
	keyedSince                 atomic.Pointer[time.Time] // the ledger's answer; nil: not asked yet
	checks                     []handlers.Check
	inbox                      handlers.DeadLetterInbox // nil if the role has none
	wake                       func()                   // of the dispatcher
	storing                    func() (stored func())   // of the dispatcher
	addrs                      Addresses
	failed                     chan error
	attributesKnown, noParties atomic.Bool
	keyedNames                 atomic.Bool // a serve finds recordings by keyed names
	noKeys                     error       // why the keys that there are cannot be read; nil where they can, or there are none

	stopping sync.Mutex // over the next three
	stops    []stop     // of what the others need
	servers  []stop     // of what takes requests
	workers  []stop     // of what works in the background

	reloaders []reloader

	logIn       *handlers.LogIn
	audit       *audit.Log     // nil: no audit log
	certificate *certfile.Pair // nil: plain HTTP
	draining    atomic.Bool
	stopWaits   func() // ends all long polls with the current state; nil without an API
}

// Addresses holds the addresses of the listeners: "host:port", or empty for none.
type Addresses struct{ HTTP, Webhook, Admin, Codec, Metrics string }

// stop ends one part.
type stop struct {
	name string
	fn   func(context.Context) error
}

// StopTimeout is the most time that Stop takes.
const StopTimeout = 10 * time.Second

// Start starts the roles and returns once all of them serve. Temporal may be unavailable: the webhook still accepts
// notifications, and the workers begin once Temporal answers. An error is one line that says what to change.
func Start(ctx context.Context, o Options, roles ...Role) (*App, error) {
	a := &App{Options: o, failed: make(chan error, 8), registry: telemetry.NewRegistry()}
	if err := a.start(ctx, roles); err != nil {
		return nil, errors.Join(err, a.Stop())
	}
	return a, nil
}

func (a *App) start(ctx context.Context, roles []Role) error {
	a.checks = append(a.checks, handlers.Check{Name: "running", Required: true, Run: a.running})
	if err := a.checkRoles(roles); err != nil {
		return err
	}
	if err := a.openKeys(ctx, roles); err != nil {
		return err
	}
	a.warnOfWeakness(a.Config)
	if err := a.openAccess(); err != nil {
		return err
	}
	if err := a.openCertificate(); err != nil {
		return err
	}
	if err := a.openCallbacks(); err != nil {
		return err
	}
	if err := a.connect(roles); err != nil {
		return err
	}
	if err := a.openStore(ctx); err != nil {
		return err
	}
	if err := a.openLedger(ctx, roles); err != nil {
		return err
	}
	if slices.Contains(roles, Worker) {
		if err := a.startWorker(ctx); err != nil {
			return err
		}
	}
	if slices.Contains(roles, Serve) {
		if err := a.startServe(ctx); err != nil {
			return err
		}
	}
	if err := a.startCodec(ctx); err != nil {
		return err
	}
	return a.startAdmin(ctx)
}

func (a *App) checkRoles(roles []Role) error {
	if slices.Contains(roles, Serve) {
		if err := a.Config.ForServe(); err != nil {
			return err
		}
	}
	if slices.Contains(roles, Worker) {
		return a.Config.ForWorker()
	}
	return nil
}

func (a *App) connect(roles []Role) error {
	metrics, err := telemetry.TemporalMetrics(a.registry)
	if err != nil {
		return err
	}
	if a.temporal, err = temporalclient.New(temporalclient.ForClock(a.Temporal, a.clock.Wrong), a.Keys, &a.gate, a.Log, metrics); err != nil {
		return err
	}
	a.onStop("temporal client", func(context.Context) error { a.temporal.Close(); return nil })
	a.background("gate", a.watchGate)
	a.background("limits", a.sayLimits)
	if a.Keys.Hash().Ready() {
		a.background("keys of the namespace", a.noteKeys)
	}
	a.watchClock()
	a.watchDialling(roles)
	a.desk = desk.New(a.temporal, a.settings())
	a.checks = append(a.checks, handlers.Check{Name: "temporal", Run: func(ctx context.Context) error {
		_, err := a.temporal.CheckHealth(ctx, &client.CheckHealthRequest{})
		return err
	}})
	a.checks = append(a.checks, a.Checks...)
	return nil
}

func (a *App) openStore(ctx context.Context) error {
	store, err := recordings.OpenStore(ctx, a.Config.RecordingsURL)
	if err != nil {
		return errors.New("AFTERCALL_RECORDINGS_URL: " + config.WithoutURL(err, a.Config.RecordingsURL))
	}
	a.store = store.Named(recordings.Names{Ready: a.keyedObjects, Hash: func(callKey string) string { return a.Keys.Hash().Of("recording", callKey) }})
	a.onStop("recordings store", func(context.Context) error { return store.Close() })
	return nil
}

// Addresses returns the addresses of the app's listeners.
func (a *App) Addresses() Addresses { return a.addrs }

// Failed returns a channel that yields an error when a part that the app needs has failed.
func (a *App) Failed() <-chan error { return a.failed }

// fail reports the failure of a part.
func (a *App) fail(part string, err error) {
	select {
	case a.failed <- fmt.Errorf("%s: %w", part, err):
	default:
	}
}

// onStop adds a part to stop after all others, one that the rest needs to the end. The last part to start is the first to
// stop.
func (a *App) onStop(name string, fn func(context.Context) error) {
	a.addStop(&a.stops, stop{name, fn})
}

// onStopServing adds a part that serves requests. All of these stop first, and at the same time.
func (a *App) onStopServing(name string, fn func(context.Context) error) {
	a.addStop(&a.servers, stop{name, fn})
}

// onStopWorking adds a part that works in the background. All of these stop at the same time, once no request can arrive.
func (a *App) onStopWorking(name string, fn func(context.Context) error) {
	a.addStop(&a.workers, stop{name, fn})
}

func (a *App) addStop(to *[]stop, s stop) {
	a.stopping.Lock()
	defer a.stopping.Unlock()
	*to = append(*to, s)
}

// Stop stops everything within StopTimeout. It finishes what is under way, and acknowledges nothing that is not committed.
// A second Stop does nothing, and returns once the first has ended.
func (a *App) Stop() error {
	a.stopping.Lock()
	defer a.stopping.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), StopTimeout)
	defer cancel()
	a.draining.Store(true)
	if a.stopWaits != nil {
		a.stopWaits()
	}
	errs := append(a.stopAll(ctx, a.servers), a.stopAll(ctx, a.workers)...)
	for _, s := range slices.Backward(a.stops) {
		errs = append(errs, a.stopOne(ctx, s))
	}
	a.servers, a.workers, a.stops = nil, nil, nil
	return errors.Join(errs...)
}

func (a *App) stopAll(ctx context.Context, stops []stop) []error {
	errs := make([]error, len(stops))
	var all sync.WaitGroup
	for i, s := range stops {
		all.Go(func() { errs[i] = a.stopOne(ctx, s) })
	}
	all.Wait()
	return errs
}

func (a *App) stopOne(ctx context.Context, s stop) error {
	began := time.Now()
	err := s.fn(ctx)
	a.Log.Debug("stopped", "part", s.name, "took", time.Since(began))
	return wrap("stop "+s.name, err)
}

// Drain keeps serving for AFTERCALL_DRAIN, while health and readiness tell balancers to send requests elsewhere. It ends
// early if a part fails.
func (a *App) Drain() {
	a.draining.Store(true)
	if a.Config.Drain <= 0 {
		return
	}
	a.Log.Info("aftercall drains: everything is still served", "for", a.Config.Drain)
	select {
	case <-time.After(a.Config.Drain):
	case err := <-a.Failed():
		a.Log.Error("drain was cut short", "error", err)
	}
}

// running is a check that fails once the app drains or stops.
func (a *App) running(context.Context) error {
	if a.draining.Load() {
		return errors.New("aftercall stops")
	}
	return nil
}

// Run runs the roles until the context ends or a part fails.
func Run(ctx context.Context, o Options, roles ...Role) error {
	a, err := Start(ctx, o, roles...)
	if err != nil {
		return err
	}
	a.background("reload", a.reloadOnSignal)
	o.Log.Info("aftercall runs", "roles", roles, "http", a.addrs.HTTP, "webhook", a.addrs.Webhook, "admin", a.addrs.Admin)
	select {
	case <-ctx.Done():
		o.Log.Info("aftercall stops")
	case err = <-a.Failed():
		o.Log.Error("aftercall stops", "error", err)
	}
	if err == nil {
		a.Drain()
	}
	return errors.Join(err, a.Stop())
}

// wrap prefixes an error with its subject. It returns nil for nil.
func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
