package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

// test is one run on one deployment.
type test struct {
	report   *report
	from     string         // a release that runs before, on the same volumes; "" for none
	only     *regexp.Regexp // names of the checks to run, beside those that others need
	compose  *compose
	client   *client
	traffic  *traffic
	recorded string             // a call with a stored recording
	sum      string             // of that recording
	placed   map[string]dialled // by call id, all that the simulator has ever accepted
}

func newTest(ctx context.Context, root string) (*test, error) {
	c, at, err := newCompose(ctx, root)
	if err != nil {
		return nil, err
	}
	api, err := newClient(c.dir, at)
	if err != nil {
		return nil, err
	}
	return &test{report: &report{began: time.Now()}, compose: c, client: api, traffic: newTraffic(api), placed: map[string]dialled{}}, nil
}

// all runs every check, in an order in which each finds its preconditions.
func (t *test) all(ctx context.Context) {
	t.compose.removeAll() // left by an earlier run
	always := func(name string, fn func(context.Context) (string, error)) bool {
		return t.report.check(name, func() (string, error) { return fn(ctx) })
	}
	check := func(name string, fn func(context.Context) (string, error)) {
		if t.only.MatchString(name) {
			always(name, fn)
		}
	}
	if !always("images are built", t.build) {
		return
	}
	check("a project from before there were keys starts unchanged", t.upgrade)
	if !always("docker compose --profile demo up -d --wait", t.start) {
		return
	}
	check("containers are hardened, only the webhook is published beyond loopback", t.hardened)
	check("the webhook's listener serves nothing else", t.webhookAlone)
	check("a wrong or missing secret stops the service with one clear line", t.secrets)
	check("the Temporal UI answers", t.temporalUI)
	check("docker compose run --rm cli doctor", t.doctor)
	always("a call that fails is completed through the secondary caller ID", t.failsOver)
	always("a recording is kept and served", t.keepsRecording)
	check("the provider's samples are taken, and their repetition recognised", t.samples)
	check("what Temporal keeps of a call is sealed", t.sealed)
	check("what the inbox keeps is sealed", t.inboxSealed)

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
	always("nobody was dialled twice", t.nobodyTwice)
	check("every dial is claimed in the ledger's volume", t.claimed)
	check("no phone number in any log", t.noNumbers)
	check("the volumes are backed up and restored as docs/deploy.md says", t.restore)
	t.highlyAvailable(ctx, check)
	check("docker compose down -v leaves nothing", t.down)
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

// playsRecording compares the bytes that the API serves with the reported sum.
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
