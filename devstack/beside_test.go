package main

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/devstack/temporalserver"
)

// beside returns aftercall-beside with free ports, as a process of its own that keeps its data below cache.
func beside(t *testing.T, cache, address string, args ...string) *exec.Cmd {
	t.Helper()
	args = append([]string{
		"--temporal", address, "--http-port", "0", "--admin-port", "0", "--simulator-port", "0", "--codec-port", "0", "--simulator-speed", "10",
	}, args...)
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), asCommand+"=aftercall-beside", "TEMPORAL_ADDRESS=127.0.0.1:1", "AFTERCALL_UNIFONIC_BASE_URL=http://127.0.0.1:1/v1",
		"AFTERCALL_LOG_LEVEL=error", "XDG_CACHE_HOME="+cache)
	return cmd
}

// devServer starts a Temporal like that of `temporal server start-dev`: not prepared for us, with a retention of a day.
func devServer(t *testing.T) *temporalserver.Server {
	t.Helper()
	server, err := temporalserver.Start(t.Context(), temporalserver.Options{Retention: 24 * time.Hour})
	require.NoError(t, err)
	t.Cleanup(server.Stop)
	return server
}

func TestBesideATemporalThatIsThere(t *testing.T) {
	server, cache := devServer(t), t.TempDir()
	first := beside(t, cache, server.HostPort())
	said := started(t, first)
	require.Contains(t, said, "AFTERCALL_UNIFONIC_BASE_URL TEMPORAL_ADDRESS", "what is ignored is named")
	require.Contains(t, said, "raise its retention from 24h to 30 days", "what the short retention of a dev server means is said")
	tries := regexp.MustCompile(`(?m)^    (curl .*)$`).FindAllStringSubmatch(said, -1)
	require.Len(t, tries, 3)
	for i, want := range []string{`"status":"accepted"`, `"status":"COMPLETED"`, `"workflowId":"outbound:hello-`} {
		answer, err := exec.CommandContext(t.Context(), "sh", "-c", tries[i][1]).CombinedOutput()
		require.NoError(t, err, tries[i][1])
		require.Contains(t, string(answer), want)
	}
	require.NoError(t, first.Process.Signal(os.Interrupt))
	require.NoError(t, first.Wait())

	again := beside(t, cache, server.HostPort())
	key := func(said string) string { return regexp.MustCompile(`API key +(\S+)`).FindString(said) }
	saidAgain := started(t, again)
	require.Equal(t, key(said), key(saidAgain), "the folder is the namespace's")
	url := regexp.MustCompile(`API, webhook +(\S+)`).FindStringSubmatch(saidAgain)[1]
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/v1/calls?limit=10", nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+strings.Fields(key(said))[2])
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusOK, res.StatusCode)

	stranger, err := beside(t, t.TempDir(), server.HostPort()).CombinedOutput()
	require.Error(t, err, string(stranger))
	require.Contains(t, string(stranger), "is that of another aftercall")
	require.NoError(t, again.Process.Signal(os.Interrupt))
	require.NoError(t, again.Wait())

	other := beside(t, cache, server.HostPort(), "--namespace", "mine")
	started(t, other)
	folders, err := os.ReadDir(filepath.Join(cache, "aftercall-beside"))
	require.NoError(t, err)
	require.Len(t, folders, 2, "a namespace that was missing is made, and has a folder of its own")
	require.NoError(t, other.Process.Signal(os.Interrupt))
	require.NoError(t, other.Wait())
}

func TestBesideNothingIsOneLine(t *testing.T) {
	said, err := beside(t, t.TempDir(), "127.0.0.1:1").CombinedOutput()
	require.Error(t, err)
	require.Equal(t, 1, strings.Count(string(said), "\n"), string(said))
	require.Contains(t, string(said), "no Temporal answers at 127.0.0.1:1: start it")
}
