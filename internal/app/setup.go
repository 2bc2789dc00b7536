package app

import (
	"context"
	"log/slog"

	"go.temporal.io/sdk/client"

	"github.com/aftercall/aftercall/internal/config"
	"github.com/aftercall/aftercall/internal/temporalclient"
)

// Setup prepares the namespace: rates, search attributes, and retention, which is set on one that exists only where
// setRetention says so. It may be repeated. report gets a line for each
// thing done or found done, left one for each that somebody has to do by hand.
func Setup(ctx context.Context, cfg config.Config, target client.Options, setRetention bool, report, left func(string)) error {
	c, err := temporalclient.New(target, nil, nil, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		return err
	}
	defer c.Close()
	return temporalclient.Setup(ctx, c, target.Namespace, temporalclient.Plan{
		Rates: temporalclient.Rates{Dial: cfg.DialRate, Lookup: cfg.LookupRate}, Retention: cfg.NamespaceRetention, SetRetention: setRetention,
	}, report, left)
}
