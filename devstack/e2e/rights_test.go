package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/server/common/api"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/certfile/certtest"
)

// rightRow is a row of the table of rights in docs/deploy.md: | `command` | access |
var rightRow = regexp.MustCompile("(?m)^\\| `([^`]+)`(?:, `[^`]+`)* \\| (read|write|admin|none)")

// refusable is a row of the table of rights that may be refused: | `Method` | … |
var refusable = regexp.MustCompile("(?m)^\\| `([A-Z][A-Za-z]+)` \\|")

// deployDocument returns the part of docs/deploy.md under a heading.
func deployDocument(t *testing.T, heading string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "deploy.md"))
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(text), "\n"+heading+"\n")
	require.True(t, found, heading)
	part, _, _ := strings.Cut(rest, "\n## ")
	return part
}

// documentedRights returns the rights of each process and command in docs/deploy.md.
func documentedRights(t *testing.T) (access map[string]api.Access, mayBeRefused []string) {
	t.Helper()
	part := deployDocument(t, "### Least rights")
	access = map[string]api.Access{}
	for _, row := range rightRow.FindAllStringSubmatch(part, -1) {
		access[row[1]] = map[string]api.Access{"none": api.AccessUnknown, "read": api.AccessReadOnly, "write": api.AccessWrite, "admin": api.AccessAdmin}[row[2]]
	}
	for _, row := range refusable.FindAllStringSubmatch(part, -1) {
		mayBeRefused = append(mayBeRefused, row[1])
	}
	require.Greater(t, len(access), 5)
	require.Greater(t, len(mayBeRefused), 3)
	return access, mayBeRefused
}

// logged keeps the log of a process.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), what)
}

// run runs a command of the product and returns its output.
func (p *product) run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.path, args...)
	cmd.Env = p.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// place places a call through the API, waits for its end, and returns its callId.
func (p *product) place(t *testing.T, to string) string {
	t.Helper()
	out, err := p.run(t, "call", "place", "--to", to, "--caller-id", callerID, "--text", "hello", "--record", "--wait", "--timeout", "90s", "-o", "json")
	require.NoError(t, err, out)
	var state calls.OutboundCallState
	require.NoError(t, json.Unmarshal([]byte(out[strings.Index(out, "{"):]), &state), out)
	require.NotNil(t, state.Outcome, out)
	require.Equal(t, calls.StatusCompleted, state.Outcome.Status, out)
	return state.Attempts[0].CallID
}

// TestLeastRights runs everything over TLS with an API key each, at a Temporal that gives each key only the rights of
// docs/deploy.md, and refuses what may be refused. Everything works, and each missing right is reported once.
func TestLeastRights(t *testing.T) {
	access, mayBeRefused := documentedRights(t)
	s := start(t, nil)
	require.NoError(t, s.StopApp(), "the programs under test run in processes of their own")
	f := serveTLS(t, s.TemporalAddress(), nil, access)
	path := buildProduct(t)
	common := t.TempDir()
	as := func(key string) *product {
		p := another(t, s, path)
		p.env = append(p.env, "TEMPORAL_ADDRESS="+f.address, "TEMPORAL_API_KEY="+key, "TEMPORAL_TLS_SERVER_CA_CERT_PATH="+f.authority, "TEMPORAL_CONFIG_FILE=",
			"AFTERCALL_RECORDINGS_URL=file:"+filepath.Join(common, "recordings"), "AFTERCALL_RECORDING_ALLOW_HTTP=true",
			"AFTERCALL_RECORDING_HOSTS="+strings.TrimPrefix(strings.TrimSuffix(s.Simulator().BaseURL(), "/v1"), "http://"),
			"AFTERCALL_API_KEYS=me:key:call+read+listen+erase", "AFTERCALL_LOG_LEVEL=info", "AFTERCALL_DIAL_RATE=1000", "AFTERCALL_LOOKUP_RATE=1000")
		return p
	}
	f.refuse(mayBeRefused...)
	serve, worker := as("serve"), as("worker")
	serve.log, worker.log = &logged{}, &logged{}
	for role, p := range map[string]*product{"serve": serve, "worker": worker} {
		p.startAs(t, role)
		defer p.kill(t)
	}
	worker.awaitWorking(t)
	require.Eventually(t, func() bool {
		status, _ := serve.post(t.Context(), notification(newID("ready"), nil))
		return status == http.StatusOK
	}, time.Minute, 50*time.Millisecond)
	caller := as("nobody") // commands that use the API need no right at Temporal
	caller.env = append(caller.env, "AFTERCALL_API_URL="+serve.base, "AFTERCALL_API_KEY=key", "AFTERCALL_WEBHOOK_CREDENTIALS=u:p")
	out, err := caller.run(t, "webhook", "register", serve.base+"/webhooks/unifonic")
	require.NoError(t, err, out)
	stored := func(callID string) {
		t.Helper()
		require.Eventually(t, func() bool {
			out, err := caller.run(t, "recording", "list", callID, "-o", "json")
			return err == nil && strings.Contains(out, `"STORED"`)
		}, time.Minute, 200*time.Millisecond)
	}
	callID := caller.place(t, "+966500000005")
	stored(callID)
	for _, p := range []*product{serve, worker} {
		require.Eventually(t, func() bool { return p.log.count("right=CountWorkflowExecutions") == 1 }, 30*time.Second, 50*time.Millisecond)
		require.Equal(t, 1, p.log.count("right=ListSearchAttributes"))
		require.Zero(t, p.log.count("right=DescribeTaskQueue"))
	}

	f.refuse() // only the roles count
	for _, args := range [][]string{
		{"call", "list"}, {"call", "show", callID}, {"call", "events", callID}, {"call", "track", newID("tracked")}, {"recording", "show", callID},
		{"mask", "open", "--from", "+966500000001", "--to", "+966500000002"}, {"mask", "list"}, {"recording", "delete", callID},
		{"erase", "--phone", "+966500000005"},
	} {
		out, err := caller.run(t, args...)
		require.NoError(t, err, "%v: %s", args, out)
	}
	require.Empty(t, f.calls("nobody"))
	for _, args := range [][]string{
		{"setup"}, {"dial", "stop", "--reason", "test"}, {"dial", "status"}, {"dial", "start", "--rate", "1000"}, {"keys", "status"},
		{"deploy", "status", "--name", "none"},
	} {
		key := strings.Join(args[:min(2, len(args))], " ")
		p := as(key)
		if key == "setup" { // with a missing namespace
			p.env = append(p.env, "TEMPORAL_NAMESPACE=another")
		}
		out, err := p.run(t, args...)
		require.NoError(t, err, "%v: %s", args, out)
		require.NotEmpty(t, f.calls(key), key)
	}
	out, err = as("deploy promote").run(t, "deploy", "promote", "none", "--name", "none")
	require.Error(t, err, "there is no such version")
	require.NotContains(t, out, "unauthorized")
	out, err = as("worker").run(t, "setup") // with only the worker's right, if everything exists
	require.NoError(t, err, out)
	out, _ = as("doctor").run(t, "doctor", "-o", "json") // the inbox and the API are elsewhere
	for _, check := range []string{"temporal", "namespace", "search attributes", "workers", "workflows", "dialling", "clock"} {
		require.Regexp(t, `"check": "`+check+`",\s+"ok": true`, out)
	}

	for key, role := range access { // no more is documented than is used
		most := api.AccessUnknown
		for _, method := range f.calls(key) {
			for _, service := range []string{api.WorkflowServicePrefix, api.OperatorServicePrefix} {
				if m := api.GetMethodMetadata(service + method); m.Access <= role {
					most = max(most, m.Access)
				}
			}
		}
		require.Equal(t, role, most, "%s calls %v", key, f.calls(key))
	}
}

// TestWithoutAnyRight: while Temporal refuses everything, notifications are accepted. None is lost afterwards.
func TestWithoutAnyRight(t *testing.T) {
	s := start(t, nil)
	require.NoError(t, s.StopApp())
	client := certtest.New()
	f := serveTLS(t, s.TemporalAddress(), client.Pool, map[string]api.Access{})
	p := newProduct(t, s)
	certFile, keyFile := filepath.Join(t.TempDir(), "tls.crt"), filepath.Join(t.TempDir(), "tls.key")
	require.NoError(t, client.Write(certFile, keyFile))
	p.env = append(p.env, "TEMPORAL_ADDRESS="+f.address, "TEMPORAL_TLS_SERVER_CA_CERT_PATH="+f.authority, "TEMPORAL_CONFIG_FILE=",
		"TEMPORAL_TLS_CLIENT_CERT_PATH="+certFile, "TEMPORAL_TLS_CLIENT_KEY_PATH="+keyFile)
	p.log = &logged{}
	p.start(t)
	defer p.kill(t)
	callID := newID("refused")
	require.Eventually(t, func() bool {
		status, _ := p.post(t.Context(), notification(callID, nil))
		return status == http.StatusOK
	}, time.Minute, 50*time.Millisecond)
	require.Eventually(t, func() bool { return p.log.count("right=DescribeTaskQueue") == 1 }, 30*time.Second, 50*time.Millisecond)
	_, err := s.Temporal().DescribeWorkflowExecution(t.Context(), calls.CallWorkflowID(callID), "")
	require.Error(t, err)

	f.mu.Lock()
	f.roles[""] = api.AccessWrite
	f.mu.Unlock()
	awaitWorkflow(t, s, calls.CallWorkflowID(callID))
}
