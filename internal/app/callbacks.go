package app

import (
	"fmt"

	"github.com/aftercall/aftercall/internal/callbacks"
	"github.com/aftercall/aftercall/internal/config"
)

// openCallbacks sets up whom callbacks are posted to, and what signs them.
func (a *App) openCallbacks() (err error) {
	a.callbacks, err = callbacks.New(callbacks.Options{
		Hosts: a.Config.CallbackHosts, AllowHTTP: a.Config.CallbackAllowHTTP, AllowPrivate: a.Config.CallbackAllowPrivate,
		Secrets: a.Config.CallbackSecrets,
	})
	if err != nil {
		return fmt.Errorf("AFTERCALL_CALLBACK_HOSTS, AFTERCALL_CALLBACK_SECRETS: %w", err)
	}
	a.onReload("callback secrets", func(cfg config.Config) error { return a.callbacks.SetSecrets(cfg.CallbackSecrets) })
	return nil
}
