package app

import (
	"context"

	"github.com/aftercall/aftercall/handlers"
	"github.com/aftercall/aftercall/internal/access"
	"github.com/aftercall/aftercall/internal/audit"
	"github.com/aftercall/aftercall/internal/config"
)

// openAccess sets up who may do what, and where it is written down.
func (a *App) openAccess() error {
	a.logIn = &handlers.LogIn{Grants: access.NewGrants(a.Config.WebhookCredentials, a.Config.APIKeys), Log: a.Log}
	a.onReload("credentials and keys", func(cfg config.Config) error {
		a.logIn.Grants.Replace(cfg.WebhookCredentials, cfg.APIKeys)
		a.warnOfWeakness(cfg)
		return nil
	})
	log, err := audit.New(a.Config.AuditLog)
	if err != nil {
		return wrap("AFTERCALL_AUDIT_LOG", err)
	}
	a.audit = log
	a.onReload("audit log", func(config.Config) error { return log.Reopen() })
	a.onStop("audit log", func(context.Context) error { return log.Close() })
	return nil
}

// auditor writes down what somebody did. What cannot be written down is in the log: it has been done.
func (a *App) auditor(e audit.Entry) {
	if err := a.audit.Write(e); err != nil {
		a.Log.Error("audit log failed", "error", err, "action", e.Action, "key", e.Key, "address", e.Address, "id", e.ID)
	}
}

// warnOfWeakness says what an attacker would like about the settings. All of it was valid before it was looked at.
func (a *App) warnOfWeakness(cfg config.Config) {
	for _, w := range access.Weaknesses(cfg.WebhookCredentials, cfg.APIKeys) {
		a.Log.Warn("a setting is weak", "setting", w)
	}
	if len(cfg.APIKeys) == 0 {
		a.Log.Warn("AFTERCALL_API_KEYS is not set: the API answers 401 to everybody")
	}
	if cfg.WebhookAllowUnauthenticated {
		a.Log.Warn("AFTERCALL_WEBHOOK_ALLOW_UNAUTHENTICATED is set: anybody who knows the address can forge a notification")
	}
	if cfg.AdminToken == "" && !loopback(cfg.AdminAddr) {
		a.Log.Warn("AFTERCALL_ADMIN_ADDR can be reached by others than this machine: without AFTERCALL_ADMIN_TOKEN it serves health and metrics only")
	}
}
