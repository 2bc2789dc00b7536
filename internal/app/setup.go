package app

import (
	"context"
	"log/slog"

	"go.temporal.io/sdk/client"

	"github.com/aftercall/aftercall/internal/config"
	"github.com/aftercall/aftercall/internal/temporalclient"
)

// Setup prepares the namespace: retention, search attributes, dial and lookup rates. It may be repeated. It reports a
// line for each thing.
func Setup(ctx context.Context, cfg config.Config, target client.Options, report func(string)) error {
	c, err := temporalclient.New(target, nil, nil, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		return err
	}
	defer c.Close()
	return temporalclient.Setup(ctx, c, target.Namespace, temporalclient.Rates{Dial: cfg.DialRate, Lookup: cfg.LookupRate}, report)
}
