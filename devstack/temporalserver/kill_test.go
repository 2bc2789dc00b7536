package temporalserver_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/devstack/temporalserver"
)

// childFile names the database of a child: this test binary, started again as a server to be killed.
const childFile = "TEMPORALSERVER_CHILD_FILE"

func TestMain(m *testing.M) {
	if file := os.Getenv(childFile); file != "" {
		serveForever(file)
	}
	os.Exit(m.Run())
}

func serveForever(file string) {
	server, err := temporalserver.Start(context.Background(), withColour(temporalserver.Options{DataFile: file}))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(server.HostPort())
	select {}
}

func TestFileSurvivesKill(t *testing.T) {
	file := filepath.Join(t.TempDir(), "temporal.db")
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), childFile+"="+file)
	child.Stderr = os.Stderr
	stdout, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	lines := bufio.NewScanner(stdout)
	require.True(t, lines.Scan(), "the child serves")

	c := dial(t, lines.Text())
	for i := range 10 {
		tell(t, c, fmt.Sprintf("w%d", i), "before")
	}
	require.NoError(t, child.Process.Kill())
	require.Error(t, child.Wait())

	c = dial(t, start(t, withColour(temporalserver.Options{DataFile: file})).HostPort())
	work(t, c)
	for i := range 10 {
		require.Equal(t, "before after", result(t, tell(t, c, fmt.Sprintf("w%d", i), "after")))
	}
}

// TestHalfMadeFile: a start that is killed while it makes the schema leaves half a file. The next start replaces it.
func TestHalfMadeFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "temporal.db")
	require.NoError(t, os.WriteFile(file, []byte("half"), 0o600))
	require.NoError(t, os.WriteFile(file+".new", nil, 0o600))

	tell(t, dial(t, start(t, withColour(temporalserver.Options{DataFile: file})).HostPort()), "w", "hello")
	require.NoFileExists(t, file+".new")
}
