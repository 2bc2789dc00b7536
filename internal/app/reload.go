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

// reloader is a part that can take changed settings while it runs.
type reloader struct {
	name string
	fn   func(config.Config) error
}

// onReload says what a part does with settings that were read again.
func (a *App) onReload(name string, fn func(config.Config) error) {
	a.reloaders = append(a.reloaders, reloader{name, fn})
}

// Reload reads the settings again and hands them to every part that can change while it runs. Where they are wrong,
// nothing changes. Errors: those of the settings, and of every part that could not take them.
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
			a.Log.Error("settings were not read again in full: what could not be read stays as it was", "error", err)
			continue
		}
		a.Log.Info("settings were read again")
	}
}
