package doctor

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/aftercall/aftercall/internal/config"
	"github.com/aftercall/aftercall/internal/keys"
	"github.com/aftercall/aftercall/internal/unifonic"
)

// TestACauseIsNamedOnce: nobody listens where Temporal should be, so that one finding says it and no other repeats it.
func TestACauseIsNamedOnce(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/readyz" {
			return
		}
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = fmt.Fprint(w, `{"title":"no","status":401}`)
	}))
	t.Cleanup(server.Close)
	dir := t.TempDir()
	cfg := config.Default()
	cfg.InboxURL, cfg.RecordingsURL, cfg.DialLedgerURL = "sqlite:"+filepath.Join(dir, "none", "inbox.db"), "file:"+filepath.Join(dir, "r"), "file:"+filepath.Join(dir, "d")
	what := Deployment{
		Config: cfg, Temporal: client.Options{HostPort: "127.0.0.1:1", Namespace: "default"}, At: At{APIURL: server.URL},
		Keys:     func(config.Config) (*keys.Ring, error) { return keys.Text{}.Ring() },
		Provider: func(config.Config) (*unifonic.Client, error) { return nil, errors.New("none") },
	}
	found := map[string]Finding{}
	for _, f := range Examine(t.Context(), what) {
		found[f.Check] = f
	}
	require.False(t, found["temporal"].OK)
	require.Contains(t, found["temporal"].Advice, "TEMPORAL_ADDRESS")
	for _, name := range askTemporal {
		require.NotContains(t, found, name)
	}
	for _, name := range []string{"inbox", "recordings", "dial ledger"} {
		require.True(t, found[name].OK, found[name].Detail)
		require.Contains(t, found[name].Detail, "at its first start")
	}
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left, "doctor makes no inbox, no store and no ledger")
	require.Contains(t, found["api"].Advice, "AFTERCALL_API_KEY")
}

func TestCuresByCause(t *testing.T) {
	t.Parallel()
	for text, cure := range map[string]string{
		"rpc error: name resolver error: no children to pick from": "DNS", "error reading server preface: EOF": "TEMPORAL_TLS=true",
		"remote error: tls: certificate required": "CLIENT_CERT", "x509: certificate signed by unknown authority": "CA_CERT",
		"dial tcp 127.0.0.1:1: connect: connection refused": "start Temporal", "address https://x: too many colons in address": "without a scheme",
		"something else": "TEMPORAL_ADDRESS",
	} {
		err := blocked(fmt.Errorf("x: %s", text))
		got, blocks := cureOf(fmt.Errorf("wrapped: %w", err), "otherwise")
		require.Contains(t, got, cure, text)
		require.True(t, blocks)
	}
	got, blocks := cureOf(fmt.Errorf("plain"), "otherwise")
	require.Equal(t, "otherwise", got)
	require.False(t, blocks)
}
