// Package stack is package dev with Temporal and its UI in the same process. `aftercall-dev`, the capture of histories and
// the end-to-end tests start it.
package stack

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/devstack/temporalserver"
	"github.com/aftercall/aftercall/handlers"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/dev"
)

// Options configure a stack. Config is required, see Config; everything else may be zero.
type Options struct {
	dev.Options
	// Temporal configures the embedded server. Search attributes and single partitions are filled in.
	Temporal temporalserver.Options
	// OutsideTemporal replaces the embedded server, which is then not started.
	OutsideTemporal *client.Options
}

// Credentials and Answer are those of package dev.
type (
	Credentials = dev.Credentials
	Answer      = dev.Answer
)

// Config and NewCredentials are those of package dev.
var (
	Config         = dev.Config
	NewCredentials = dev.NewCredentials
)

// Stack is a running system. The methods that stop and start one part are for tests; they are not safe for concurrent use.
type Stack struct {
	*dev.Stack
	temporal temporalserver.Options
	outside  *client.Options
	log      *slog.Logger
	server   atomic.Pointer[temporalserver.Server] // nil with an outside Temporal; replaced by a restart
}

// Start starts everything and returns once everything is ready. On an error nothing is left running.
func Start(ctx context.Context, options Options) (*Stack, error) {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	s := &Stack{temporal: options.Temporal, outside: options.OutsideTemporal, log: options.Log}
	options.Checks = s.checks
	s.Stack = dev.New(options.Options)
	if s.temporal.Logger == nil {
		s.temporal.Logger = s.log
	}
	for _, start := range []func(context.Context) error{s.StartTemporal, s.StartSimulator, s.StartApp, s.AwaitReady} {
		if err := start(ctx); err != nil {
			return nil, errors.Join(err, s.Stop())
		}
	}
	return s, nil
}

// Stop ends everything, the last started first. It finishes work in flight.
func (s *Stack) Stop() error {
	err := s.Stack.Stop()
	s.StopTemporal()
	return err
}

// StartTemporal starts the embedded server and prepares its namespace. After StopTemporal it starts it again on the same
// ports, and with the same data if it keeps any.
func (s *Stack) StartTemporal(ctx context.Context) error {
	if s.outside != nil {
		return s.Connect(ctx, *s.outside)
	}
	options := s.temporal
	if options.SearchAttributes == nil {
		options.SearchAttributes = temporalserver.AttributeTypes(calls.SearchAttributes())
	}
	options.SinglePartition = contract.TaskQueues()
	options.Fairness = true
	if options.UI && options.UICodecEndpoint == "" && s.Config().CodecAddr != "" {
		if err := s.PinCodec(ctx); err != nil {
			return err
		}
		options.UICodecEndpoint = s.CodecURL()
	}
	server, err := temporalserver.Start(ctx, options)
	if err != nil {
		return err
	}
	s.server.Store(server)
	s.temporal = server.Options()
	s.ShowIn(server.UIURL())
	target := client.Options{HostPort: server.HostPort(), Namespace: server.Namespace(), Logger: log.NewStructuredLogger(s.log)}
	if err := s.Connect(ctx, target); err != nil {
		return err
	}
	return s.Setup(ctx)
}

// UseTemporalData makes the next StartTemporal use another file with Temporal's data, such as a copy that was made earlier.
// The file of a server that ran in this process cannot be replaced: its connection to it is never closed.
func (s *Stack) UseTemporalData(file string) { s.temporal.DataFile = file }

// StopTemporal ends the embedded server; aftercall continues and waits for it.
func (s *Stack) StopTemporal() {
	if server := s.server.Load(); server != nil {
		server.Stop()
	}
}

// checks returns the further checks of readiness: that the server and its UI are ready.
func (s *Stack) checks() []handlers.Check {
	if s.server.Load() == nil {
		return nil
	}
	return []handlers.Check{
		{Name: "embedded-temporal", Required: true, Run: func(ctx context.Context) error { return s.server.Load().Check(ctx) }},
		{Name: "temporal-ui", Required: true, Run: func(ctx context.Context) error { return s.server.Load().CheckUI(ctx) }},
	}
}
