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
	"github.com/aftercall/aftercall/internal/keys"
)

// documentedCommands run in this order, each as its document has it. The output of each contains says. <callId> stands for
// the first call, <mask> for the first masking session.
func documentedCommands() []struct{ command, says string } {
	return []struct{ command, says string }{
		{"aftercall setup", ""},
		{"bin/aftercall setup", ""},
		{"aftercall doctor", "✓"},
		{"bin/aftercall doctor", "✓"},
		{
			"bin/aftercall call place --to +966500000004 --caller-id +966115219000 --secondary-caller-id +966115219001 " +
				`--text "Your order is here." --wait`, "COMPLETED",
		},
		{"bin/aftercall call list", "COMPLETED"},
		{"aftercall call list --since 1h", "COMPLETED"},
		{"aftercall call show <callId>", "<callId>"},
		{"aftercall call events <callId>", "accepted"},
		{"aftercall recording list <callId>", ""},
		{`curl -H "Authorization: Bearer $AFTERCALL_API_KEY" http://127.0.0.1:8080/v1/calls/<callId>?wait=45s`, `"final":true`},
		{"aftercall mask open --from +966500000001 --to +966500000002", "Number to call"},
		{
			`curl http://127.0.0.1:8081/simulator/masked-call -d '{"maskId": "<mask>", "from": "+966500000001", "recorded": true}'`,
			"outboundCallId",
		},
		{"aftercall mask show <mask>", "<mask>"},
		{
			"curl http://127.0.0.1:8081/simulator/notify " +
				`-d '{"callId": "hello-1", "callSid": "leg-1", "to": "+966500000000", "status": "PARKED"}'`, "accepted",
		},
		{"aftercall erase --phone +966500000005 --dry-run", "Would be removed"},
		{"aftercall erase --phone +966500000005 --export person.json", "Removed"},
		{"aftercall dial start --rate 1", "1 per second"},
		{`aftercall call place --to <your number> --caller-id <your caller ID> --text "This is a test." --wait`, "COMPLETED"},
		{"aftercall webhook register https://your.host/webhooks/unifonic --dry-run", "Nothing was registered"},
		{"bin/aftercall webhook register https://your.host/webhooks/unifonic", "https://"},
		{"aftercall webhook register https://your.host/webhooks/unifonic", "https://"},
		{"aftercall webhook register https://your.host/webhooks/unifonic --masking", "https://"},
	}
}

// notRun says why a documented command does not run here.
func notRun() map[string]string {
	const (
		sets      = "sets what the test sets itself"
		builds    = "compiles for minutes; CI runs it, or the same build"
		forever   = "does not end by itself; package devstack and other tests here start it"
		container = "needs a container engine: make compose-test runs the deployment"
		checkout  = "changes the checkout"
	)
	return map[string]string{
		"make dev": forever, "bin/aftercall run": forever, "aftercall run": forever,
		"make test": builds, "make build": builds, "go run ./hello": builds, "mkdir -p hello": checkout,
		"cp .env.example .env": checkout, "scripts/make-secrets": checkout, "git pull && make build": checkout,
		"git pull && scripts/make-secrets && make image": checkout,
		"export AFTERCALL_API_KEY=…":                     sets, "export AFTERCALL_RECORDING_HOSTS=…": sets,
		"export AFTERCALL_API_KEY=$(cut -d: -f2 secrets/api_keys)":                                                                                  sets,
		"export TEMPORAL_ADDRESS=127.0.0.1:7233 AFTERCALL_UNIFONIC_APPS_ID=… AFTERCALL_WEBHOOK_CREDENTIALS=user:password AFTERCALL_API_KEYS=me:key": sets,
		"docker …": container, "for …": container, // all that begin so
	}
}

var (
	shellBlock = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")
	remark     = regexp.MustCompile(`(?m)\s+# .*$`)
	onlyShows  = regexp.MustCompile(`aftercall (call|mask|recording) (list|show|events)`)
	command    = regexp.MustCompile(`(?ms)^for .*?^done$|^docker [^"\n]*"[^"]*"$|^.+?$`)
)

// TestDocumentedCommandsRun runs the commands of README.md and docs against a stack. It fails for a documented command that
// neither runs nor has a reason why not, and for one that no document has.
func TestDocumentedCommandsRun(t *testing.T) {
	left := map[string]bool{} // commands of the two lists that no document has had so far
	for _, c := range documentedCommands() {
		left[c.command] = true
	}
	for text := range notRun() {
		left[text] = true
	}
	known := func(text string) bool {
		for name := range left {
			if begin, all := strings.CutSuffix(name, "…"); text == name || all && strings.HasSuffix(begin, " ") && strings.HasPrefix(text, begin) {
				left[name] = false
				return true
			}
		}
		return false
	}
	files, err := filepath.Glob("../../docs/*.md")
	require.NoError(t, err)
	for _, file := range append(files, "../../README.md") {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, block := range shellBlock.FindAllStringSubmatch(string(text), -1) {
			for _, found := range command.FindAllString(remark.ReplaceAllString(block[1], ""), -1) {
				require.True(t, known(found), "%s: nothing runs %q, and nothing says why", filepath.Base(file), found)
			}
		}
	}
	for name, unseen := range left {
		require.False(t, unseen, "no document has %q", name)
	}

	s := start(t, func(o *stack.Options) {
		o.Config.APIKeys[0] += ":call+read+listen+erase"
		o.Config.AdminAddr = freeAddress(t)
	})
	run := shellFor(t, s)
	for _, c := range documentedCommands() {
		place := strings.NewReplacer("<callId>", run.firstCall(c.command), "<mask>", run.firstMask(c.command))
		run.requireOutput(place.Replace(c.command), place.Replace(c.says))
	}
}

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
// and prints a text. It repeats a command that only shows something, because lists learn of a change a moment later.
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
