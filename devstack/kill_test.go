package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// running is an aftercall-dev that has printed its addresses.
type running struct {
	cmd       *exec.Cmd
	url       string
	user, key string
}

func startKept(t *testing.T, dir string) running {
	t.Helper()
	cmd := command(t, "--data", dir)
	said := started(t, cmd)
	find := func(pattern string) string {
		m := regexp.MustCompile(pattern).FindStringSubmatch(said)
		require.Len(t, m, 2, pattern)
		return m[1]
	}
	return running{cmd: cmd, url: find(`API, webhook +(\S+)`), user: find(`Webhook user +(\S+)`), key: find(`API key +(\S+)`)}
}

// kill ends it as a power cut would.
func (r running) kill(t *testing.T) {
	t.Helper()
	require.NoError(t, r.cmd.Process.Kill())
	_ = r.cmd.Wait()
}

// notify posts a notification and reports whether it was acknowledged.
func (r running) notify(t *testing.T, callID, status string) bool {
	body := fmt.Sprintf(`{"callId":%q,"callSid":"leg","direction":"OUTBOUND","from":"+966112000000","to":"+966500000000","status":%q}`, callID, status)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+"/webhooks/unifonic", strings.NewReader(body))
	if err != nil {
		return false
	}
	name, password, _ := strings.Cut(r.user, ":")
	req.SetBasicAuth(name, password)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer func() { _ = res.Body.Close() }()
	return res.StatusCode == http.StatusOK
}

// status returns the status of a call.
func (r running) status(t *testing.T, callID string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+"/v1/calls/"+callID+"?wait=10s", nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+r.key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = res.Body.Close() }()
	var call struct {
		Outcome struct{ Status string }
	}
	_ = json.NewDecoder(res.Body).Decode(&call)
	return call.Outcome.Status
}

// TestDataSurvivesKill kills everything at once, twice, under traffic. Everything acknowledged is there afterwards, and
// running calls continue.
func TestDataSurvivesKill(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kept")
	const calls = 60
	ringing, ended := map[int]bool{}, map[int]bool{}
	for round := range 3 {
		r := startKept(t, dir)
		var mu sync.Mutex
		var senders sync.WaitGroup
		acknowledged := 0
		for i := range 4 {
			senders.Go(func() {
				for n := i; n < calls; n += 4 {
					mu.Lock()
					rang, over := ringing[n], ended[n]
					mu.Unlock()
					if over || round == 0 && rang {
						continue
					}
					status, done := "COMPLETED", ended
					if !rang {
						status, done = "RINGING", ringing
					}
					if r.notify(t, fmt.Sprintf("kept-%d", n), status) {
						mu.Lock()
						done[n] = true
						acknowledged++
						mu.Unlock()
					}
				}
			})
		}
		if round == 2 { // the last life runs to its end
			senders.Wait()
			require.NotEmpty(t, ended)
			for n := range ended {
				id := fmt.Sprintf("kept-%d", n)
				require.Eventually(t, func() bool { return r.status(t, id) == "COMPLETED" }, time.Minute, 100*time.Millisecond, id)
			}
			t.Logf("%d calls began and %d ended, all of them known after two kills", len(ringing), len(ended))
			r.kill(t)
			return
		}
		require.Eventually(t, func() bool { // in the middle of the traffic
			mu.Lock()
			defer mu.Unlock()
			return acknowledged >= calls/3
		}, time.Minute, time.Millisecond)
		r.kill(t)
		senders.Wait()
	}
}
