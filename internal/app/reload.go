package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/aftercall/aftercall/internal/config"
)

// reloader is a part that accepts changed settings while it runs.
type reloader struct {
	name string
	fn   func(config.Config) error
}

// onReload adds a part that accepts reloaded settings.
func (a *App) onReload(name string, fn func(config.Config) error) {
	a.reloaders = append(a.reloaders, reloader{name, fn})
}

// Reload reads the settings again and passes them to every part that can change while it runs. Invalid settings change
// nothing. It returns the error of the settings, or the errors of all parts that rejected them.
func (a *App) Reload() error {
	if a.Options.Reload == nil {
		return nil
	}
	cfg, err := a.Options.Reload()
	if err != nil {
		return err
	}
	var errs []error
	for _, r := range a.reloaders {
		if err := r.fn(cfg); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", r.name, err))
		}
	}
	return errors.Join(errs...)
}

// reloadOnSignal reloads at every SIGHUP until the context ends.
func (a *App) reloadOnSignal(ctx context.Context) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
		}
		if err := a.Reload(); err != nil {
			a.Log.Error("settings were not fully reloaded: unreadable ones stay as they were", "error", err)
			continue
		}
		a.Log.Info("settings were reloaded")
	}
}
