package dev

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// environment holds the changes to the environment before aftercall reads it.
type environment struct {
	set     map[string]string // our defaults for unset variables
	ignored []string          // variables that would lead to a real provider or another Temporal, by name
}

// plan decides. A set variable wins over our default, and a given flag wins over the variable. Variables that could ring a
// real phone count only with --real-provider.
func plan(environ []string, f *Flags, dir string, c Credentials) environment {
	present := map[string]bool{}
	var e environment
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		switch {
		case value == "":
		case !f.RealProvider && leadsOut(name):
			e.ignored = append(e.ignored, name)
		default:
			present[strings.TrimSuffix(name, "_FILE")] = true
		}
	}
	slices.Sort(e.ignored)

	e.set = map[string]string{
		"AFTERCALL_HTTP_ADDR":           fmt.Sprintf("127.0.0.1:%d", f.httpPort),
		"AFTERCALL_ADMIN_ADDR":          fmt.Sprintf("127.0.0.1:%d", f.adminPort),
		"AFTERCALL_CODEC_ADDR":          fmt.Sprintf("127.0.0.1:%d", f.codecPort),
		"AFTERCALL_INBOX_URL":           "sqlite:" + filepath.Join(dir, "inbox.db"),
		"AFTERCALL_RECORDINGS_URL":      "file:" + filepath.Join(dir, "recordings"),
		"AFTERCALL_DIAL_LEDGER_URL":     "file:" + filepath.Join(dir, "dials"),
		"AFTERCALL_API_KEYS":            "dev:" + c.APIKey,
		"AFTERCALL_WEBHOOK_CREDENTIALS": c.WebhookUser + ":" + c.WebhookPassword,
		"AFTERCALL_LOG_LEVEL":           "warn", // the banner says what a newcomer needs
	}
	byFlag := map[string]string{"AFTERCALL_HTTP_ADDR": "http-port", "AFTERCALL_ADMIN_ADDR": "admin-port", "AFTERCALL_CODEC_ADDR": "codec-port"}
	for name := range e.set {
		if present[name] && !f.given[byFlag[name]] {
			delete(e.set, name)
		}
	}
	return e
}

// leadsOut reports whether a variable names a real provider or another Temporal. The hosts of recordings are included, since
// recordings too come only from the simulator.
func leadsOut(name string) bool {
	return strings.HasPrefix(name, "AFTERCALL_UNIFONIC_") || strings.HasPrefix(name, "TEMPORAL_") || name == "AFTERCALL_RECORDING_HOSTS"
}

// apply changes the environment of this process, which package config reads.
func (e environment) apply() error {
	for _, name := range e.ignored {
		if err := os.Unsetenv(name); err != nil {
			return fmt.Errorf("ignore %s: %w", name, err)
		}
	}
	for name, value := range e.set {
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("set %s: %w", name, err)
		}
	}
	return nil
}
