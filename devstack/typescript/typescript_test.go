// Package typescript tests the API's description as people without Go use it: two validators accept it, and a client
// generated from it works. It needs node and npm, and so is part of make test-more.
package typescript

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/devstack/stack"
	"github.com/aftercall/aftercall/handlers"
)

// TestGeneratedClient runs the client against the whole system.
func TestGeneratedClient(t *testing.T) {
	if os.Getenv("AFTERCALL_TEST_MORE") == "" {
		t.Skip("SKIPPED HERE: make test-more runs it, and so does CI")
	}
	run(t, nil, "npm", "ci")
	document := filepath.Join("build", "openapi.json")
	require.NoError(t, os.MkdirAll("build", 0o750))
	require.NoError(t, os.WriteFile(document, handlers.OpenAPI(), 0o600))
	run(t, nil, "npx", "redocly", "lint", "--config", "redocly.yaml", document)
	run(t, nil, "npx", "spectral", "lint", "--ruleset", "spectral.yaml", "--fail-severity", "warn", document)
	run(t, nil, "npx", "openapi-typescript", document, "--output", filepath.Join("build", "api.d.ts"))
	run(t, nil, "npx", "tsc")

	var o stack.Options
	o.Config = stack.Config(t.TempDir(), stack.NewCredentials())
	o.Simulator.Speed = 10
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, err := stack.Start(ctx, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Stop()) })
	run(t, []string{"AFTERCALL_API_URL=" + s.URL(), "AFTERCALL_API_KEY=" + s.Credentials().APIKey}, "node", filepath.Join("build", "client.js"))
}

// run runs a program to its end, within minutes.
func run(t *testing.T, env []string, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(append(os.Environ(), "NO_COLOR=1", "REDOCLY_TELEMETRY=off", "REDOCLY_SUPPRESS_UPDATE_NOTICE=true"), env...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s %v:\n%s", name, args, out)
	t.Logf("%s %v\n%s", name, args, out)
}
