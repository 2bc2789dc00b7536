package app_test

import (
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/aftercall/aftercall/internal/app"
	"github.com/aftercall/aftercall/internal/config"
	"github.com/aftercall/aftercall/internal/telemetry"
)

// options are of an app whose Temporal is away.
func options(t *testing.T, edit func(*config.Config)) app.Options {
	t.Helper()
	cfg, dir := config.Default(), t.TempDir()
	cfg.HTTPAddr, cfg.AdminAddr = "127.0.0.1:0", "127.0.0.1:0"
	cfg.InboxURL, cfg.RecordingsURL = "sqlite:"+filepath.Join(dir, "inbox.db"), "file:"+filepath.Join(dir, "recordings")
	cfg.DialLedgerURL = "file:" + filepath.Join(dir, "dials")
	cfg.WebhookCredentials, cfg.APIKeys, cfg.UnifonicAppsID = []string{"u:p"}, []string{"me:key"}, "app"
	if edit != nil {
		edit(&cfg)
	}
	return app.Options{
		Config: cfg, Log: telemetry.NewLogger(t.Output(), "error", "text"),
		Temporal: client.Options{HostPort: "127.0.0.1:1", Namespace: "default"},
	}
}

func start(t *testing.T, o app.Options, roles ...app.Role) *app.App {
	t.Helper()
	a, err := app.Start(t.Context(), o, roles...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, a.Stop()) })
	return a
}

func post(t *testing.T, url, body string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	require.NoError(t, err)
	req.SetBasicAuth("u", "p")
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return res.StatusCode
}

func get(t *testing.T, url string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return res.StatusCode
}

const sample = `{"callId":"c1","callSid":"s1","status":"COMPLETED","from":"+966115219000","to":"+966500000001"}`

func TestNotificationsAreTakenWhileTemporalIsAway(t *testing.T) {
	a := start(t, options(t, nil), app.Serve, app.Worker)
	require.Equal(t, http.StatusOK, post(t, "http://"+a.Addresses().HTTP+"/webhooks/unifonic", sample))
	require.Equal(t, http.StatusOK, get(t, "http://"+a.Addresses().Admin+"/readyz"), "Temporal is not required")
	require.Equal(t, http.StatusOK, get(t, "http://"+a.Addresses().Admin+"/metrics"))
	require.Equal(t, http.StatusNotFound, get(t, "http://"+a.Addresses().HTTP+"/metrics"), "not in public")
}

func TestWebhookListenerServesNothingElse(t *testing.T) {
	a := start(t, options(t, func(c *config.Config) { c.WebhookAddr = "127.0.0.1:0" }), app.Serve)
	base := "http://" + a.Addresses().Webhook
	require.Equal(t, http.StatusOK, post(t, base+"/webhooks/unifonic", sample))
	for _, path := range []string{"/v1/calls/c1", "/docs", "/openapi.json", "/metrics", "/readyz"} {
		require.Equal(t, http.StatusNotFound, get(t, base+path), path)
	}
}

func TestStopIsQuickAndMayBeRepeated(t *testing.T) {
	a, err := app.Start(t.Context(), options(t, nil), app.Serve, app.Worker)
	require.NoError(t, err)
	base := "http://" + a.Addresses().HTTP
	require.Equal(t, http.StatusOK, post(t, base+"/webhooks/unifonic", sample))
	waiting := make(chan int, 1)
	go func() {
		req, _ := http.NewRequest(http.MethodGet, base+"/v1/calls/nobody?wait=60s", nil)
		req.Header.Set("Authorization", "Bearer key")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			waiting <- 0
			return
		}
		_ = res.Body.Close()
		waiting <- res.StatusCode
	}()
	began := time.Now()
	require.NoError(t, a.Stop())
	require.Less(t, time.Since(began), app.StopTimeout)
	require.NoError(t, a.Stop())
	select {
	case <-waiting:
	case <-time.After(app.StopTimeout):
		t.Fatal("a waiting request was not answered")
	}
}

func TestWhatIsAcknowledgedIsThereAfterARestart(t *testing.T) {
	o := options(t, nil)
	a, err := app.Start(t.Context(), o, app.Serve)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, post(t, "http://"+a.Addresses().HTTP+"/webhooks/unifonic", sample))
	require.NoError(t, a.Stop())

	a = start(t, o, app.Serve)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+a.Addresses().Admin+"/metrics", nil)
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Contains(t, string(text), "\naftercall_inbox_pending 1\n")
}

func TestStoppingTwiceAtOnceStopsOnce(t *testing.T) {
	a, err := app.Start(t.Context(), options(t, nil), app.Serve, app.Worker)
	require.NoError(t, err)
	stopped := make(chan error, 2)
	for range cap(stopped) {
		go func() { stopped <- a.Stop() }()
	}
	for range cap(stopped) {
		require.NoError(t, <-stopped)
		_, err := net.Dial("tcp", a.Addresses().HTTP)
		require.Error(t, err, "Stop returns when everything has ended")
	}
}

func TestStartSaysWhatIsWrongInOneLine(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = taken.Close() }()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))

	for name, edit := range map[string]func(*config.Config){
		"AFTERCALL_HTTP_ADDR":           func(c *config.Config) { c.HTTPAddr = taken.Addr().String() },
		"AFTERCALL_WEBHOOK_ADDR":        func(c *config.Config) { c.WebhookAddr = taken.Addr().String() },
		"AFTERCALL_ADMIN_ADDR":          func(c *config.Config) { c.AdminAddr = taken.Addr().String() },
		"AFTERCALL_INBOX_URL":           func(c *config.Config) { c.InboxURL = "sqlite:" + filepath.Join(file, "inbox.db") },
		"AFTERCALL_RECORDINGS_URL":      func(c *config.Config) { c.RecordingsURL = "file:" + filepath.Join(file, "recordings") },
		"AFTERCALL_DIAL_LEDGER_URL":     func(c *config.Config) { c.DialLedgerURL = "file:" + filepath.Join(file, "dials") },
		"AFTERCALL_WEBHOOK_CREDENTIALS": func(c *config.Config) { c.WebhookCredentials = nil },
		"AFTERCALL_UNIFONIC_APPS_ID":    func(c *config.Config) { c.UnifonicAppsID = "" },
	} {
		t.Run(name, func(t *testing.T) {
			_, err := app.Start(t.Context(), options(t, edit), app.Serve, app.Worker)
			require.ErrorContains(t, err, name)
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestWorkerNeedsAStoreItCanWrite(t *testing.T) {
	const readOnly = "/proc/self" // not even root writes there
	_, err := app.Start(t.Context(), options(t, func(c *config.Config) { c.RecordingsURL = "file:" + readOnly }), app.Worker)
	require.ErrorContains(t, err, "AFTERCALL_RECORDINGS_URL")
	require.NotContains(t, err.Error(), "\n")
}
