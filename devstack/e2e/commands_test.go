package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/devstack/stack"
	"github.com/aftercall/aftercall/handlers"
	"github.com/aftercall/aftercall/internal/archtest"
	"github.com/aftercall/aftercall/internal/keys"
)

// TestDocumentedCommandsRun runs the commands of README.md and docs against a stack, except those with a reason not to.
func TestDocumentedCommandsRun(t *testing.T) {
	s := start(t, func(o *stack.Options) {
		o.Config.APIKeys[0] += ":call+read+listen+erase"
		o.Config.AdminAddr = freeAddress(t)
	})
	run := shellFor(t, s)
	for _, c := range archtest.Commands() {
		if c.NotRun == "" {
			place := strings.NewReplacer("<callId>", run.firstCall(c.Text), "<mask>", run.firstMask(c.Text))
			run.requireOutput(place.Replace(c.Text), place.Replace(c.Says))
		}
	}
}

// onlyShows finds commands that change nothing.
var onlyShows = regexp.MustCompile(`aftercall (call|mask|recording) (list|show|events)`)

// shell runs commands as a reader of the documents does, in a folder of its own that has the program.
type shell struct {
	t   *testing.T
	s   *stack.Stack
	dir string
	env []string
}

func shellFor(t *testing.T, s *stack.Stack) *shell {
	t.Helper()
	dir, cfg := t.TempDir(), s.Config()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "bin"), 0o700))
	require.NoError(t, os.Rename(buildProduct(t), filepath.Join(dir, "bin", "aftercall")))
	shared, err := keys.ReadFile(keys.Beside(cfg.InboxURL))
	require.NoError(t, err)
	return &shell{t: t, s: s, dir: dir, env: append(os.Environ(),
		"PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"), "TEMPORAL_ADDRESS="+s.TemporalAddress(), "TEMPORAL_NAMESPACE="+s.TemporalNamespace(),
		"AFTERCALL_API_URL="+s.URL(), "AFTERCALL_API_KEY="+s.Credentials().APIKey, "AFTERCALL_API_KEYS="+cfg.APIKeys[0],
		"AFTERCALL_HTTP_ADDR="+cfg.HTTPAddr, "AFTERCALL_ADMIN_ADDR="+cfg.AdminAddr, "AFTERCALL_WEBHOOK_CREDENTIALS="+cfg.WebhookCredentials[0],
		"AFTERCALL_INBOX_URL="+cfg.InboxURL, "AFTERCALL_RECORDINGS_URL="+cfg.RecordingsURL, "AFTERCALL_DIAL_LEDGER_URL="+cfg.DialLedgerURL,
		"AFTERCALL_RECORDING_HOSTS="+strings.Join(cfg.RecordingHosts, ","), "AFTERCALL_RECORDING_ALLOW_HTTP=true",
		"AFTERCALL_UNIFONIC_BASE_URL="+cfg.UnifonicBaseURL, "AFTERCALL_UNIFONIC_APPS_ID="+cfg.UnifonicAppsID,
		"AFTERCALL_UNIFONIC_MASKING_APPS_ID="+cfg.UnifonicMaskingAppsID, "AFTERCALL_DIAL_RATE=1000", "AFTERCALL_LOOKUP_RATE=1000",
		keys.EncryptionSetting+"="+shared.Encryption[0], keys.HashSetting+"="+shared.Hash,
	)}
}

// requireOutput runs a command, with the stack's addresses in place of the documents'. It requires that the command succeeds
// and prints a text. It repeats a command that only shows something, because lists lag behind a change.
func (r *shell) requireOutput(command, says string) {
	r.t.Helper()
	text := strings.NewReplacer(
		"http://127.0.0.1:8080", r.s.URL(), "http://127.0.0.1:8081", r.s.Simulator().URL(),
		"https://your.host", strings.Replace(r.s.URL(), "http:", "https:", 1),
		"<your number>", "+966500000000", "<your caller ID>", "+966115219000",
	).Replace(command)
	out, err := r.run(text)
	if onlyShows.MatchString(command) && !strings.Contains(out, says) {
		require.Eventually(r.t, func() bool {
			out, err := r.run(text)
			return err == nil && strings.Contains(out, says)
		}, time.Minute, 100*time.Millisecond, "%s does not print %q", text, says)
		return
	}
	require.NoError(r.t, err, "%s: %s", text, out)
	require.Contains(r.t, out, says, text)
}

func (r *shell) run(text string) (string, error) {
	ctx, cancel := context.WithTimeout(r.t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", text)
	cmd.Dir, cmd.Env = r.dir, r.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// firstCall returns the first call's key, if a command needs it.
func (r *shell) firstCall(command string) string {
	if !strings.Contains(command, "<callId>") {
		return ""
	}
	var page handlers.List[handlers.ListedCall]
	require.Eventually(r.t, func() bool {
		r.list("/v1/calls", &page)
		return len(page.Items) > 0
	}, time.Minute, 100*time.Millisecond)
	return page.Items[len(page.Items)-1].CallKey
}

// firstMask returns the first masking session's id, if a command needs it.
func (r *shell) firstMask(command string) string {
	if !strings.Contains(command, "<mask>") {
		return ""
	}
	var page handlers.List[handlers.ListedMaskingSession]
	require.Eventually(r.t, func() bool {
		r.list("/v1/masking-sessions", &page)
		return len(page.Items) > 0
	}, time.Minute, 100*time.Millisecond)
	return page.Items[len(page.Items)-1].MaskID
}

func (r *shell) list(path string, page any) {
	r.t.Helper()
	status, answer := request(r.t, r.s, http.MethodGet, path, nil)
	require.Equal(r.t, http.StatusOK, status)
	require.NoError(r.t, json.Unmarshal(answer, page))
}
