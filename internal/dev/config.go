package dev

import (
	"crypto/rand"
	"path/filepath"
	"strings"

	"github.com/aftercall/aftercall/internal/access"
	"github.com/aftercall/aftercall/internal/config"
)

// Credentials are what one needs to use a stack.
type Credentials struct {
	APIKey          string `json:"apiKey"`
	WebhookUser     string `json:"webhookUser"`
	WebhookPassword string `json:"webhookPassword"`
}

// NewCredentials makes up credentials that nobody can guess.
func NewCredentials() Credentials {
	secret := func() string { return strings.ToLower(rand.Text()) }
	return Credentials{APIKey: "dev-" + secret(), WebhookUser: "unifonic", WebhookPassword: secret()}
}

// Config is aftercall's default configuration with free ports on loopback, everything it keeps below dir, and the
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

// Credentials are the first of each kind in the configuration; empty where it has none.
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

// Config is the configuration that aftercall runs with, its addresses being the actual ones.
func (s *Stack) Config() config.Config { return s.options.Config }

// pinAddresses keeps the ports that were found, so that a restart listens where clients expect it.
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

// URL is where the API is, without a slash at the end.
func (s *Stack) URL() string { return s.options.Config.Reach(s.options.Config.HTTPAddr) }

// AdminURL is where the admin listener is.
func (s *Stack) AdminURL() string { return s.options.Config.Reach(s.options.Config.AdminAddr) }

// CodecURL is where the Temporal UI and CLI have payloads decrypted.
func (s *Stack) CodecURL() string { return s.options.Config.Reach(s.options.Config.CodecAddr) }

// WebhookURL is what the provider is told to post to.
func (s *Stack) WebhookURL() string {
	addr := s.options.Config.WebhookAddr
	if addr == "" {
		addr = s.options.Config.HTTPAddr
	}
	return s.options.Config.Reach(addr) + "/webhooks/unifonic"
}
