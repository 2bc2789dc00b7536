package app

import (
	"context"
	"log/slog"

	"go.temporal.io/sdk/client"

	"github.com/aftercall/aftercall/internal/config"
	"github.com/aftercall/aftercall/internal/temporalclient"
)

// SetupOptions are what Setup does beyond what the settings say.
type SetupOptions struct {
	SetRetention  bool   // on a namespace that exists, too
	NexusEndpoint string // its name; empty for none
}

// Setup prepares the namespace: rates, search attributes, retention, and an endpoint for callers in other namespaces. It
// may be repeated. report gets a line for each thing done or found done, left one for each that somebody has to do by hand.
func Setup(ctx context.Context, cfg config.Config, target client.Options, o SetupOptions, report, left func(string)) error {
	c, err := temporalclient.New(target, nil, nil, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		return err
	}
	defer c.Close()
	return temporalclient.Setup(ctx, c, target.Namespace, plan(cfg, o), report, left)
}

// SetupCommands returns what Setup does, as commands of Temporal's own tools.
func SetupCommands(cfg config.Config, target client.Options, o SetupOptions) []temporalclient.Command {
	return temporalclient.Commands(target.HostPort, target.Namespace, plan(cfg, o))
}

func plan(cfg config.Config, o SetupOptions) temporalclient.Plan {
	return temporalclient.Plan{
		Rates: temporalclient.Rates{Dial: cfg.DialRate, Lookup: cfg.LookupRate}, Retention: cfg.NamespaceRetention, SetRetention: o.SetRetention,
		NexusEndpoint: o.NexusEndpoint,
	}
}
