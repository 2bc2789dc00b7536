package temporalserver

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/temporalio/ui-server/v2/server"
	"github.com/temporalio/ui-server/v2/server/config"
	"github.com/temporalio/ui-server/v2/server/server_options"
)

// startUI serves the web UI and returns once it responds. It asks nobody outside for news or versions.
func startUI(ctx context.Context, o Options, port int, temporal string) (*server.Server, error) {
	ui := server.NewServer(server_options.WithConfigProvider(&config.Config{
		TemporalGRPCAddress: temporal,
		Host:                loopback,
		Port:                port,
		EnableUI:            true,
		DefaultNamespace:    o.Namespace,
		DisableNewsFetch:    true,
		HideLogs:            true,
		Codec:               config.Codec{Endpoint: o.UICodecEndpoint},
		CORS:                config.CORS{CookieInsecure: true}, // plain HTTP on loopback
	}))
	go func() { _ = ui.Start() }()
	err := poll(ctx, func(ctx context.Context) error { return answers(ctx, "http://"+address(port)+"/healthz") })
	if err != nil {
		ui.Stop()
		return nil, fmt.Errorf("start Temporal UI: %w", err)
	}
	return ui, nil
}

// answers requests a page that must respond 200.
func answers(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	return nil
}
