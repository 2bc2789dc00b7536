package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// test is one run over one deployment.
type test struct {
	report   *report
	compose  *compose
	client   *client
	traffic  *traffic
	recorded string             // a call with a stored recording
	sum      string             // of that recording
	placed   map[string]dialled // by call id, all that the simulator ever accepted
}

func newTest(root string) (*test, error) {
	c, at, err := newCompose(root)
	if err != nil {
		return nil, err
	}
	api, err := newClient(root, at)
	if err != nil {
		return nil, err
	}
	return &test{report: &report{began: time.Now()}, compose: c, client: api, traffic: newTraffic(api), placed: map[string]dialled{}}, nil
}

// all runs every check, in an order in which each finds what it needs.
func (t *test) all(ctx context.Context) {
	t.compose.removeAll() // of an earlier run
	check := func(name string, fn func(context.Context) (string, error)) bool {
		return t.report.check(name, func() (string, error) { return fn(ctx) })
	}
	if !check("images are built", t.build) || !check("docker compose --profile demo up -d --wait", t.start) {
		return
	}
	check("containers are hardened, only the webhook is published beyond loopback", t.hardened)
	check("the webhook's listener serves nothing else", t.webhookAlone)
	check("a wrong or missing secret stops the service with one clear line", t.secrets)
	check("the Temporal UI answers", t.temporalUI)
	check("docker compose run --rm cli doctor", t.doctor)
	check("a call that fails is completed through the secondary caller ID", t.failsOver)
	check("a recording is kept and served", t.keepsRecording)
	check("the provider's samples are taken, and their repetition recognised", t.samples)

	t.traffic.start(ctx)
	for _, victim := range []struct{ how, service string }{
		{"restart", "worker"}, {"kill", "worker"}, {"restart", "serve"}, {"kill", "serve"}, {"restart", "temporal"}, {"kill", "temporal"},
		{"restart", "postgres"}, {"kill", "postgres"}, {"restart", "temporal-ui"}, {"restart", "simulator"},
	} {
		check(victim.how+" "+victim.service+" under traffic", func(ctx context.Context) (string, error) { return t.disturb(ctx, victim.how, victim.service) })
	}
	check("kill serve while Temporal is away, under traffic", t.killServeAlone)
	t.traffic.stop()
	check("every request has its outcome", t.outcomes)
	check("nothing acknowledged was lost", t.nothingLost)
	check("nobody was dialled twice", t.nobodyTwice)
	check("no phone number in any log", t.noNumbers)
	check("the volumes are backed up and restored as docs/deploy.md says", t.restore)
	check("docker compose down -v leaves nothing", t.down)
}

func (t *test) build(ctx context.Context) (string, error) {
	_, err := t.compose.do(ctx, "build", "--quiet")
	return "", err
}

func (t *test) start(ctx context.Context) (string, error) {
	if err := t.compose.up(ctx); err != nil {
		return "", err
	}
	found, err := t.compose.containers(ctx)
	if err != nil {
		return "", err
	}
	var seen []string
	for _, c := range found {
		seen = append(seen, c.service()+" "+c.State.Status)
	}
	slices.Sort(seen)
	return strings.Join(seen, ", "), nil
}

// hardened looks at what the engine says of the containers, not at what the file asks for.
func (t *test) hardened(ctx context.Context) (string, error) {
	found, err := t.compose.containers(ctx)
	if err != nil {
		return "", err
	}
	var wrong []error
	for _, c := range found {
		complain := func(what string) { wrong = append(wrong, fmt.Errorf("%s %s", c.service(), what)) }
		if !c.HostConfig.ReadonlyRootfs {
			complain("can write its root file system")
		}
		if !slices.Equal(c.HostConfig.CapDrop, []string{"ALL"}) || len(c.HostConfig.CapAdd) > 0 {
			complain("has capabilities")
		}
		if !slices.Contains(c.HostConfig.SecurityOpt, "no-new-privileges:true") {
			complain("may gain privileges")
		}
		if user, _, _ := strings.Cut(c.Config.User, ":"); user == "" || user == "0" || user == "root" {
			complain("runs as root")
		}
		if c.HostConfig.RestartPolicy.Name == "no" {
			complain("is not restarted")
		}
		for port, bindings := range c.HostConfig.PortBindings {
			for _, b := range bindings {
				if b.HostIP != "127.0.0.1" {
					complain("publishes " + port + " beyond loopback")
				}
			}
		}
	}
	// The test itself keeps the webhook on loopback; what a deployer gets is in the file.
	text, err := t.compose.do(ctx, "config", "--format", "json", "--no-interpolate")
	if err != nil {
		return "", err
	}
	open := regexp.MustCompile(`0\.0\.0\.0:(\d+)}:(\d+)`).FindAllString(text, -1)
	if len(open) != 1 || !strings.HasSuffix(open[0], ":8082") {
		wrong = append(wrong, fmt.Errorf("published beyond loopback: %v", open))
	}
	return fmt.Sprintf("%d containers", len(found)), errors.Join(wrong...)
}

func (t *test) webhookAlone(ctx context.Context) (string, error) {
	for _, path := range []string{"/v1/calls/x", "/docs", "/openapi.json", "/healthz", "/metrics", "/"} {
		status, _, err := t.client.send(ctx, http.MethodGet, t.client.at.webhook+path, nil, nil)
		if err != nil || status != http.StatusNotFound {
			return "", fmt.Errorf("GET %s on the webhook's listener: %s", path, answered(status, err))
		}
	}
	status, _, err := t.client.send(ctx, http.MethodPost, t.client.at.webhook+"/webhooks/unifonic", []byte("{}"), nil)
	if err != nil || status != http.StatusUnauthorized {
		return "", fmt.Errorf("webhook without credentials: %s", answered(status, err))
	}
	return "", nil
}

// secrets starts services with secrets that cannot work.
func (t *test) secrets(ctx context.Context) (string, error) {
	var seen []string
	for _, c := range []struct{ service, setting, names string }{
		{"serve", "AFTERCALL_WEBHOOK_CREDENTIALS_FILE=/run/secrets/nothing", "AFTERCALL_WEBHOOK_CREDENTIALS_FILE"},
		{"serve", "AFTERCALL_WEBHOOK_CREDENTIALS_FILE=/run/secrets/api_keys_missing", "AFTERCALL_WEBHOOK_CREDENTIALS_FILE"},
		{"serve", "AFTERCALL_API_KEYS_FILE=/etc/hostname", "AFTERCALL_API_KEYS"},
		{"worker", "AFTERCALL_UNIFONIC_APPS_ID_FILE=/dev/null", "AFTERCALL_UNIFONIC_APPS_ID_FILE"},
		{"worker", "AFTERCALL_UNIFONIC_APPS_ID_FILE=", "AFTERCALL_UNIFONIC_APPS_ID"},
	} {
		out, err := t.compose.do(ctx, "run", "--rm", "--no-deps", "-T", "-e", c.setting, c.service)
		if err == nil {
			return "", fmt.Errorf("%s starts with %s", c.service, c.setting)
		}
		var lines []string
		for line := range strings.Lines(out) {
			if strings.Contains(line, "AFTERCALL_") {
				lines = append(lines, strings.TrimSpace(line))
			}
		}
		if len(lines) != 1 || !strings.Contains(lines[0], c.names) {
			return "", fmt.Errorf("%s with %s said %q", c.service, c.setting, out)
		}
		seen = append(seen, lines[0])
	}
	return "e.g. " + seen[0], nil
}

func (t *test) temporalUI(ctx context.Context) (string, error) {
	status, body, err := t.client.send(ctx, http.MethodGet, t.client.at.ui+"/api/v1/namespaces/default/search-attributes", nil, nil)
	if err != nil || status != http.StatusOK {
		return "", errors.New(answered(status, err))
	}
	if !strings.Contains(string(body), "CallId") {
		return "", errors.New("the search attribute CallId is missing")
	}
	return "it knows our search attributes", nil
}

// doctor fails where one of its checks does.
func (t *test) doctor(ctx context.Context) (string, error) {
	out, err := t.compose.do(ctx, "run", "--rm", "-T", "cli", "doctor")
	return fmt.Sprintf("%d checks", strings.Count(out, "✓")), err
}

func (t *test) failsOver(ctx context.Context) (string, error) {
	const reference = "fails-over"
	if err := t.client.place(ctx, reference, "+966500000004"); err != nil {
		return "", err
	}
	r, err := t.outcome(ctx, reference, time.Minute)
	if err != nil {
		return "", err
	}
	if r.Outcome.Status != "COMPLETED" || len(r.Attempts) != 2 {
		return "", fmt.Errorf("%s after %d attempts", r.Outcome.Status, len(r.Attempts))
	}
	list, err := t.client.dialled(ctx)
	if err != nil {
		return "", err
	}
	if len(list) != 2 {
		return "", fmt.Errorf("the simulator was asked for %d calls, not 2", len(list))
	}
	return "2 attempts", nil
}

// outcome waits for a request's outcome.
func (t *test) outcome(ctx context.Context, reference string, limit time.Duration) (request, error) {
	var r request
	err := eventually(ctx, limit, func() (err error) {
		if r, err = t.client.request(ctx, reference, "20s"); err == nil && r.Outcome == nil {
			err = errors.New("no outcome")
		}
		return err
	})
	return r, err
}

func (t *test) keepsRecording(ctx context.Context) (string, error) {
	const reference = "is-recorded"
	if err := t.client.place(ctx, reference, "+966500000005"); err != nil {
		return "", err
	}
	r, err := t.outcome(ctx, reference, time.Minute)
	if err != nil {
		return "", err
	}
	t.recorded = r.Outcome.CallID
	var rec struct {
		Status, SHA256 string
		SizeBytes      int64
	}
	err = eventually(ctx, 30*time.Second, func() error {
		if err := t.client.get(ctx, "/v1/recordings/"+t.recorded, &rec); err != nil {
			return err
		}
		if rec.Status != "STORED" {
			return fmt.Errorf("status %s", rec.Status)
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	t.sum = rec.SHA256
	return fmt.Sprintf("%d bytes", rec.SizeBytes), t.playsRecording(ctx)
}

// playsRecording compares the bytes that the API serves with the sum that was told.
func (t *test) playsRecording(ctx context.Context) error {
	status, sound, err := t.client.api(ctx, http.MethodGet, "/v1/recordings/"+t.recorded+"/audio", nil)
	if err != nil || status != http.StatusOK {
		return fmt.Errorf("audio: %s", answered(status, err))
	}
	if sum := sha256.Sum256(sound); hex.EncodeToString(sum[:]) != t.sum {
		return errors.New("the audio is not what was stored")
	}
	return nil
}

func (t *test) samples(ctx context.Context) (string, error) {
	paths, err := filepath.Glob(filepath.Join(t.compose.root, "internal", "unifonic", "testdata", "notifications", "*.json"))
	if err != nil || len(paths) < 3 {
		return "", fmt.Errorf("%d samples: %v", len(paths), err)
	}
	for _, path := range paths {
		body, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		var key string
		for _, expected := range []string{"accepted", "duplicate"} {
			var result string
			if key, result, err = t.client.notify(ctx, body); err != nil || result != expected {
				return "", fmt.Errorf("%s: %s, want %s (%v)", filepath.Base(path), result, expected, err)
			}
		}
		found, err := t.client.call(ctx, key, "20s")
		if err != nil || found.Outcome == nil || len(found.Legs) != 1 {
			return "", fmt.Errorf("%s: %+v (%v)", filepath.Base(path), found, err)
		}
	}
	return fmt.Sprintf("%d", len(paths)), nil
}

// disturb ends a container and waits until the deployment is healthy again.
func (t *test) disturb(ctx context.Context, how, service string) (string, error) {
	if service == "simulator" { // it remembers nothing: what it knows is asked before, with no call under way
		t.traffic.stopDialling()
		if _, err := t.outcomes(ctx); err != nil {
			return "", err
		}
		if err := t.remember(ctx); err != nil {
			return "", err
		}
		defer t.traffic.startDialling(ctx)
	}
	wait(ctx, 3*time.Second) // traffic before
	began := time.Now()
	if _, err := t.compose.do(ctx, how, service); err != nil {
		return "", err
	}
	down := time.Since(began)
	if _, err := t.compose.do(ctx, "up", "-d", "--no-deps", "--wait", "--wait-timeout", "120", service); err != nil {
		return "", err
	}
	healthy := time.Since(began)
	err := eventually(ctx, 2*time.Minute, func() error {
		_, err := t.compose.do(ctx, "up", "-d", "--no-deps", "--no-recreate", "--wait", "--wait-timeout", "60", "serve", "worker", "temporal")
		return err
	})
	return fmt.Sprintf("%s took %.1f s, healthy after %.1f s", how, down.Seconds(), healthy.Seconds()), err
}

// killServeAlone ends serve while the inbox holds what nobody else knows.
func (t *test) killServeAlone(ctx context.Context) (string, error) {
	if _, err := t.compose.do(ctx, "stop", "temporal"); err != nil {
		return "", err
	}
	wait(ctx, 4*time.Second)
	if _, err := t.compose.do(ctx, "kill", "serve"); err != nil {
		return "", err
	}
	return "", t.compose.up(ctx)
}

// remember adds what the simulator has accepted to what it had before it was restarted.
func (t *test) remember(ctx context.Context) error {
	list, err := t.client.dialled(ctx)
	for _, d := range list {
		t.placed[d.CallID] = d
	}
	return err
}

// outcomes waits until every request is settled. One whose dialling was cut off before anybody can know whether the
// provider took it is told as UNKNOWN, and is not dialled again.
func (t *test) outcomes(ctx context.Context) (string, error) {
	count := map[string]int{}
	for reference := range t.traffic.requests {
		r, err := t.outcome(ctx, reference, 4*time.Minute)
		if err != nil {
			return "", fmt.Errorf("%s: %w: %+v", reference, err, r)
		}
		count[r.Outcome.Status]++
	}
	if count["COMPLETED"]+count["UNKNOWN"] != len(t.traffic.requests) {
		return "", fmt.Errorf("outcomes %v", count)
	}
	return fmt.Sprintf("%d requests: %v", len(t.traffic.requests), count), nil
}

// nothingLost asks for every call of which a notification was acknowledged.
func (t *test) nothingLost(ctx context.Context) (string, error) {
	dead, err := t.compose.do(ctx, "exec", "-T", "serve", "/usr/local/bin/aftercall", "inbox", "list", "--output", "json")
	if err != nil {
		return "", err
	}
	for key, status := range t.traffic.acked {
		err := eventually(ctx, 2*time.Minute, func() error {
			found, err := t.client.call(ctx, key, "1s")
			if err != nil {
				return err
			}
			if len(found.Legs) != 1 || found.Legs[0].Status != status {
				return fmt.Errorf("%s is known as %+v, not %s", key, found.Legs, status)
			}
			return nil
		})
		if err != nil && !strings.Contains(dead, key) {
			return "", err
		}
	}
	var letters struct{ DeadLetters []json.RawMessage }
	if err := json.Unmarshal([]byte(dead), &letters); err != nil {
		return "", fmt.Errorf("read dead letters: %w", err)
	}
	return fmt.Sprintf("%d notifications of %d calls, %d tries not answered 2xx, at most %.1f s until one was, %d dead letters",
		t.traffic.answers, len(t.traffic.acked), t.traffic.refused, t.traffic.worst.Seconds(), len(letters.DeadLetters)), nil
}

// nobodyTwice compares what the simulator accepted with what was asked for.
func (t *test) nobodyTwice(ctx context.Context) (string, error) {
	if err := t.remember(ctx); err != nil {
		return "", err
	}
	attempts, people := map[string]int{}, map[string]int{}
	for _, d := range t.placed {
		attempts[d.ReferenceID]++
		people[d.To]++
	}
	for reference, n := range attempts {
		if n > 1 {
			return "", fmt.Errorf("attempt %s was dialled %d times", reference, n)
		}
	}
	for to, n := range people {
		if allowed := map[bool]int{true: 2, false: 1}[strings.HasSuffix(to, "04")]; n > allowed {
			return "", fmt.Errorf("a number ending in %s was dialled %d times", to[len(to)-2:], n)
		}
	}
	return fmt.Sprintf("%d attempts to %d numbers", len(attempts), len(people)), nil
}

func (t *test) noNumbers(ctx context.Context) (string, error) {
	text, err := t.compose.logs(ctx)
	if err != nil {
		return "", err
	}
	if found := regexp.MustCompile(`9665\d{8}|96611000000\d`).FindString(text); found != "" {
		at := strings.Index(text, found)
		return "", fmt.Errorf("…%s…", text[max(0, at-120):min(len(text), at+60)])
	}
	return fmt.Sprintf("%d lines", strings.Count(text, "\n")), nil
}

func (t *test) down(ctx context.Context) (string, error) {
	if _, err := t.compose.do(ctx, "down", "-v"); err != nil {
		return "", err
	}
	left, err := t.compose.docker(ctx, "volume", "ls", "-q", "--filter", "label=com.docker.compose.project="+t.compose.project)
	if err == nil && strings.TrimSpace(left) != "" {
		err = fmt.Errorf("volumes %s", left)
	}
	return "", err
}
