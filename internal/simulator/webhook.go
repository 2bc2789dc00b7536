package simulator

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// Delivery is one try to deliver a notification to the webhook.
type Delivery struct {
	CallID  string    `json:"callId,omitempty"`
	CallSID string    `json:"callSid,omitempty"`
	Status  string    `json:"status"`
	At      time.Time `json:"at"`
	// Answer is the HTTP status of the webhook; 0 if it could not be reached.
	Answer int `json:"answer"`
	// Body is the posted body; the simulator's own list does not keep it.
	Body []byte `json:"-"`
}

// errNoWebhook means that no webhook is registered.
var errNoWebhook = errors.New("no webhook is registered")

func newNotifyClient(t *tls.Config) *http.Client {
	return &http.Client{
		Timeout:       10 * time.Second,
		Transport:     &http.Transport{MaxConnsPerHost: 128, MaxIdleConnsPerHost: 64, IdleConnTimeout: 30 * time.Second, TLSClientConfig: t},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// SetWebhook registers the destination of notifications, in place of the former one.
func (s *Simulator) SetWebhook(hook Webhook) error {
	if err := s.opts.checkWebhook(hook.URL); err != nil {
		return fmt.Errorf("register webhook: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.webhook = hook
	return nil
}

// Deliveries returns every try to deliver a notification, in order of completion.
func (s *Simulator) Deliveries() []Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.deliveries)
}

type webhookSettings struct {
	URL             string `json:"url"`
	BasicAuthNeeded bool   `json:"basicAuthNeeded"`
	Username        string `json:"username,omitempty"`
	Password        string `json:"password,omitempty"`
}

// showWebhook never shows the password. Before a registration all fields are empty.
func (s *Simulator) showWebhook(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	hook := s.webhook
	s.mu.Unlock()
	answer(w, http.StatusOK, webhookSettings{URL: hook.URL, BasicAuthNeeded: hook.Username != "", Username: hook.Username})
}

func (s *Simulator) registerWebhook(w http.ResponseWriter, r *http.Request) {
	var body webhookSettings
	if err := decode(w, r, &body); err != nil {
		refuseBody(w, []string{err.Error()})
		return
	}
	if body.BasicAuthNeeded && (body.Username == "" || body.Password == "") {
		refuseBody(w, []string{"username and password are required when basicAuthNeeded is true"})
		return
	}
	hook := Webhook{URL: body.URL}
	if body.BasicAuthNeeded {
		hook.Username, hook.Password = body.Username, body.Password
	}
	if err := s.SetWebhook(hook); err != nil {
		refuseBody(w, []string{err.Error()})
		return
	}
	w.WriteHeader(http.StatusCreated)
}

// notify posts a notification, and retries as often as the options allow until the response is 2xx.
func (s *Simulator) notify(n notification, copyNo int) {
	body, err := json.Marshal(n)
	if err != nil {
		s.log.Error("encode notification", "error", err)
		return
	}
	for try := 0; ; try++ {
		status, _, _, err := s.post(s.ctx, body, "application/json")
		s.record(n, body, status)
		if err == nil && status/100 == 2 {
			return
		}
		s.log.Warn("notification not taken", "callId", deref(n.CallID), "answer", status, "copy", copyNo, "try", try+1)
		if try >= s.opts.RetryNotifications || !pause(s.ctx, s.scaled(time.Second<<min(try, 10))) {
			return
		}
	}
}

func (s *Simulator) record(n notification, body []byte, status int) {
	made := Delivery{CallID: deref(n.CallID), CallSID: deref(n.CallSID), Status: n.Status, At: time.Now().UTC(), Answer: status}
	s.mu.Lock()
	s.deliveries = append(s.deliveries, made)
	s.mu.Unlock()
	if s.opts.OnDelivery != nil {
		made.Body = body
		s.opts.OnDelivery(made)
	}
}

// post sends any body to the registered webhook and returns status, content type and body of the response.
func (s *Simulator) post(ctx context.Context, body []byte, contentType string) (int, string, []byte, error) {
	s.mu.Lock()
	hook := s.webhook
	s.mu.Unlock()
	if hook.URL == "" {
		return 0, "", nil, errNoWebhook
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, hook.URL, bytes.NewReader(body))
	if err != nil {
		return 0, "", nil, fmt.Errorf("build notification: %w", err)
	}
	request.Header.Set("Content-Type", contentType)
	if hook.Username != "" {
		request.SetBasicAuth(hook.Username, hook.Password)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return 0, "", nil, fmt.Errorf("post notification: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil {
		return 0, "", nil, fmt.Errorf("read answer to notification: %w", err)
	}
	return response.StatusCode, response.Header.Get("Content-Type"), text, nil
}

func deref(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}
