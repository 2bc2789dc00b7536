package e2e

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/aftercall/aftercall/internal/app"
	"github.com/aftercall/aftercall/internal/config"
)

// TestDoctorFindsWhatIsBroken breaks one connection after another and looks for its line.
func TestDoctorFindsWhatIsBroken(t *testing.T) {
	s := start(t, nil)
	target := client.Options{HostPort: s.TemporalAddress(), Namespace: s.TemporalNamespace()}
	for _, f := range app.Doctor(t.Context(), s.Config(), target) {
		require.True(t, f.OK, "%s: %s", f.Check, f.Detail)
	}

	awaitOutcome(t, s, placeCall(t, s, "+966500000000", nil))
	require.Eventually(t, func() bool { // an empty folder is a ledger, but a young one
		cfg := s.Config()
		cfg.DialLedgerURL = "file:" + t.TempDir()
		return slices.ContainsFunc(app.Doctor(t.Context(), cfg, target), func(f app.Finding) bool {
			return f.Check == "dial ledger" && strings.Contains(f.Detail, "after 1 requests of this namespace")
		})
	}, 30*time.Second, 500*time.Millisecond)
	shortLived := newID("short")
	_, err := s.Temporal().WorkflowService().RegisterNamespace(t.Context(), &workflowservice.RegisterNamespaceRequest{
		Namespace: shortLived, WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	})
	require.NoError(t, err)
	nowhere := freeAddress(t)
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, writeFile(file))

	for _, tc := range []struct {
		check, says string
		cfg         func(*config.Config)
		target      func(*client.Options)
	}{
		{check: "settings", says: "AFTERCALL_WEBHOOK_CREDENTIALS", cfg: func(c *config.Config) { c.WebhookCredentials = nil }},
		{check: "recording hosts", says: "AFTERCALL_RECORDING_HOSTS", cfg: func(c *config.Config) { c.RecordingHosts = nil }},
		{check: "temporal", says: nowhere, target: func(o *client.Options) { o.HostPort = nowhere }},
		{check: "namespace", says: "no-such-namespace", target: func(o *client.Options) { o.Namespace = "no-such-namespace" }},
		{check: "namespace", says: "24h", target: func(o *client.Options) { o.Namespace = shortLived }},
		{check: "search attributes", says: "CallAttention", target: func(o *client.Options) { o.Namespace = shortLived }},
		{check: "workers", says: "no worker polls", target: func(o *client.Options) { o.Namespace = shortLived }},
		{check: "inbox", says: "not a directory", cfg: func(c *config.Config) { c.InboxURL = "sqlite:" + filepath.Join(file, "inbox.db") }},
		{check: "inbox", says: "AFTERCALL_ADMIN_ADDR", cfg: func(c *config.Config) { c.AdminAddr = nowhere }},
		{check: "recordings", says: "not a directory", cfg: func(c *config.Config) { c.RecordingsURL = "file:" + filepath.Join(file, "recordings") }},
		{check: "dial ledger", says: "no folder is at", cfg: func(c *config.Config) { c.DialLedgerURL = "file:" + filepath.Join(t.TempDir(), "unmounted") }},
		{check: "dial ledger", says: "not a directory", cfg: func(c *config.Config) { c.DialLedgerURL = "file:" + filepath.Join(file, "dials") }},
		{check: "provider", says: nowhere, cfg: func(c *config.Config) { c.UnifonicBaseURL = "http://" + nowhere + "/v1" }},
		{check: "provider", says: "AppsId", cfg: func(c *config.Config) { c.UnifonicAppsID = "" }},
	} {
		t.Run(tc.check+" "+tc.says, func(t *testing.T) {
			cfg, target := s.Config(), target
			if tc.cfg != nil {
				tc.cfg(&cfg)
			}
			if tc.target != nil {
				tc.target(&target)
			}
			for _, f := range app.Doctor(t.Context(), cfg, target) {
				if f.Check == tc.check {
					require.False(t, f.OK)
					require.Contains(t, f.Detail, tc.says)
					require.NotEmpty(t, f.Advice)
					require.NotContains(t, f.Detail, "\n")
				}
			}
		})
	}
}

// TestSetupMakesANamespaceReady prepares a new namespace, twice.
func TestSetupMakesANamespaceReady(t *testing.T) {
	s := start(t, nil)
	target := client.Options{HostPort: s.TemporalAddress(), Namespace: newID("fresh")}
	for range 2 {
		var said []string
		require.NoError(t, app.Setup(t.Context(), s.Config(), target, app.SetupOptions{}, func(line string) { said = append(said, line) }, func(left string) { t.Error(left) }))
		require.Len(t, said, 5, "%q", said)
	}
	require.Eventually(t, func() bool {
		ok := map[string]bool{}
		for _, f := range app.Doctor(t.Context(), s.Config(), target) {
			ok[f.Check] = f.OK
		}
		return ok["namespace"] && ok["search attributes"]
	}, 30*time.Second, time.Second)
}
