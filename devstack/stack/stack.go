// Package stack wires the whole of aftercall together on one machine: Temporal with its UI, the simulator, serve and
// worker, all in this process and on loopback. `aftercall-dev`, the capture of histories and the end-to-end tests start
// the same Stack. It holds no setting of its own beyond what makes the parts find each other.
package stack

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"github.com/aftercall/aftercall/devstack/temporalserver"
	"github.com/aftercall/aftercall/internal/app"
	"github.com/aftercall/aftercall/internal/config"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/keys"
	"github.com/aftercall/aftercall/internal/simulator"
	"github.com/aftercall/aftercall/internal/unifonic"
)

// Options say what to start. Config is needed, see Config; everything else may be zero.
type Options struct {
	// Config is aftercall's. Where a simulator runs, its address is filled in as the provider's.
	Config config.Config
	// Temporal is the embedded server. Search attributes and single partitions are filled in.
	Temporal temporalserver.Options
	// OutsideTemporal is used in place of an embedded server, which is not started then.
	OutsideTemporal *client.Options
	// Simulator is the provider.
	Simulator simulator.Options
	// RealProvider leaves the simulator out: aftercall talks to the provider that Config names.
	RealProvider bool
	// Heard, where set, is called with each notification that the webhook takes.
	Heard func(n unifonic.Notification, result string)
	// Settings, where set, changes what started workflows live by beyond what Config says.
	Settings func(*desk.Settings)
	// Keys are aftercall's; nil are those of Config, made where it names none. An empty ring keeps everything in clear.
	Keys *keys.Ring
	// Log is told what happens; nil drops it.
	Log *slog.Logger
}

// Stack is a running whole. The methods that stop and start one part are for tests; they are not safe for concurrent
// use.
type Stack struct {
	options   Options
	temporal  atomic.Pointer[temporalserver.Server] // nil with an outside Temporal; another one after a restart
	client    client.Client                         // our own, for setup and for tests
	simulator *simulator.Simulator                  // nil with the real provider
	app       *app.App
}

// Start starts everything and returns when everything serves. On an error nothing is left running.
func Start(ctx context.Context, options Options) (*Stack, error) {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	s := &Stack{options: options}
	for _, start := range []func(context.Context) error{s.StartTemporal, s.startSimulator, s.StartApp, s.AwaitReady} {
		if err := start(ctx); err != nil {
			return nil, errors.Join(err, s.Stop())
		}
	}
	return s, nil
}

// Stop ends everything, the last started first. What is in flight is finished.
func (s *Stack) Stop() error {
	err := s.StopApp()
	if s.simulator != nil {
		err = errors.Join(err, s.simulator.Close())
	}
	if s.client != nil {
		s.client.Close()
	}
	s.StopTemporal()
	return err
}

// StartApp starts serve and worker, and registers the webhook with the simulator. After StopApp they come back at the
// same addresses, with the same data.
func (s *Stack) StartApp(ctx context.Context) error {
	running, err := app.Start(ctx, app.Options{
		Config:   s.options.Config,
		Temporal: s.temporalOptions(),
		Log:      s.options.Log,
		Keys:     s.options.Keys,
		Checks:   s.checks(),
		Settings: s.options.Settings,
		Heard:    s.options.Heard,
	}, app.Serve, app.Worker)
	if err != nil {
		return err
	}
	s.app = running
	s.pinAddresses()
	return s.registerWebhook()
}

// StopApp ends serve and worker; Temporal and the simulator go on.
func (s *Stack) StopApp() error {
	if s.app == nil {
		return nil
	}
	running := s.app
	s.app = nil
	return running.Stop()
}

// Failed yields an error when serve or worker cannot go on.
func (s *Stack) Failed() <-chan error { return s.app.Failed() }

func (s *Stack) temporalOptions() client.Options {
	if s.options.OutsideTemporal != nil {
		return *s.options.OutsideTemporal
	}
	server := s.temporal.Load()
	return client.Options{
		HostPort:  server.HostPort(),
		Namespace: server.Namespace(),
		Logger:    log.NewStructuredLogger(s.options.Log),
	}
}

// List lists workflows of a type, for whoever watches.
func (s *Stack) List(ctx context.Context, workflowType string, f desk.Filter) (desk.Page, error) {
	return desk.New(s.client, desk.Settings{}).List(ctx, workflowType, f)
}
