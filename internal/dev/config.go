package dev

import (
	"crypto/rand"
	"path/filepath"
	"strings"

	"github.com/aftercall/aftercall/internal/access"
	"github.com/aftercall/aftercall/internal/config"
)

// Credentials are the credentials for using a stack.
type Credentials struct {
	APIKey          string `json:"apiKey"`
	WebhookUser     string `json:"webhookUser"`
	WebhookPassword string `json:"webhookPassword"`
}

// NewCredentials returns random credentials.
func NewCredentials() Credentials {
	secret := func() string { return strings.ToLower(rand.Text()) }
	return Credentials{APIKey: "dev-" + secret(), WebhookUser: "unifonic", WebhookPassword: secret()}
}

// Config returns aftercall's default configuration with free ports on loopback, all its data below dir, and the
// credentials.
func Config(dir string, credentials Credentials) config.Config {
	cfg := config.Default()
	cfg.HTTPAddr, cfg.AdminAddr, cfg.CodecAddr = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	cfg.InboxURL = "sqlite:" + filepath.Join(dir, "inbox.db")
	cfg.RecordingsURL = "file:" + filepath.Join(dir, "recordings")
	cfg.DialLedgerURL = "file:" + filepath.Join(dir, "dials")
	cfg.APIKeys = []string{"dev:" + credentials.APIKey}
	cfg.WebhookCredentials = []string{credentials.WebhookUser + ":" + credentials.WebhookPassword}
	return cfg
}

// Credentials returns the first of each kind in the configuration, empty if there is none.
func (s *Stack) Credentials() Credentials {
	var c Credentials
	if keys := s.options.Config.APIKeys; len(keys) > 0 {
		c.APIKey = access.Secret(keys[0])
	}
	if pairs := s.options.Config.WebhookCredentials; len(pairs) > 0 {
		c.WebhookUser, c.WebhookPassword, _ = strings.Cut(pairs[0], ":")
	}
	return c
}

// Config returns the configuration that aftercall runs with, with its actual addresses.
func (s *Stack) Config() config.Config { return s.options.Config }

// pinAddresses keeps the ports that were found, so that a restart listens on the ports that clients know.
func (s *Stack) pinAddresses() {
	found, cfg := s.app.Addresses(), &s.options.Config
	cfg.HTTPAddr, cfg.AdminAddr = found.HTTP, found.Admin
	if cfg.WebhookAddr != "" {
		cfg.WebhookAddr = found.Webhook
	}
	if cfg.CodecAddr != "" {
		cfg.CodecAddr = found.Codec
	}
}

// URL returns the URL of the API, without a slash at the end.
func (s *Stack) URL() string { return s.options.Config.Reach(s.options.Config.HTTPAddr) }

// AdminURL returns the URL of the admin listener.
func (s *Stack) AdminURL() string { return s.options.Config.Reach(s.options.Config.AdminAddr) }

// CodecURL returns the URL at which the Temporal UI and CLI have payloads decrypted.
func (s *Stack) CodecURL() string { return s.options.Config.Reach(s.options.Config.CodecAddr) }

// WebhookURL returns the URL for the provider's notifications.
func (s *Stack) WebhookURL() string {
	addr := s.options.Config.WebhookAddr
	if addr == "" {
		addr = s.options.Config.HTTPAddr
	}
	return s.options.Config.Reach(addr) + "/webhooks/unifonic"
}
