package stack

import (
	"context"
	"fmt"
	"net"
	"strings"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/devstack/temporalserver"
	"github.com/aftercall/aftercall/internal/app"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/temporalclient"
)

// StartTemporal starts the embedded server and prepares its namespace as `aftercall setup` does. After StopTemporal it
// comes back on the same ports, and with the same data if it keeps any.
func (s *Stack) StartTemporal(ctx context.Context) error {
	if outside := s.options.OutsideTemporal; outside != nil {
		return s.dial(ctx, *outside)
	}
	options := s.options.Temporal
	options.SearchAttributes = temporalserver.AttributeTypes(calls.SearchAttributes())
	options.SinglePartition = contract.TaskQueues()
	options.Fairness = true
	if options.Logger == nil {
		options.Logger = s.options.Log
	}
	if options.UI && options.UICodecEndpoint == "" && s.options.Config.CodecAddr != "" {
		if err := s.pinCodec(ctx); err != nil {
			return err
		}
		options.UICodecEndpoint = s.CodecURL()
	}
	server, err := temporalserver.Start(ctx, options)
	if err != nil {
		return err
	}
	s.temporal.Store(server)
	s.options.Temporal = server.Options()
	s.letUIDecode()
	if err := s.dial(ctx, s.temporalOptions()); err != nil {
		return err
	}
	// With a connection of its own: ours may take its time to notice that the server is back.
	report := func(line string) { s.options.Log.Debug("setup", "did", line) }
	left := func(line string) { s.options.Log.Warn("setup left something to be done by hand", "what", line) }
	if err := app.Setup(ctx, s.options.Config, s.temporalOptions(), report, left); err != nil {
		return fmt.Errorf("set up Temporal: %w", err)
	}
	return nil
}

// pinCodec finds the codec listener's port before aftercall starts, because the UI must know it.
func (s *Stack) pinCodec(ctx context.Context) error {
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", s.options.Config.CodecAddr)
	if err != nil {
		return fmt.Errorf("AFTERCALL_CODEC_ADDR: %w", err)
	}
	s.options.Config.CodecAddr = listener.Addr().String()
	return listener.Close()
}

// letUIDecode lets the pages of our own UI use the codec listener, under both names of this machine.
func (s *Stack) letUIDecode() {
	ui := s.UIURL()
	if cfg := &s.options.Config; ui != "" && len(cfg.CodecOrigins) == 0 {
		cfg.CodecOrigins = []string{ui, strings.Replace(ui, "127.0.0.1", "localhost", 1)}
	}
}

// dial connects once, with aftercall's keys; the client survives restarts of the server.
func (s *Stack) dial(ctx context.Context, options client.Options) error {
	if s.client != nil {
		return nil
	}
	if s.options.Keys == nil {
		ring, err := app.EnsureKeys(ctx, s.options.Config, options, s.options.Log)
		if err != nil {
			return err
		}
		s.options.Keys = ring
	}
	c, err := temporalclient.New(options, s.options.Keys, nil, s.options.Log, nil)
	if err != nil {
		return fmt.Errorf("make Temporal client: %w", err)
	}
	s.client = c
	return nil
}

// StopTemporal ends the embedded server; aftercall goes on and waits for it.
func (s *Stack) StopTemporal() {
	if server := s.temporal.Load(); server != nil {
		server.Stop()
	}
}

// Temporal is a client of the stack's Temporal. It must not be closed.
func (s *Stack) Temporal() client.Client { return s.client }

// DataConverter reads the payloads of aftercall's workflows as its own workers do.
func (s *Stack) DataConverter() converter.DataConverter {
	return temporalclient.NewDataConverter(s.options.Keys, nil)
}

// TemporalAddress is where Temporal's clients connect.
func (s *Stack) TemporalAddress() string { return s.temporalOptions().HostPort }

// TemporalNamespace is the namespace that aftercall works in.
func (s *Stack) TemporalNamespace() string { return s.temporalOptions().Namespace }

// UIURL is where Temporal's web UI is; empty when there is none.
func (s *Stack) UIURL() string {
	if server := s.temporal.Load(); server != nil {
		return server.UIURL()
	}
	return ""
}
