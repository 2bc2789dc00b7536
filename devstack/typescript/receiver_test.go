package typescript

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/callbacks"
)

// TestReceiverInNode: the standard's library for Node verifies aftercall's callbacks, in the example that a reader copies.
// Each message is accepted once, and none that is signed with another secret.
func TestReceiverInNode(t *testing.T) {
	if os.Getenv("AFTERCALL_TEST_MORE") == "" {
		t.Skip("SKIPPED HERE: make test-more runs it, and so does CI")
	}
	dir := t.TempDir()
	for _, name := range []string{"receiver.mjs", "package.json", "package-lock.json"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "examples", "callbacks", "in-node", name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	install := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts")
	install.Dir = dir
	out, err := install.CombinedOutput()
	require.NoError(t, err, "%s", out)

	secret := func(of string) string {
		return "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(of, 32)))
	}
	node := exec.CommandContext(ctx, "node", "receiver.mjs", "0")
	node.Dir, node.Env = dir, append(os.Environ(), "SECRET="+secret("b"))
	stdout, err := node.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, node.Start())
	defer func() {
		_ = node.Process.Kill()
		_ = node.Wait()
	}()
	lines := bufio.NewScanner(stdout)
	require.True(t, lines.Scan())
	host, found := strings.CutPrefix(lines.Text(), "listens on ")
	require.True(t, found, lines.Text())

	post := func(id string, secrets ...string) error {
		s, err := callbacks.New(callbacks.Options{Hosts: []string{host}, AllowHTTP: true, Secrets: secrets})
		require.NoError(t, err)
		return s.Post(ctx, "http://"+host+"/hook", callbacks.Message{
			ID: id, Type: "call-outcome", At: time.Now(), Data: json.RawMessage(`{"callKey":"` + id + `","failureReason":"no <answer> \u2028 مشغول"}`),
		})
	}
	require.NoError(t, post("msg_1", secret("a"), secret("b")), "while one secret replaces another")
	require.NoError(t, post("msg_1", secret("b")), "again")
	require.ErrorContains(t, post("msg_2", secret("a")), "status-401")
	require.NoError(t, post("msg_3", secret("b")))
	for _, want := range []string{"msg_1", "msg_3"} {
		require.True(t, lines.Scan())
		require.Contains(t, lines.Text(), want)
		require.Contains(t, lines.Text(), "مشغول")
	}
}
