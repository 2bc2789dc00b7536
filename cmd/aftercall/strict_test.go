package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/app"
)

// TestWrongCommandLines: none has an effect, and each error says what to do.
func TestWrongCommandLines(t *testing.T) {
	url, seen := serve(t, map[string]string{})
	t.Setenv("AFTERCALL_API_URL", url)
	t.Setenv("AFTERCALL_CALLER_ID", "+966115219000")
	t.Setenv("AFTERCALL_SECONDARY_CALLER_ID", "")
	t.Setenv("TEMPORAL_DEPLOYMENT_NAME", "")
	t.Setenv("COLUMNS", "80")
	const place = "call place --to +966500000005 "
	for line, says := range map[string]string{
		"dance": "dance", "call": "needs a subcommand", "call dance": "call", "calls": "calls", "--nope": "--nope", "call show": "1 arg",
		"call show a b": "1 arg", "call show ''": "must not be empty", "call wait ''": "must not be empty", "call wait a --timeout soon": "--timeout",
		"call wait a --timeout -3s": "--timeout", "call wait a --timeout 0s": "--timeout", "call show a --timeout 3s": "--timeout",
		"call place": "[request to]", "call place --to": "--to", "call place --to ''": "--to must not be empty", "call place --to 0500": "--to",
		place + "--request order.json": "--to cannot be combined with --request", "call place --request - --reference-id x": "--reference-id",
		"call place --request - --text hello": "--text", "call place --request - --record": "--record", "call place --request - --caller-id +966115219000": "--caller-id",
		"call place --request - --failover-on BUSY": "--failover-on", "call place --request - --notify w": "--notify", "call place --request ''": "--request",
		place + "--timeout 3s": "--timeout needs --wait", place + "--wait --timeout -1s": "--timeout", place + "--max-attempts 0": "--max-attempts",
		place + "--max-attempts 3": "secondary", place + "--max-attempts many": "--max-attempts", place + "--failover-on TIRED --secondary-caller-id +966115219001": "--failover-on",
		place + "--failover-on ''": "--failover-on", place + "--delay soon --secondary-caller-id +966115219001": "--delay", place + "--deadline tomorrow": "--deadline",
		place + "--deadline 2020-01-01T00:00:00Z": "--deadline", place + "--caller-id 12": "--caller-id", place + "--secondary-caller-id x": "--secondary-caller-id",
		place + "--text ''": "--text", place + "--notify call:abc": "--notify", place + "--reference-id 'a b'": "--reference-id", place + "extra": "extra",
		place + "--admin-url http://127.0.0.1:1": "does not use --admin-url", place + "--config x.yaml": "does not use --config",
		"call track": "1 arg", "call track a --to 0500": "--to", "call track a --notify mask:1": "--notify", "call list x": "x", "call list --status DONE": "--status",
		"call list --status NOT_PLACED": "--status", "call list --requests --status OPEN": "--status", "call list --attention fire": "--attention",
		"call list --since yesterday": "--since", "call list --until -3h": "--until", "call list --limit 0": "--limit", "call list --limit 201": "--limit",
		"call list --limit x": "--limit", "call events": "1 arg", "call events a --since 1h": "--since", "call stop": "1 arg", "call retry a": "attempt", "call retry a --attempt 1": "reason",
		"call retry a --attempt 0 --reason x": "--attempt", "call retry a --attempt 1 --reason ''": "--reason", "mask open": "to", "mask open --to 0500": "--to",
		"mask open --to +966500000005 --from +966500000005": "--from", "mask show": "1 arg", "mask list --status COMPLETED": "--status",
		"recording list": "1 arg", "recording fetch a --leg ''": "--leg", "recording fetch a --file ''": "--file", "recording show a --dry-run": "--dry-run",
		"inbox list --reason nonsense": "--reason", "inbox list --api-url " + url: "does not use --api-url", "inbox show": "1 arg", "inbox drop": "1 arg",
		"inbox requeue": "--all", "inbox requeue a --all": "not both", "inbox requeue a --reason late": "--reason needs --all",
		"inbox requeue --all --reason odd": "--reason", "inbox requeue a b --body x": "one dead letter", "inbox requeue --all --body x": "--body",
		"version -o xml": "--output", "version extra": "extra", "version --config x": "--config", "version --api-url " + url: "--api-url", "serve -o json": "--output",
		"worker --api-url " + url: "--api-url", "run --admin-url " + url: "--admin-url", "setup --api-url " + url: "--api-url", "config --api-url " + url: "--api-url",
		"health --api-url " + url: "--api-url", "webhook check": "1 arg", "webhook register nowhere": "https", "completion tcsh": "tcsh", "completion": "a shell", "help dance": "dance",
		"keys": "needs a subcommand", "doctor extra": "extra",
		"suppress": "needs a subcommand", "suppress add": "1 arg", "suppress add 0500": "E.164", "suppress remove x": "E.164", "suppress show x": "E.164",
		"suppress add +966500000005 --scope everything": "--scope", "suppress add +966500000005 --until soon": "--until",
		"suppress show +966500000005 --dry-run": "--dry-run", "suppress add +966500000005 --config x": "does not use --config",
		"deploy": "needs a subcommand", "deploy status": "TEMPORAL_DEPLOYMENT_NAME", "deploy status --name ''": "--name", "deploy status x --name a": "x",
		"deploy promote --name a": "1 arg", "deploy promote v --name a --ramp 101": "--ramp", "deploy promote v --name a --wait -1s": "--wait",
		"deploy promote v": "TEMPORAL_DEPLOYMENT_NAME", "deploy status --name a --dry-run": "--dry-run", "deploy status --name a --config x": "--config",
		"dial status --api-url " + url: "--api-url", "dial": "needs a subcommand", "dial stop": "--reason", "dial stop --reason ''": "--reason", "dial start --rate 0": "the rate is 0",
		"dial start --rate -1": "the rate is", "dial start --rate fast": "--rate", "dial start --rate Inf": "the rate", "dial start --rate NaN": "the rate", "dial start --rate 1e-50": "the rate", "dial start --rate 1e39": "the rate", "dial status --dry-run": "--dry-run", "dial stop now": "now",
		"setup x": "x", "setup --dry-run=maybe": "--dry-run", "setup --print --dry-run": "--dry-run", "setup --print --retention": "--retention", "webhook show --dry-run": "--dry-run", "webhook register": "1 arg",
		"webhook register https://calls.example.com/webhooks/unifonic --dry-run x": "1 arg", "doctor --dry-run": "--dry-run", "serve --dry-run": "--dry-run",
		"call wait a --dry-run": "--dry-run", "mask show a --dry-run": "--dry-run", "inbox list --dry-run": "--dry-run", "recording retry": "1 arg",
		"recording retry --all-pending --all-expired": "all-expired", "recording delete": "1 arg",
	} {
		r := aftercall(t, words1(line)...)
		require.Equal(t, 2, r.code, "%s: %s%s", line, r.out, r.err)
		require.Contains(t, r.err, says, line)
		if !strings.Contains(line, "json") {
			require.Contains(t, r.err, "--help", line)
		}
		require.NotContains(t, r.err, "500000005", line)
	}
	require.Empty(t, *seen, "nothing was sent")
}

// words1 splits a command line; ” is an empty word and 'a b' one word.
func words1(line string) (words []string) {
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			words = append(words, part)
			continue
		}
		words = append(words, strings.Fields(part)...)
	}
	return words
}

func TestErrorsInJSON(t *testing.T) {
	url, _ := serve(t, map[string]string{})
	for line, want := range map[string]string{
		"call show x -o json --api-url " + url:    `{"type":"/problems/not-found","title":"Unknown id","status":404,"detail":"Check the id.","exitCode":1}`,
		"call place --to 1 -o json --caller-id 2": `{"type":"/problems/cli-usage","exitCode":2}`,
		"call dance -o json":                      ``,
		"call list -o json --status x":            `{"type":"/problems/cli-usage","exitCode":2}`,
	} {
		r := aftercall(t, strings.Fields(line)...)
		require.Empty(t, r.out)
		var got, wanted map[string]any
		require.NoError(t, json.Unmarshal([]byte(r.err), &got), r.err)
		if want != "" {
			require.NoError(t, json.Unmarshal([]byte(want), &wanted))
		}
		for name, value := range wanted {
			require.Equal(t, value, got[name], line)
		}
		require.NotEmpty(t, got["detail"])
	}
}

func TestDryRunSendsNothing(t *testing.T) {
	url, seen := serve(t, map[string]string{"GET /inbox/dead-letters": `{"deadLetters":[{"id":"dl-1"}]}`})
	t.Setenv("AFTERCALL_API_URL", url)
	t.Setenv("AFTERCALL_CALLER_ID", "+966115219000")
	for line, says := range map[string]string{
		"call place --to +966500000005 --reference-id r1": `"referenceId": "r1"`, "call track c1 --to +966500000005": "PUT /v1/calls/c1",
		"call stop r1": "DELETE /v1/outbound-calls/r1", "call retry r1 --attempt 1 --reason x": "POST /v1/outbound-calls/r1/retry",
		"mask open --to +966500000005": "POST /v1/masking-sessions", "mask close 7": "DELETE /v1/masking-sessions/7", "recording retry c1": "POST /v1/recordings/c1/retry",
		"recording retry --all-expired": "POST /v1/recordings?status=expired", "recording delete c1": "DELETE /v1/recordings/c1",
		"callback retry callback:outbound:o1:aaaaaaaaaaaa": "POST /v1/callbacks/callback:outbound:o1:aaaaaaaaaaaa/retry", "callback retry --all-undelivered": "POST /v1/callbacks?status=undelivered",
		"suppress add +966500000005 --scope advertising": `"scope": "advertising"`, "suppress remove +966500000005": "DELETE /v1/suppressions/",
		"inbox drop dl-1 --admin-url " + url: "DELETE /inbox/dead-letters/dl-1", "inbox requeue --all --admin-url " + url: "/inbox/dead-letters/dl-1/requeue",
	} {
		r := aftercall(t, append(strings.Fields(line), "--dry-run")...)
		require.Equal(t, 0, r.code, r.err)
		require.Contains(t, r.out, says, line)
		requireMasked(t, r.out)
		require.NotContains(t, r.out, "500000005", line)
		r = aftercall(t, append(strings.Fields(line), "--dry-run", "-o", "json")...)
		require.Contains(t, r.out, `"dryRun": true`)
	}
	for _, request := range *seen {
		require.True(t, strings.HasPrefix(request, "GET "), request)
	}
}

// TestWhatChangesSomethingCanBeRehearsed: every command that changes something has --dry-run, and no other command does.
func TestWhatChangesSomethingCanBeRehearsed(t *testing.T) {
	changes := map[string]bool{}
	for _, line := range []string{
		"call place", "call track", "call stop", "call retry", "mask open", "mask close", "recording retry", "recording delete", "callback retry", "suppress add", "suppress remove",
		"inbox requeue", "inbox drop", "dial stop", "dial start", "deploy promote", "webhook register", "setup", "erase",
	} {
		changes[line] = true
	}
	var walk func(path string, below []*cobra.Command)
	walk = func(path string, below []*cobra.Command) {
		for _, cmd := range below {
			line := strings.TrimSpace(path + " " + cmd.Name())
			walk(line, cmd.Commands())
			require.Equal(t, changes[line], cmd.Flags().Lookup("dry-run") != nil, line)
		}
	}
	walk("", (&cli{}).root().Commands())
}

// TestWebhookRehearsed: the registered webhook is read, and nothing is registered.
func TestWebhookRehearsed(t *testing.T) {
	url, seen := serve(t, map[string]string{"GET /v1/providers/webhook": `{"url":"https://old.example.com/webhooks/unifonic"}`})
	t.Setenv("AFTERCALL_UNIFONIC_BASE_URL", url+"/v1")
	t.Setenv("AFTERCALL_UNIFONIC_APPS_ID", "app")
	t.Setenv("AFTERCALL_WEBHOOK_CREDENTIALS", "unifonic:a-long-password-of-ours")
	line := []string{"webhook", "register", "https://calls.example.com/webhooks/unifonic", "--dry-run"}
	r := aftercall(t, line...)
	require.Equal(t, 0, r.code, r.err)
	require.Contains(t, r.out, "a different URL is registered")
	require.NotContains(t, r.out, "a-long-password")
	require.Contains(t, aftercall(t, append(line, "-o", "json")...).out, `"dryRun": true`)
	require.NotEmpty(t, *seen)
	for _, request := range *seen {
		require.True(t, strings.HasPrefix(request, "GET "), request)
	}
}

func TestListAndEvents(t *testing.T) {
	url, seen := serve(t, map[string]string{
		"GET /v1/calls":            `{"items":[{"callKey":"c1","workflowId":"call:c1","status":"BUSY","running":true,"startedAt":"2026-01-31T09:00:00Z","attention":["conflict"]}],"nextCursor":"more"}`,
		"GET /v1/outbound-calls":   `{"items":[{"referenceId":"r1","workflowId":"outbound:r1","attempts":2,"running":true,"startedAt":"2026-01-31T09:00:00Z"}]}`,
		"GET /v1/masking-sessions": `{"items":[{"maskId":"7","workflowId":"mask:7","state":"OPEN","startedAt":"2026-01-31T09:00:00Z"}]}`,
		"GET /v1/calls/c1/events": `{"items":[{"at":"2026-01-31T09:00:00Z","eventKey":"e1","disposition":"accepted","event":{"status":"BUSY","direction":"OUTBOUND","to":"+966500000005"}},
			{"at":"2026-01-31T09:00:01Z","eventKey":"e2","disposition":"late","deadLetterId":"dl-9"}]}`,
		"POST /v1/outbound-calls/r1/retry": story, "DELETE /v1/outbound-calls/r1": story,
	})
	t.Setenv("AFTERCALL_API_URL", url)
	r := aftercall(t, "call", "list", "--status", "busy,failed", "--reference-id", "r1", "--since", "1h")
	require.Equal(t, 0, r.code, r.err)
	require.Contains(t, r.out, "c1")
	require.Contains(t, r.out, "--cursor more")
	require.Regexp(t, `limit=50&referenceId=r1&since=20.*&status=BUSY%2CFAILED`, (*seen)[0])
	require.Contains(t, aftercall(t, "call", "list", "--requests", "--status", "not_placed").out, "r1")
	require.Contains(t, aftercall(t, "mask", "list").out, "OPEN")
	r = aftercall(t, "call", "events", "c1")
	for _, want := range []string{"2 events", "accepted", "late", "dl-9"} {
		require.Contains(t, r.out, want)
	}
	requireMasked(t, r.out)
	require.Equal(t, 0, aftercall(t, "call", "retry", "r1", "--attempt", "2", "--reason", "asked for").code)
	require.Equal(t, `POST /v1/outbound-calls/r1/retry {"attempt":2,"reason":"asked for"}`, (*seen)[len(*seen)-1])
	require.Equal(t, 0, aftercall(t, "call", "stop", "r1").code)
}

func TestWaitSaysThatItWaited(t *testing.T) {
	url, _ := serve(t, map[string]string{})
	r := aftercall(t, "call", "wait", "never-heard", "--timeout", "30ms", "--api-url", url)
	require.Equal(t, 1, r.code)
	require.Contains(t, r.err, "waited")
	require.NotContains(t, r.err, "?wait")
}

func TestPlaceFromAFileHasAReference(t *testing.T) {
	url, seen := serve(t, map[string]string{"POST /v1/outbound-calls": `{"referenceId":"x","workflowId":"outbound:x"}`})
	file := filepath.Join(t.TempDir(), "order.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"to":"+966500000005"}`), 0o600))
	require.Equal(t, 0, aftercall(t, "call", "place", "--request", file, "--api-url", url).code)
	require.Contains(t, (*seen)[0], `"referenceId":"cli-`)
	require.NoError(t, os.WriteFile(file, []byte(`[]`), 0o600))
	require.Equal(t, 1, aftercall(t, "call", "place", "--request", file, "--api-url", url).code)
}

func TestTablesFitTheTerminal(t *testing.T) {
	url, _ := serve(t, map[string]string{"GET /v1/calls/c2": call, "GET /v1/outbound-calls/order-1": story})
	t.Setenv("AFTERCALL_API_URL", url)
	t.Setenv("COLUMNS", "80")
	for _, args := range [][]string{{"call", "show", "c2"}, {"call", "show", "order-1"}, {"config"}} {
		for line := range strings.SplitSeq(aftercall(t, args...).out, "\n") {
			require.True(t, text.StringWidthWithoutEscSequences(line) <= 80 || !strings.Contains(strings.TrimSpace(line), " ") || !strings.ContainsAny(line, "│"), "%s", line)
		}
	}
	require.NotContains(t, strings.Join(wrap("Waiting for the dial queue "+time.Minute.String(), 12), "|"), "  ")
	require.Equal(t, []string{"a", "very-long-id-that-stays-whole", "b"}, wrap("a very-long-id-that-stays-whole b", 10))
}

// TestDoctorReadsAsAList: doctor prints a line or two for each check at 80 columns, with the advice below a failed one.
func TestDoctorReadsAsAList(t *testing.T) {
	t.Setenv("COLUMNS", "80")
	var out bytes.Buffer
	c := &cli{out: &out, output: "table"}
	err := c.findings([]app.Finding{
		{Check: "settings", OK: true, Detail: "valid"},
		{Check: "keys", Detail: "numbers, codes, texts and URLs are kept in clear: AFTERCALL_ENCRYPTION_KEYS is not set", Advice: "set it to what aftercall keys new prints"},
	})
	require.ErrorIs(t, err, errReported)
	require.Equal(t, "✓ settings          valid\n"+
		"✗ keys              numbers, codes, texts and URLs are kept in clear:\n"+
		"                    AFTERCALL_ENCRYPTION_KEYS is not set\n"+
		"                    → set it to what aftercall keys new prints\n", out.String())
	require.Equal(t, "1 call", counted(1, "call"))
	require.Equal(t, "0 calls", counted(0, "call"))
}

func TestHelpNamesTheKeyAndTheExitCodes(t *testing.T) {
	for _, line := range []string{"call place", "call wait", "call list", "call events", "mask open", "mask show", "recording fetch", "call"} {
		require.Contains(t, aftercall(t, append(strings.Fields(line), "--help")...).out, "AFTERCALL_API_KEY", line)
	}
	require.Contains(t, aftercall(t, "--help").out, "Exit codes: 0")
}

func TestAWrongKeyIsSaidByItsVariable(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"type":"/problems/unauthorized","title":"Credentials are missing or wrong","status":401,"detail":"Send a key of AFTERCALL_API_KEYS in the header"}`)
	}))
	t.Cleanup(server.Close)
	r := aftercall(t, "call", "show", "x", "--api-url", server.URL)
	require.Equal(t, 1, r.code)
	require.Contains(t, r.err, "Set AFTERCALL_API_KEY,")
	require.NotContains(t, r.err, "header")
}
