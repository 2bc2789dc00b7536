// Package examples runs the programs of the folder examples against the whole system.
package examples

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/devstack/stack"
)

var folder = filepath.Join("..", "..", "examples")

func start(t *testing.T) (env []string) {
	t.Helper()
	var o stack.Options
	o.Config = stack.Config(t.TempDir(), stack.NewCredentials())
	o.Config.DialRate = 100
	o.Simulator.Speed = 10
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, err := stack.Start(ctx, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Stop()) })
	return []string{"TEMPORAL_ADDRESS=" + s.TemporalAddress(), "TEMPORAL_NAMESPACE=" + s.TemporalNamespace(), "SIMULATOR_URL=" + s.Simulator().URL()}
}

// run runs a program in a folder to its end, within minutes, and returns its output.
func run(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, append(append(os.Environ(), "NO_COLOR=1"), env...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s %v:\n%s", name, args, out)
	t.Logf("%s %v\n%s", name, args, out)
	return string(out)
}

func TestPrograms(t *testing.T) {
	env := start(t)
	for name, says := range map[string]string{
		"reminder":    "result: reminded by message after 3 calls, the last one NO_ANSWER",
		"delivery":    "result: session closed, 1 calls",
		"otp":         "result: the code was spoken: true",
		"collections": "result: call COMPLETED, recording STORED, polite",
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, run(t, folder, env, "go", "run", "./"+name), says)
		})
	}
}

// TestTypeScript needs node and npm, and so is part of make test-more.
func TestTypeScript(t *testing.T) {
	if os.Getenv("AFTERCALL_TEST_MORE") == "" {
		t.Skip("SKIPPED HERE: make test-more runs it, and so does CI")
	}
	dir := filepath.Join(folder, "typescript")
	run(t, dir, nil, "npm", "ci", "--no-audit", "--no-fund")
	said := run(t, dir, start(t), "npm", "start")
	require.Contains(t, said, "announceByNexus 05: COMPLETED in attempt 1, recording STORED")
	require.Contains(t, said, "announceByNexus 04: COMPLETED in attempt 2")
	require.Contains(t, said, "announceByMessages 04: COMPLETED in attempt 2")
}
