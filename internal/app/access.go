package app

import (
	"context"

	"github.com/aftercall/aftercall/handlers"
	"github.com/aftercall/aftercall/internal/access"
	"github.com/aftercall/aftercall/internal/audit"
	"github.com/aftercall/aftercall/internal/config"
)

// openAccess sets up credentials, keys and the audit log.
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

// auditor writes an action into the audit log. If that fails, it logs the action, because it has already been done.
func (a *App) auditor(e audit.Entry) {
	if err := a.audit.Write(e); err != nil {
		a.Log.Error("audit log failed", "error", err, "action", e.Action, "key", e.Key, "address", e.Address, "id", e.ID)
	}
}

// warnOfWeakness logs settings that are valid but weak.
func (a *App) warnOfWeakness(cfg config.Config) {
	for _, w := range access.Weaknesses(cfg.WebhookCredentials, cfg.APIKeys) {
		a.Log.Warn("a setting is weak", "setting", w)
	}
	if len(cfg.APIKeys) == 0 {
		a.Log.Warn("AFTERCALL_API_KEYS is not set: the API answers 401 to everyone")
	}
	if cfg.WebhookAllowUnauthenticated {
		a.Log.Warn("AFTERCALL_WEBHOOK_ALLOW_UNAUTHENTICATED is set: anyone who knows the address can forge a notification")
	}
	if cfg.AdminToken == "" && !loopback(cfg.AdminAddr) {
		a.Log.Warn("other machines can reach AFTERCALL_ADMIN_ADDR: without AFTERCALL_ADMIN_TOKEN it serves only health and metrics")
	}
}
