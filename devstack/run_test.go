package main

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/dev"
)

// asCommand names the command that this test binary shall behave as.
const asCommand = "AFTERCALL_DEV_TEST_COMMAND"

func TestMain(m *testing.M) {
	switch os.Getenv(asCommand) {
	case "aftercall-dev":
		main()
	case "aftercall-beside":
		os.Exit(dev.Program{Name: "aftercall-beside", Temporal: &dev.Beside{}}.Main(os.Args[1:]))
	}
	os.Exit(m.Run())
}

var anyPort = []string{
	"--http-port", "0", "--admin-port", "0", "--temporal-port", "0", "--ui-port", "0", "--simulator-port", "0",
	"--simulator-speed", "10",
}

// command returns aftercall-dev with free ports, as a process of its own. Its environment names a real provider.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], append(anyPort, args...)...)
	cmd.Env = append(os.Environ(), asCommand+"=aftercall-dev", "TEMPORAL_ADDRESS=127.0.0.1:1", "AFTERCALL_UNIFONIC_BASE_URL=http://127.0.0.1:1/v1",
		"AFTERCALL_LOG_LEVEL=error", "TMPDIR="+t.TempDir())
	return cmd
}

// started starts the command and returns its output until it is ready.
func started(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	var said strings.Builder
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), "Ctrl-C") {
			return said.String()
		}
	}
	require.Fail(t, "it ended before it was ready", said.String())
	return ""
}

func TestPrintedCommandsWork(t *testing.T) {
	cmd := command(t)
	said := started(t, cmd)
	require.Contains(t, said, "AFTERCALL_UNIFONIC_BASE_URL TEMPORAL_ADDRESS", "what is ignored is named")
	require.NotContains(t, said, "\x1b", "no colours but on a terminal")

	admin := regexp.MustCompile(`Admin +(\S+)`).FindStringSubmatch(said)
	require.Len(t, admin, 2)
	response, err := http.Get(admin[1] + "/readyz")
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode)

	tries := regexp.MustCompile(`(?m)^    (curl .*)$`).FindAllStringSubmatch(said, -1)
	require.Len(t, tries, 3)
	for i, want := range []string{`"status":"accepted"`, `"status":"COMPLETED"`, `"workflowId":"outbound:hello-`} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		answer, err := exec.CommandContext(ctx, "sh", "-c", tries[i][1]).CombinedOutput()
		cancel()
		require.NoError(t, err, tries[i][1])
		require.Contains(t, string(answer), want, tries[i][1])
	}

	began := time.Now()
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	require.NoError(t, cmd.Wait(), "Ctrl-C is a clean end")
	require.Less(t, time.Since(began), 30*time.Second)
	left, err := os.ReadDir(tmpOf(cmd))
	require.NoError(t, err)
	require.Empty(t, left, "nothing is left behind")
}

func TestTerminated(t *testing.T) {
	cmd := command(t)
	started(t, cmd)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, cmd.Wait())
}

func TestTakenPortIsOneLine(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	port := strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
	for _, flag := range []string{"--http-port", "--admin-port", "--temporal-port", "--ui-port", "--simulator-port"} {
		said, err := command(t, flag, port).CombinedOutput()
		require.Error(t, err)
		require.Equal(t, "aftercall-dev: 127.0.0.1:"+port+" cannot be used (address already in use): choose another port with "+flag+"\n", string(said))
	}
}

func TestWrongSettingIsOneLine(t *testing.T) {
	cmd := command(t)
	cmd.Env = append(cmd.Env, "AFTERCALL_DIAL_RATE=-1")
	said, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Equal(t, "aftercall-dev: AFTERCALL_DIAL_RATE must be at least 0\n", string(said))
}

func tmpOf(cmd *exec.Cmd) string {
	dir := ""
	for _, pair := range cmd.Env {
		if value, ok := strings.CutPrefix(pair, "TMPDIR="); ok {
			dir = value
		}
	}
	return dir
}
