package app_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/app"
	"github.com/aftercall/aftercall/internal/config"
	"github.com/aftercall/aftercall/internal/keys"
	"github.com/aftercall/aftercall/internal/telemetry"
)

// logged is what was logged.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func keysFile(o app.Options) string {
	return filepath.Join(filepath.Dir(strings.TrimPrefix(o.Config.InboxURL, "sqlite:")), "keys")
}

func TestRunMakesItsKeysOnce(t *testing.T) {
	log := &logged{}
	o := options(t, func(c *config.Config) { c.RequireEncryption = true })
	o.Log = telemetry.NewLogger(log, "info", "text")
	a, err := app.Start(t.Context(), o, app.Serve, app.Worker)
	require.NoError(t, err)
	require.NoError(t, a.Stop())
	require.Contains(t, log.String(), "keys made", "it says so")
	made, err := os.ReadFile(keysFile(o))
	require.NoError(t, err)

	start(t, o, app.Serve, app.Worker)
	again, err := os.ReadFile(keysFile(o))
	require.NoError(t, err)
	require.Equal(t, string(made), string(again))
	require.Equal(t, 1, strings.Count(log.String(), "keys made"))

	status, err := app.KeysOf(o.Config)
	require.NoError(t, err)
	require.NotEmpty(t, status.Encrypts)
	require.NotEmpty(t, status.HashKey)
}

func TestServeAloneMakesNoKeysAndServes(t *testing.T) {
	log := &logged{}
	o := options(t, nil)
	o.Log = telemetry.NewLogger(log, "info", "text")
	start(t, o, app.Serve)
	require.NoFileExists(t, keysFile(o))
	require.Contains(t, log.String(), "AFTERCALL_ENCRYPTION_KEYS and AFTERCALL_HASH_KEY are not set")

	o.Config.RequireEncryption = true
	_, err := app.Start(t.Context(), o, app.Serve)
	require.ErrorContains(t, err, "AFTERCALL_REQUIRE_ENCRYPTION")
}

func TestKeysOfSettingsWin(t *testing.T) {
	o := options(t, nil)
	require.NoError(t, keys.WriteFile(keysFile(o), keys.New(time.Now())))
	text := keys.New(time.Now())
	o.Config.EncryptionKeys, o.Config.HashKey = text.Encryption, text.Hash
	status, err := app.KeysOf(o.Config)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(text.Encryption[0], status.Encrypts+":"))
	require.Empty(t, status.Decrypt)
}

func TestKeysAreReadAgain(t *testing.T) {
	o := options(t, nil)
	cfg := o.Config
	o.Reload = func() (config.Config, error) { return cfg, nil }
	a := start(t, o, app.Serve, app.Worker)
	before := a.Keys.IDs()
	next := keys.New(time.Now().Add(time.Hour))
	made, err := keys.ReadFile(keysFile(o))
	require.NoError(t, err)
	cfg.EncryptionKeys, cfg.HashKey = append(next.Encryption, made.Encryption...), made.Hash
	require.NoError(t, a.Reload())
	require.Equal(t, before[0], a.Keys.IDs()[1], "the new key encrypts, the old one decrypts")
}

// TestUnreadableKeysStopEverythingButTheWebhook holds that what the provider sends is taken whatever lies where the keys
// should be, that nothing is done with it until they can be read, and that it is done then.
func TestUnreadableKeysStopEverythingButTheWebhook(t *testing.T) {
	log := &logged{}
	o := options(t, nil)
	o.Log = telemetry.NewLogger(log, "info", "text")
	require.NoError(t, os.MkdirAll(filepath.Dir(keysFile(o)), 0o700))
	require.NoError(t, os.WriteFile(keysFile(o), []byte("house=1\ncar=2\n"), 0o600))
	a := start(t, o, app.Serve, app.Worker)
	require.Equal(t, http.StatusOK, post(t, "http://"+a.Addresses().HTTP+"/webhooks/unifonic", sample))
	require.Contains(t, log.String(), "keys are unreadable")
	require.Contains(t, log.String(), "/keys has a line that is neither")
	require.NotContains(t, log.String(), "are not set")

	req, err := http.NewRequest(http.MethodGet, "http://"+a.Addresses().HTTP+"/v1/calls/c1", nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer key")
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	problem, err := io.ReadAll(res.Body)
	require.NoError(t, errors.Join(err, res.Body.Close()))
	require.Contains(t, string(problem), "keys-unavailable")
	require.Equal(t, http.StatusOK, get(t, "http://"+a.Addresses().HTTP+"/healthz"))
	foreign, err := os.ReadFile(keysFile(o))
	require.NoError(t, err)
	require.Equal(t, "house=1\ncar=2\n", string(foreign), "it is not ours")

	o.Config.RequireEncryption = true
	_, err = app.Start(t.Context(), o, app.Serve)
	require.ErrorContains(t, err, "AFTERCALL_REQUIRE_ENCRYPTION")
}

// TestKeysThatAreNotThere holds that a setting that names a missing file of keys is as good as none.
func TestKeysThatAreNotThere(t *testing.T) {
	o := options(t, nil)
	t.Setenv("AFTERCALL_ENCRYPTION_KEYS_FILE", filepath.Join(t.TempDir(), "not-there"))
	loaded, err := config.Load("")
	require.NoError(t, err)
	loaded.HTTPAddr, loaded.AdminAddr, loaded.InboxURL, loaded.RecordingsURL, loaded.DialLedgerURL = o.Config.HTTPAddr, o.Config.AdminAddr,
		o.Config.InboxURL, o.Config.RecordingsURL, o.Config.DialLedgerURL
	loaded.WebhookCredentials, loaded.APIKeys = o.Config.WebhookCredentials, o.Config.APIKeys
	o.Config = loaded
	log := &logged{}
	o.Log = telemetry.NewLogger(log, "info", "text")
	a := start(t, o, app.Serve)
	require.Equal(t, http.StatusOK, post(t, "http://"+a.Addresses().HTTP+"/webhooks/unifonic", sample))
	require.Contains(t, log.String(), "not-there")
	require.Contains(t, log.String(), "kept in clear")
}
