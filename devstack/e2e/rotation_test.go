package e2e

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/devstack/stack"
	"github.com/aftercall/aftercall/internal/app"
	"github.com/aftercall/aftercall/internal/config"
	"github.com/aftercall/aftercall/internal/keys"
	"github.com/aftercall/aftercall/internal/simulator"
	"github.com/aftercall/aftercall/internal/temporalclient"
)

// half is serve or worker, started on its own, with settings that can be reloaded.
type half struct {
	s    *stack.Stack
	role app.Role
	keys *keys.Ring // nil: those of cfg
	mu   sync.Mutex
	cfg  config.Config
	app  *app.App
}

func (h *half) start(t *testing.T) {
	t.Helper()
	var err error
	h.app, err = app.Start(t.Context(), app.Options{
		Config: h.cfg, Temporal: client.Options{HostPort: h.s.TemporalAddress(), Namespace: h.s.TemporalNamespace()},
		Log: slog.New(slog.DiscardHandler), Keys: h.keys,
		Reload: func() (config.Config, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			return h.cfg, nil
		},
	}, h.role)
	require.NoError(t, err)
}

// change changes the settings and reloads them.
func (h *half) change(t *testing.T, edit func(*config.Config)) {
	t.Helper()
	h.mu.Lock()
	edit(&h.cfg)
	h.mu.Unlock()
	require.NoError(t, h.app.Reload())
}

func (h *half) restart(t *testing.T, ring *keys.Ring) {
	t.Helper()
	require.NoError(t, h.app.Stop())
	h.keys = ring
	h.start(t)
}

// halves stops a stack's aftercall and starts it again as two.
func halves(t *testing.T, s *stack.Stack, ring *keys.Ring) (serve, worker *half) {
	t.Helper()
	require.NoError(t, s.StopApp())
	serve = &half{s: s, role: app.Serve, keys: ring, cfg: s.Config()}
	worker = &half{s: s, role: app.Worker, keys: ring, cfg: s.Config()}
	worker.cfg.AdminAddr, worker.cfg.CodecAddr = "127.0.0.1:0", ""
	for _, h := range []*half{serve, worker} {
		h.start(t)
		t.Cleanup(func() { require.NoError(t, h.app.Stop()) })
	}
	return serve, worker
}

// load posts notifications and places calls until it is stopped, with the current credentials. If nobody listens it
// retries, as a provider or a balancer does. It records every other refusal.
type load struct {
	base string

	mu             sync.Mutex
	user, password string
	key            string
	refused        []string
	calls, placed  []string
}

func (l *load) use(user, password, key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.user, l.password, l.key = user, password, key
}

func (l *load) run(ctx context.Context) {
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	var all sync.WaitGroup
	defer all.Wait()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		all.Go(func() {
			if n%8 == 0 {
				ref := newID("rotation")
				body := fmt.Sprintf(`{"referenceId":%q,"to":"+966577600100","callerId":%q,"type":"tts","tts":{"text":"x"}}`, ref, callerID)
				if l.post("/v1/outbound-calls", []byte(body)) {
					l.note(&l.placed, ref)
				}
				return
			}
			id := newID("rotation")
			if l.post("/webhooks/unifonic", notification(id, nil)) {
				l.note(&l.calls, id)
			}
		})
	}
}

func (l *load) note(list *[]string, id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	*list = append(*list, id)
}

// post reports whether a request was accepted. It is not interrupted with the load: every request gets its response.
func (l *load) post(path string, body []byte) bool {
	for end := time.Now().Add(30 * time.Second); ; {
		req, err := http.NewRequest(http.MethodPost, l.base+path, bytes.NewReader(body))
		if err != nil {
			l.note(&l.refused, err.Error())
			return false
		}
		l.mu.Lock()
		if strings.HasPrefix(path, "/webhooks/") {
			req.SetBasicAuth(l.user, l.password)
		} else {
			req.Header.Set("Authorization", "Bearer "+l.key)
		}
		l.mu.Unlock()
		res, err := http.DefaultClient.Do(req)
		if err != nil && time.Now().Before(end) { // serve is starting again
			<-time.After(10 * time.Millisecond)
			continue
		}
		if err != nil {
			l.note(&l.refused, err.Error())
			return false
		}
		_ = res.Body.Close()
		if res.StatusCode >= http.StatusBadRequest {
			l.note(&l.refused, path+" "+res.Status)
			return false
		}
		return true
	}
}

// under runs steps under load, some time apart, and checks that nothing was refused, lost or unreadable.
func (l *load) under(t *testing.T, s *stack.Stack, steps ...func()) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		l.run(ctx)
	}()
	for _, step := range append(steps, func() {}) {
		before := l.taken()
		require.Eventually(t, func() bool { return l.taken() >= before+20 }, time.Minute, 10*time.Millisecond, "requests go on being taken")
		step()
	}
	stop()
	<-ended
	require.Empty(t, l.refused)
	require.NotEmpty(t, l.placed)
	for _, id := range l.calls {
		require.Equal(t, calls.StatusCompleted, awaitFinal(t, s, id).Outcome.Status)
	}
	for _, ref := range l.placed {
		require.Equal(t, calls.StatusCompleted, awaitOutcome(t, s, ref).Outcome.Status)
	}
	requireNoTaskFailed(t, s)
}

func (l *load) taken() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.calls) + len(l.placed)
}

// requireNoTaskFailed requires that no worker has failed to read something.
func requireNoTaskFailed(t *testing.T, s *stack.Stack) {
	t.Helper()
	var token []byte
	for {
		page, err := s.Temporal().ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Namespace: s.TemporalNamespace(), PageSize: 100, NextPageToken: token})
		require.NoError(t, err)
		for _, e := range page.GetExecutions() {
			for _, event := range events(t, s, e.GetExecution().GetWorkflowId()) {
				failed := event.GetWorkflowTaskFailedEventAttributes()
				message := failed.GetFailure().GetMessage()
				// A worker that ends returns its tasks, and one whose machine stands still for a second repeats them: no fault.
				if failed.GetCause() == enumspb.WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE && !strings.Contains(message, "TMPRL1101") {
					t.Errorf("%s: %s", e.GetExecution().GetWorkflowId(), message)
				}
			}
		}
		if token = page.GetNextPageToken(); len(token) == 0 {
			return
		}
	}
}

// TestRotation changes the credentials of the webhook, the key of the API and the encryption key under load.
func TestRotation(t *testing.T) {
	first, _ := keyText(t)
	second, _ := keyText(t)
	s := start(t, func(o *stack.Options) { o.Config.EncryptionKeys, o.Config.HashKey = first.Encryption, first.Hash })
	serve, worker := halves(t, s, nil)
	old := s.Credentials()
	l := &load{base: s.URL()}
	l.use(old.WebhookUser, old.WebhookPassword, old.APIKey)
	const user, password, apiKey = "unifonic", "another-password-0123456789", "another-key-of-the-api-0123456789"
	both := []string{first.Encryption[0], second.Encryption[0]}
	turned := []string{second.Encryption[0], first.Encryption[0]}
	encrypt := func(list []string) func(*config.Config) {
		return func(c *config.Config) { c.EncryptionKeys = list }
	}
	l.under(t, s,
		func() {
			serve.change(t, func(c *config.Config) {
				c.WebhookCredentials = append([]string{user + ":" + password}, c.WebhookCredentials...)
				c.APIKeys = append(c.APIKeys, "new:"+apiKey)
			})
		},
		func() {
			l.use(user, password, apiKey)
			require.NoError(t, s.Simulator().SetWebhook(simulator.Webhook{URL: s.WebhookURL(), Username: user, Password: password}))
		},
		func() { worker.change(t, encrypt(both)) },
		func() { serve.change(t, encrypt(both)) },
		func() { serve.change(t, encrypt(turned)) },
		func() { worker.change(t, encrypt(turned)) },
	)
	serve.change(t, func(c *config.Config) { c.WebhookCredentials = c.WebhookCredentials[:1] })
	require.Equal(t, http.StatusUnauthorized, notify(t, s, notification(newID("old"), nil)), "the old one is gone")

	oldID, _, _ := strings.Cut(first.Encryption[0], ":")
	newID, _, _ := strings.Cut(second.Encryption[0], ":")
	status, err := app.KeysOf(worker.cfg)
	require.NoError(t, err)
	target := client.Options{HostPort: s.TemporalAddress(), Namespace: s.TemporalNamespace()}
	status.CountHeld(t.Context(), target, func(context.Context) (map[string]int, error) { return map[string]int{newID: 1}, nil })
	require.Empty(t, status.Uncounted)
	require.Equal(t, newID, status.Encrypts)
	require.Positive(t, status.Held[oldID].Running)
	require.Positive(t, status.Held[newID].Running)
	require.False(t, status.Unneeded(oldID), "it still holds calls")
}

// TestRollingStartOfEncryption: serve gets keys before worker, or worker before serve, under load. Nothing is encrypted
// while a worker runs that could not read it.
func TestRollingStartOfEncryption(t *testing.T) {
	for name, serveFirst := range map[string]bool{"serve first": true, "worker first": false} {
		t.Run(name, func(t *testing.T) {
			_, ring := keyText(t)
			s := start(t, func(o *stack.Options) {
				o.Keys = &keys.Ring{}
				o.Simulator.RetryNotifications = 5 // one that comes while serve starts again is no loss
			})
			serve, worker := halves(t, s, &keys.Ring{})
			l := &load{base: s.URL()}
			c := s.Credentials()
			l.use(c.WebhookUser, c.WebhookPassword, c.APIKey)
			steps := []func(){func() { serve.restart(t, ring) }, func() { worker.restart(t, ring) }}
			if !serveFirst {
				steps[0], steps[1] = steps[1], steps[0]
			}
			l.under(t, s, steps...)
			uses, err := temporalclient.CountKeys(t.Context(), s.Temporal(), s.TemporalNamespace())
			require.NoError(t, err)
			require.Empty(t, uses, "the gate opens 5 minutes after the last worker without keys")
		})
	}
}

// TestNewFormsStartOnceTheLastOldWorkerIsGone measures, under load, how long after the end of the last worker without keys
// payloads are encrypted. Nothing is refused, lost or unreadable meanwhile. Temporal remembers a worker for 5 minutes after
// its last poll. The wait is necessary: a poll in progress may be a minute old, and one of a busy worker older.
func TestNewFormsStartOnceTheLastOldWorkerIsGone(t *testing.T) {
	remembered, err := time.ParseDuration(os.Getenv("AFTERCALL_E2E_GATE"))
	if err != nil {
		t.Skip("SKIPPED, IT IS MEASURED ON DEMAND: AFTERCALL_E2E_GATE=5m is how long Temporal remembers a worker")
	}
	_, ring := keyText(t)
	s := start(t, func(o *stack.Options) {
		o.Keys = &keys.Ring{}
		o.Temporal.DynamicConfig = map[string]any{"matching.PollerHistoryTTL": remembered}
		o.Simulator.RetryNotifications = 5
	})
	serve, worker := halves(t, s, &keys.Ring{})
	l := &load{base: s.URL()}
	c := s.Credentials()
	l.use(c.WebhookUser, c.WebhookPassword, c.APIKey)
	sealed := func() bool {
		var gate temporalclient.Gate
		_, err := gate.Try(t.Context(), s.Temporal(), s.TemporalNamespace())
		return err == nil && gate.Open()
	}
	var gone time.Time
	l.under(t, s,
		func() { worker.restart(t, ring); gone = time.Now() },
		func() { serve.restart(t, ring) },
		func() {
			require.Eventually(t, sealed, remembered+30*time.Second, 100*time.Millisecond)
			forgotten := time.Since(gone)
			for end := time.Now().Add(time.Minute); ; {
				id := newID("sealed")
				require.Equal(t, http.StatusOK, notify(t, s, notification(id, nil)))
				if encrypted(t, s, calls.CallWorkflowID(id)) {
					break
				}
				require.True(t, time.Now().Before(end), "the gate stays closed")
			}
			t.Logf("the last old worker was forgotten %.1f s after it had ended, and payloads were encrypted %.1f s after it",
				forgotten.Seconds(), time.Since(gone).Seconds())
		},
	)
}

// encrypted reports whether the first event of a workflow exists and has an encrypted payload.
func encrypted(t *testing.T, s *stack.Stack, id string) bool {
	t.Helper()
	awaitWorkflow(t, s, id)
	for _, p := range events(t, s, id)[0].GetWorkflowExecutionStartedEventAttributes().GetInput().GetPayloads() {
		if temporalclient.Encrypted(p) {
			return true
		}
	}
	return false
}
