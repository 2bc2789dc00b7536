package app_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/app"
	"github.com/aftercall/aftercall/internal/certfile/certtest"
	"github.com/aftercall/aftercall/internal/config"
	"github.com/aftercall/aftercall/internal/telemetry"
)

// patience is how long a test waits for what takes moments.
const patience = 30 * time.Second

func status(t *testing.T, c *http.Client, method, url, authorization string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader("{}"))
	require.NoError(t, err)
	req.Header.Set("Authorization", authorization)
	res, err := c.Do(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return res.StatusCode
}

func TestKeysAndCredentialsAreReadAgain(t *testing.T) {
	o := options(t, nil)
	changed := o.Config
	o.Reload = func() (config.Config, error) { return changed, nil }
	a := start(t, o, app.Serve)
	url := "http://" + a.Addresses().HTTP + "/v1/outbound-calls"
	require.Equal(t, 422, status(t, http.DefaultClient, "POST", url, "Bearer key"))
	require.Equal(t, 401, status(t, http.DefaultClient, "POST", url, "Bearer newer"))
	changed.APIKeys, changed.WebhookCredentials = []string{"me:newer", "reports:reads:read"}, []string{"u:newer"}
	require.NoError(t, a.Reload())
	require.Equal(t, 401, status(t, http.DefaultClient, "POST", url, "Bearer key"))
	require.Equal(t, 422, status(t, http.DefaultClient, "POST", url, "Bearer newer"))
	require.Equal(t, 403, status(t, http.DefaultClient, "POST", url, "Bearer reads"))
	require.Equal(t, http.StatusUnauthorized, post(t, "http://"+a.Addresses().HTTP+"/webhooks/unifonic", sample))
}

func TestAuditLogIsKeptInItsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	a := start(t, options(t, func(c *config.Config) { c.AuditLog = path }), app.Serve)
	require.Equal(t, 422, status(t, http.DefaultClient, "POST", "http://"+a.Addresses().HTTP+"/v1/outbound-calls", "Bearer key"))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(text), `"action":"place","key":"me","address":"127.0.0.1","status":422}`)
}

func TestMetricsHaveAListenerOfTheirOwn(t *testing.T) {
	a := start(t, options(t, func(c *config.Config) { c.MetricsAddr = "127.0.0.1:0" }), app.Serve)
	base := "http://" + a.Addresses().Metrics
	require.Equal(t, 200, get(t, base+"/metrics"))
	for _, path := range []string{"/healthz", "/readyz", "/debug/pprof/", "/inbox/stats"} {
		require.Equal(t, 404, get(t, base+path), path)
	}
}

func TestDrainServesEverythingWhileHealthSaysNo(t *testing.T) {
	a := start(t, options(t, func(c *config.Config) { c.Drain, c.WebhookAddr = 300*time.Millisecond, "127.0.0.1:0" }), app.Serve)
	for _, base := range []string{a.Addresses().HTTP, a.Addresses().Webhook} {
		require.Equal(t, 200, get(t, "http://"+base+"/healthz"))
	}
	drained := make(chan struct{})
	go func() { defer close(drained); a.Drain() }()
	for _, url := range []string{a.Addresses().HTTP + "/healthz", a.Addresses().Webhook + "/healthz", a.Addresses().Admin + "/readyz"} {
		require.Eventually(t, func() bool { return get(t, "http://"+url) == 503 }, patience, 5*time.Millisecond, url)
	}
	require.Equal(t, 200, get(t, "http://"+a.Addresses().Admin+"/healthz"), "the process lives")
	require.Equal(t, 200, post(t, "http://"+a.Addresses().HTTP+"/webhooks/unifonic", sample))
	select {
	case <-drained:
	case <-time.After(patience):
		t.Fatal("draining did not end")
	}
	require.Equal(t, 200, post(t, "http://"+a.Addresses().Webhook+"/webhooks/unifonic", sample), "until Stop")
}

func TestStopIsQuickWithHalfRequestsOnEveryListener(t *testing.T) {
	a, err := app.Start(t.Context(), options(t, func(c *config.Config) { c.WebhookAddr, c.MetricsAddr = "127.0.0.1:0", "127.0.0.1:0" }), app.Serve, app.Worker)
	require.NoError(t, err)
	for _, address := range []string{a.Addresses().HTTP, a.Addresses().Webhook, a.Addresses().Admin, a.Addresses().Metrics} {
		c, err := net.Dial("tcp", address)
		require.NoError(t, err)
		defer func() { _ = c.Close() }()
		_, err = io.WriteString(c, "POST /webhooks/unifonic HTTP/1.1\r\nHost: a\r\nAuthorization: Basic dTpw\r\nContent-Length: 100\r\n\r\n{")
		require.NoError(t, err)
	}
	began := time.Now()
	require.NoError(t, a.Stop())
	require.Less(t, time.Since(began), app.StopTimeout)
}

// certificate writes a new certificate of this machine, and returns a pool that trusts it.
func certificate(t *testing.T, certFile, keyFile string) *x509.CertPool {
	t.Helper()
	c := certtest.New("127.0.0.1")
	require.NoError(t, c.Write(certFile, keyFile))
	return c.Pool
}

// TestNobodyFillsTheLogByTLS holds that who has no credentials leaves no line, and that what net/http says is logged like
// everything else.
func TestNobodyFillsTheLogByTLS(t *testing.T) {
	dir, log := t.TempDir(), &logged{}
	certFile, keyFile := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	certificate(t, certFile, keyFile)
	o := options(t, func(c *config.Config) { c.TLSCertFile, c.TLSKeyFile = certFile, keyFile })
	o.Log = telemetry.NewLogger(log, "debug", "json")
	a := start(t, o, app.Serve)
	require.Equal(t, 400, get(t, "http://"+a.Addresses().HTTP+"/healthz"))
	require.Eventually(t, func() bool { return strings.Contains(log.String(), "TLS handshake error") }, patience, 10*time.Millisecond)
	for line := range strings.Lines(log.String()) {
		require.True(t, !strings.Contains(line, "TLS handshake") || strings.Contains(line, `"level":"DEBUG"`), line)
	}
}

func TestEveryListenerServesTLSAndReadsItsCertificateAgain(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	first := certificate(t, certFile, keyFile)
	a := start(t, options(t, func(c *config.Config) {
		c.TLSCertFile, c.TLSKeyFile, c.WebhookAddr, c.MetricsAddr = certFile, keyFile, "127.0.0.1:0", "127.0.0.1:0"
	}), app.Serve)
	reach := func(pool *x509.CertPool, address, path string) (int, error) {
		c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true}}
		res, err := c.Get("https://" + address + path)
		if err != nil {
			return 0, err
		}
		return res.StatusCode, res.Body.Close()
	}
	for address, path := range map[string]string{
		a.Addresses().HTTP: "/healthz", a.Addresses().Webhook: "/healthz", a.Addresses().Admin: "/readyz", a.Addresses().Metrics: "/metrics",
	} {
		code, err := reach(first, address, path)
		require.NoError(t, err)
		require.Equal(t, 200, code)
		require.Equal(t, 400, get(t, "http://"+address+path), "plain HTTP is not served")
	}
	second := certificate(t, certFile, keyFile)
	require.Eventually(t, func() bool {
		code, err := reach(second, a.Addresses().HTTP, "/healthz")
		return err == nil && code == 200
	}, patience, 50*time.Millisecond)
	_, err := reach(first, a.Addresses().HTTP, "/healthz")
	require.Error(t, err)
}
