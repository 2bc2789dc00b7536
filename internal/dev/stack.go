// Package dev runs aftercall on a developer's machine: the simulator of the provider, serve and worker in one process, on
// loopback, beside a Temporal. `aftercall-dev` starts that Temporal itself, `aftercall-beside` uses an existing one. The
// capture of histories and the end-to-end tests start the same Stack. It has no settings of its own except those that
// connect the parts, and none of it is part of the product.
package dev

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/handlers"
	"github.com/aftercall/aftercall/internal/app"
	"github.com/aftercall/aftercall/internal/certfile"
	"github.com/aftercall/aftercall/internal/config"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/keys"
	"github.com/aftercall/aftercall/internal/simulator"
	"github.com/aftercall/aftercall/internal/temporalclient"
	"github.com/aftercall/aftercall/internal/unifonic"
)

// Options configure a stack. Config is required, see Config; everything else may be zero.
type Options struct {
	// Config is aftercall's configuration. If a simulator runs, its address is filled in as the provider's.
	Config config.Config
	// Simulator configures the stand-in for the provider.
	Simulator simulator.Options
	// RealProvider leaves the simulator out: aftercall talks to the provider that Config names.
	RealProvider bool
	// Heard, if set, is called with each notification that the webhook accepts.
	Heard func(n unifonic.Notification, result string)
	// Settings, if set, changes the settings of started workflows beyond Config.
	Settings func(*desk.Settings)
	// Keys are aftercall's; nil means those of Config, or new ones if it names none. An empty ring encrypts nothing.
	Keys *keys.Ring
	// Checks, if set, returns further checks of readiness.
	Checks func() []handlers.Check
	// Log receives events; nil discards them.
	Log *slog.Logger
}

// Stack is everything but Temporal, started piece by piece: Connect, StartSimulator, StartApp, AwaitReady. The methods
// that stop and start one part are for tests; they are not safe for concurrent use.
type Stack struct {
	options   Options
	target    client.Options
	client    client.Client // our own, for setup and for tests
	ui        string
	left      []string
	simulator *simulator.Simulator // nil with the real provider
	app       *app.App
	http      http.Client // to our own listeners
}

// New returns a Stack that has not started anything yet.
func New(options Options) *Stack {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	return &Stack{options: options}
}

// Connect makes a Temporal the one to work with, using aftercall's keys. The client survives restarts of the server.
func (s *Stack) Connect(ctx context.Context, target client.Options) error {
	s.target = target
	if s.client != nil {
		return nil
	}
	if err := s.trustOwn(); err != nil {
		return err
	}
	if s.options.Keys == nil {
		ring, err := app.EnsureKeys(ctx, s.options.Config, target, s.options.Log)
		if err != nil {
			return err
		}
		s.options.Keys = ring
	}
	c, err := temporalclient.New(target, s.options.Keys, nil, s.options.Log, nil)
	if err != nil {
		return fmt.Errorf("make Temporal client: %w", err)
	}
	s.client = c
	return nil
}

// trustOwn makes us and the simulator trust the certificate of our own listeners, if they have one.
func (s *Stack) trustOwn() error {
	file := s.options.Config.TLSCertFile
	if file == "" {
		return nil
	}
	own, err := certfile.ClientTLS(file)
	if err != nil {
		return fmt.Errorf("AFTERCALL_TLS_CERT_FILE: %w", err)
	}
	s.http.Transport, s.options.Simulator.TLS = &http.Transport{TLSClientConfig: own}, own
	return nil
}

// Setup prepares the namespace as `aftercall setup` does, with a connection of its own: ours may take time to notice that
// the server is back.
func (s *Stack) Setup(ctx context.Context) error {
	s.left = nil
	report := func(line string) { s.options.Log.Debug("setup", "did", line) }
	left := func(line string) { s.left = append(s.left, line) }
	if err := app.Setup(ctx, s.options.Config, s.target, app.SetupOptions{NexusEndpoint: calls.NexusEndpoint}, report, left); err != nil {
		return fmt.Errorf("set up Temporal: %w", errors.Join(append([]error{err}, asErrors(s.left)...)...))
	}
	return nil
}

func asErrors(lines []string) (out []error) {
	for _, line := range lines {
		out = append(out, errors.New(line))
	}
	return out
}

// Keys returns aftercall's keys, after Connect.
func (s *Stack) Keys() *keys.Ring { return s.options.Keys }

// PinCodec fixes the codec listener's port before aftercall starts, because a UI must know it.
func (s *Stack) PinCodec(ctx context.Context) error {
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", s.options.Config.CodecAddr)
	if err != nil {
		return fmt.Errorf("AFTERCALL_CODEC_ADDR: %w", err)
	}
	s.options.Config.CodecAddr = listener.Addr().String()
	return listener.Close()
}

// ShowIn sets the URL of Temporal's web UI, and lets its pages use the codec listener, under both names of this machine.
func (s *Stack) ShowIn(ui string) {
	s.ui = ui
	if cfg := &s.options.Config; ui != "" && len(cfg.CodecOrigins) == 0 {
		cfg.CodecOrigins = []string{ui, strings.Replace(ui, "127.0.0.1", "localhost", 1)}
	}
}

// StartApp starts serve and worker, and registers the webhook with the simulator. After StopApp it starts them again at the
// same addresses, with the same data.
func (s *Stack) StartApp(ctx context.Context) error {
	running, err := app.Start(ctx, app.Options{
		Config:   s.options.Config,
		Temporal: s.target,
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

// StopApp ends serve and worker; Temporal and the simulator continue.
func (s *Stack) StopApp() error {
	if s.app == nil {
		return nil
	}
	running := s.app
	s.app = nil
	return running.Stop()
}

// Stop ends everything, the last started first. It finishes work in flight.
func (s *Stack) Stop() error {
	err := s.StopApp()
	if s.simulator != nil {
		err = errors.Join(err, s.simulator.Close())
	}
	if s.client != nil {
		s.client.Close()
	}
	return err
}

// Failed yields an error if serve or worker cannot continue.
func (s *Stack) Failed() <-chan error { return s.app.Failed() }

// List lists workflows of a type, for observers.
func (s *Stack) List(ctx context.Context, workflowType string, f desk.Filter) (desk.Page, error) {
	return desk.New(s.client, desk.Settings{}).List(ctx, workflowType, f)
}

// Temporal returns a client of the stack's Temporal. It must not be closed.
func (s *Stack) Temporal() client.Client { return s.client }

// DataConverter returns a converter that reads the payloads of aftercall's workflows as its own workers do.
func (s *Stack) DataConverter() converter.DataConverter {
	return temporalclient.NewDataConverter(s.options.Keys, nil)
}

// TemporalAddress returns the address of Temporal for clients.
func (s *Stack) TemporalAddress() string { return s.target.HostPort }

// TemporalNamespace returns the namespace that aftercall works in.
func (s *Stack) TemporalNamespace() string { return s.target.Namespace }

// UIURL returns the URL of Temporal's web UI, empty if there is none.
func (s *Stack) UIURL() string { return s.ui }
