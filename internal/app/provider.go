package app

import (
	"fmt"

	"github.com/aftercall/aftercall/internal/config"
	"github.com/aftercall/aftercall/internal/unifonic"
)

// Provider returns a client of the provider's API with these settings. It calls unknownStatus, if not nil, for each unknown
// status word. The error names the setting to change.
func Provider(cfg config.Config, unknownStatus func(word string)) (*unifonic.Client, error) {
	c, err := unifonic.NewClient(unifonic.ClientOptions{
		BaseURL: cfg.UnifonicBaseURL, AppsID: cfg.UnifonicAppsID, MaskingAppsID: cfg.UnifonicMaskingAppsID,
		Timeout: cfg.UnifonicTimeout, Location: cfg.Location(),
		Statuses: cfg.StatusWords(), UnknownStatus: unknownStatus,
		MaskPaths: unifonic.MaskPaths{CreateOneWay: cfg.UnifonicMaskCreatePaths, Delete: cfg.UnifonicMaskPaths},
	})
	if err != nil {
		return nil, fmt.Errorf("AFTERCALL_UNIFONIC_BASE_URL: %w", err)
	}
	return c, nil
}
