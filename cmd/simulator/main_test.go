package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func nothing(string) (string, bool) { return "", false }

// serving runs the command until the test ends and returns the address that its log names.
func serving(t *testing.T, env func(string) (string, bool), args ...string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	reader, writer := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := run(ctx, args, env, writer)
		_ = writer.CloseWithError(io.EOF)
		done <- err
	}()
	line, err := bufio.NewReader(reader).ReadString('\n')
	require.NoError(t, err)
	go func() { _, _ = io.Copy(io.Discard, reader) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	found := regexp.MustCompile(`addr=(\S+)`).FindStringSubmatch(line)
	require.NotNil(t, found, line)
	return found[1]
}

func TestServesUntilStoppedAndIsHealthy(t *testing.T) {
	addr := serving(t, nothing, "--addr", "127.0.0.1:0", "--speed", "10")
	require.NoError(t, run(t.Context(), []string{"health", "--addr", addr}, nothing, io.Discard))
}

func TestHealthFailsWithoutSimulator(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	require.ErrorContains(t, run(ctx, []string{"health", "--addr", "127.0.0.1:1"}, nothing, io.Discard), "ask simulator")
}

func TestEnvironmentGivesWhatTheCommandLineDoesNot(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "credentials")
	require.NoError(t, os.WriteFile(secret, []byte("uni:fo:nic\nold:one\n"), 0o600))
	var set settings
	set.credentialsFile = secret
	require.NoError(t, set.readCredentials())
	require.Equal(t, "uni fo:nic", set.Webhook.Username+" "+set.Webhook.Password)
	env := func(name string) (string, bool) {
		value, ok := map[string]string{
			"SIMULATOR_ADDR": "192.0.2.1:1", "SIMULATOR_WEBHOOK_URL": "http://127.0.0.1:1/",
			"SIMULATOR_WEBHOOK_CREDENTIALS_FILE": secret,
		}[name]
		return value, ok
	}
	serving(t, env, "--addr", "127.0.0.1:0")
	require.ErrorContains(t, run(t.Context(), nil, env, io.Discard), "not loopback")
}

func TestWrongUsage(t *testing.T) {
	for name, args := range map[string][]string{
		"flag": {"--sped", "1"}, "argument": {"sing"}, "address": {"--addr", "0.0.0.0:0"}, "speed": {"--speed", "-1"},
		"credentials": {"--webhook-credentials-file", filepath.Join(t.TempDir(), "none")},
	} {
		require.Error(t, run(t.Context(), args, nothing, io.Discard), name)
	}
	bad := func(name string) (string, bool) { return "fast", name == "SIMULATOR_SPEED" }
	require.ErrorContains(t, run(t.Context(), nil, bad, io.Discard), "SIMULATOR_SPEED")
}
