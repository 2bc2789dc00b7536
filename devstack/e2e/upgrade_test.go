package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/calls"
)

// release is aftercall-dev of one release, on a data folder that others have used before.
type release struct {
	path, data string
	ports      []string // HTTP, admin, Temporal, UI, simulator
	cmd        *exec.Cmd
	log        bytes.Buffer
}

// buildDev builds aftercall-dev from a tree.
func buildDev(t *testing.T, tree, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	build := exec.CommandContext(t.Context(), "go", "build", "-C", filepath.Join(tree, "devstack"), "-o", path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return path
}

// start starts a release and waits until all of it is ready.
func (r *release) start(t *testing.T) {
	t.Helper()
	args := []string{"--data", r.data}
	for i, name := range []string{"http", "admin", "temporal", "ui", "simulator"} {
		args = append(args, "--"+name+"-port", r.ports[i])
	}
	r.cmd = exec.Command(r.path, args...)
	r.cmd.Env = append(os.Environ(), "AFTERCALL_API_KEYS=shop:k3y", "AFTERCALL_WEBHOOK_CREDENTIALS=unifonic:p4ss")
	r.cmd.Stdout, r.cmd.Stderr = &r.log, &r.log
	require.NoError(t, r.cmd.Start())
	require.Eventually(t, func() bool {
		res, err := http.Get("http://127.0.0.1:" + r.ports[1] + "/readyz")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	}, 2*time.Minute, 100*time.Millisecond, "it does not start")
}

// end ends a release as Ctrl-C does.
func (r *release) end(t *testing.T) {
	t.Helper()
	require.NoError(t, r.cmd.Process.Signal(syscall.SIGINT))
	_ = r.cmd.Wait()
}

// ask sends a request with the credentials of its route.
func (r *release) ask(t *testing.T, method, path, body string, headers ...string) (int, []byte) {
	t.Helper()
	port := r.ports[0]
	if strings.HasPrefix(path, "/simulator/") {
		port = r.ports[4]
	}
	req, err := http.NewRequestWithContext(t.Context(), method, "http://127.0.0.1:"+port+path, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	if strings.HasPrefix(path, "/webhooks/") {
		req.SetBasicAuth("unifonic", "p4ss")
	} else {
		req.Header.Set("Authorization", "Bearer k3y")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, answer
}

// request returns an outbound call request from the API.
func (r *release) request(t *testing.T, ref string) (s calls.OutboundCallState) {
	t.Helper()
	status, answer := r.ask(t, http.MethodGet, "/v1/outbound-calls/"+ref, "")
	require.Equal(t, http.StatusOK, status, "%s", answer)
	require.NoError(t, json.Unmarshal(answer, &s))
	return s
}

// call returns a call from the API.
func (r *release) call(t *testing.T, id string) (s calls.CallState) {
	t.Helper()
	status, answer := r.ask(t, http.MethodGet, "/v1/calls/"+id, "")
	require.Equal(t, http.StatusOK, status, "%s", answer)
	require.NoError(t, json.Unmarshal(answer, &s))
	return s
}

const upgradeRequest = `{%s"to":%q,"callerId":"+966115219000","type":"tts","tts":{"text":"hello"}%s}`

// TestUpgrade starts this release on a data folder of the release of AFTERCALL_UPGRADE_FROM, a commit, with open calls:
// make upgrade-test. It starts and continues, serves the recordings, and dials nobody again.
func TestUpgrade(t *testing.T) {
	from := os.Getenv("AFTERCALL_UPGRADE_FROM")
	if from == "" {
		t.Skip("SKIPPED, AN UPGRADE IS TRIED ON DEMAND: make upgrade-test builds the release of before")
	}
	tree := t.TempDir()
	archive := exec.CommandContext(t.Context(), "sh", "-c", `git archive "$1" | tar -x -C "$2"`, "sh", from, tree)
	archive.Dir = "../.."
	out, err := archive.CombinedOutput()
	require.NoError(t, err, "%s", out)
	old := &release{path: buildDev(t, tree, "old"), data: filepath.Join(t.TempDir(), "data")}
	for range 5 {
		_, port, _ := strings.Cut(freeAddress(t), ":")
		old.ports = append(old.ports, port)
	}
	old.start(t)
	stopOld := true
	defer func() {
		if stopOld {
			old.end(t)
		}
	}()

	const telling = "c-966577010001-1"
	place := func(r *release, ref, to, more string, want int, headers ...string) {
		t.Helper()
		if ref != "" {
			ref = fmt.Sprintf(`"referenceId":%q,`, ref)
		}
		status, answer := r.ask(t, http.MethodPost, "/v1/outbound-calls", fmt.Sprintf(upgradeRequest, ref, to, more), headers...)
		require.Equal(t, want, status, "%s", answer)
	}
	failover := `,"secondaryCallerId":"+966115219001","failover":{"delay":"20s"}`
	place(old, "recorded", "+966500000005", "", http.StatusAccepted)
	place(old, "in-doubt", "+966500000017", "", http.StatusAccepted)
	place(old, "", "+966500000200", "", http.StatusAccepted, "Idempotency-Key", "order 4711")
	require.Eventually(t, func() bool {
		return old.request(t, "recorded").Outcome != nil && len(old.request(t, "in-doubt").Attempts) == 1
	}, time.Minute, 100*time.Millisecond)
	recorded := old.request(t, "recorded")
	callID := recorded.Attempts[0].CallID
	var audio []byte
	require.Eventually(t, func() bool {
		var status int
		status, audio = old.ask(t, http.MethodGet, "/v1/recordings/"+callID+"/audio", "")
		return status == http.StatusOK
	}, time.Minute, 100*time.Millisecond)
	ringing := map[string]any{"status": "RINGING", "completedAt": nil, "duration": nil}
	for _, id := range []string{"open", telling} {
		status, answer := old.ask(t, http.MethodPost, "/webhooks/unifonic", string(notification(id, ringing)))
		require.Equal(t, http.StatusOK, status, "%s", answer)
	}
	status, _ := old.ask(t, http.MethodPost, "/webhooks/unifonic", "no JSON")
	require.Equal(t, http.StatusBadRequest, status)
	require.Eventually(t, func() bool {
		status, _ := old.ask(t, http.MethodGet, "/v1/calls/"+telling, "")
		return status == http.StatusOK
	}, time.Minute, 100*time.Millisecond)
	place(old, "between-attempts", "+966500000004", failover, http.StatusAccepted)
	require.Eventually(t, func() bool {
		s := old.request(t, "between-attempts")
		return len(s.Attempts) > 0 && s.Attempts[0].Status == calls.StatusFailed
	}, time.Minute, 100*time.Millisecond)
	dialled := old.dials(t)
	old.end(t)
	stopOld = false

	now := &release{path: buildDev(t, "../..", "new"), data: old.data, ports: old.ports}
	now.start(t)
	defer func() {
		now.end(t)
		if t.Failed() {
			t.Log(now.log.String())
		}
	}()
	require.Equal(t, recorded.Outcome, now.request(t, "recorded").Outcome)
	status, again := now.ask(t, http.MethodGet, "/v1/recordings/"+callID+"/audio", "")
	require.Equal(t, http.StatusOK, status)
	require.True(t, bytes.Equal(audio, again), "the recording is served as it was")
	for _, id := range []string{"open", telling} {
		status, answer := now.ask(t, http.MethodPost, "/webhooks/unifonic", string(notification(id, nil)))
		require.Equal(t, http.StatusOK, status, "%s", answer)
		require.Eventually(t, func() bool { return now.call(t, id).Final }, time.Minute, 100*time.Millisecond, "%s goes on", id)
		require.Equal(t, calls.StatusCompleted, now.call(t, id).Outcome.Status)
	}
	place(now, "recorded", "+966500000005", "", http.StatusOK)
	place(now, "in-doubt", "+966500000017", "", http.StatusOK)
	place(now, "", "+966500000200", "", http.StatusOK, "Idempotency-Key", "order 4711")
	require.Eventually(t, func() bool { return now.request(t, "between-attempts").Outcome != nil }, 2*time.Minute, 100*time.Millisecond, "it dials its second attempt, once")
	require.Len(t, now.request(t, "in-doubt").Attempts, 1, "silence is no reason to dial")
	for _, c := range now.dials(t) {
		require.NotContains(t, dialled, c)
		require.Equal(t, "between-attempts-a2", c)
	}
	status, answer := now.ask(t, http.MethodGet, "/v1/calls/open/events", "")
	require.Equal(t, http.StatusOK, status, "%s", answer)
	require.Equal(t, 2, strings.Count(string(answer), `"accepted"`), "what was received before is there: %s", answer)
}

// dials returns the referenceIds of the calls that the provider's stand-in has accepted since its start.
func (r *release) dials(t *testing.T) []string {
	t.Helper()
	status, answer := r.ask(t, http.MethodGet, "/simulator/calls", "")
	require.Equal(t, http.StatusOK, status)
	var list []struct {
		ReferenceID string `json:"referenceId"`
	}
	require.NoError(t, json.Unmarshal(answer, &list))
	var refs []string
	for _, c := range list {
		refs = append(refs, c.ReferenceID)
	}
	return refs
}
