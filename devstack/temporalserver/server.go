package temporalserver

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/temporalio/ui-server/v2/server"
	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/metrics"
	"go.temporal.io/server/temporal"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

const startTimeout = time.Minute

// Server is a running Temporal server. Start returns one.
type Server struct {
	options Options
	log     logger
	server  temporal.Server
	ui      *server.Server
	conn    *grpc.ClientConn // our own, to check its health
	stop    sync.Once
	spare   []byte // see Options.SpareHeap
}

// spareHeap is what a server with SpareHeap holds and never touches, so that it takes no memory by itself. The garbage
// collector starts when the heap has doubled, and counts this too. A busy server makes 3 MiB of garbage for each workflow and
// keeps 60 MiB, so that a collection ran each second and took a tenth of the CPU. A higher GOGC would do the same, but would
// multiply a large heap as well.
const spareHeap = 64 << 20

// Start runs a server and returns once it can be used: its health is SERVING, the namespace responds and has the search
// attributes, and the UI, if requested, responds. It returns a *PortTakenError if a port is in use.
func Start(ctx context.Context, options Options) (*Server, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("not ready after %s", startTimeout))
	defer cancel()
	options = options.withDefaults()
	ports, err := claimPorts(options)
	if err != nil {
		return nil, err
	}
	options.GRPCPort, options.UIPort = ports.grpc[0], ports.ui

	s := &Server{options: options, log: newLogger(options.Logger)}
	if options.SpareHeap {
		s.spare = make([]byte, spareHeap)
	}
	if err := s.start(ctx, ports); err != nil {
		s.Stop()
		return nil, fmt.Errorf("start Temporal: %w", err)
	}
	return s, nil
}

func (s *Server) start(ctx context.Context, ports ports) error {
	store, err := openStore(s.options)
	if err != nil {
		return err
	}
	dynamic, err := s.options.dynamicConfig()
	if err != nil {
		return err
	}
	s.server, err = temporal.NewServer(
		temporal.WithConfig(serverConfig(ports.grpc, ports.http, store)),
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithStaticHosts(staticHosts(ports.grpc)),
		temporal.WithLogger(s.log),
		temporal.WithAuthorizer(authorization.NewNoopAuthorizer()),
		temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper {
			return authorization.NewNoopClaimMapper()
		}),
		temporal.WithCustomMetricsHandler(metrics.NoopMetricsHandler),
		temporal.WithDynamicConfigClient(dynamic),
	)
	if err != nil {
		return err
	}
	if err := s.server.Start(); err != nil {
		return err
	}
	s.conn, err = grpc.NewClient(s.HostPort(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	if err := s.awaitReady(ctx); err != nil {
		return err
	}
	if s.options.UI {
		s.ui, err = startUI(ctx, s.options, s.options.UIPort, s.HostPort())
	}
	return err
}

// HostPort returns the address for clients, e.g. "127.0.0.1:7233".
func (s *Server) HostPort() string { return address(s.options.GRPCPort) }

// Namespace returns the namespace that Start created or found.
func (s *Server) Namespace() string { return s.options.Namespace }

// UIURL returns the URL of the web UI, without a slash at the end; empty if there is none.
func (s *Server) UIURL() string {
	if !s.options.UI {
		return ""
	}
	return "http://" + address(s.options.UIPort)
}

// Options returns those of Start with every port filled in. Starting with them again after Stop is a restart in place: with
// a DataFile everything is still there; in memory the new server is empty.
func (s *Server) Options() Options { return s.options }

// Stop ends the UI and the server. A second call does nothing.
func (s *Server) Stop() {
	s.stop.Do(func() {
		s.log.mute()
		if s.ui != nil {
			s.ui.Stop()
		}
		if s.conn != nil {
			_ = s.conn.Close()
		}
		if s.server != nil {
			_ = s.server.Stop()
		}
	})
}
