package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// client talks to the published ports, with the deployment's own credentials.
type client struct {
	at             endpoints
	key            string
	user, password string
	http           *http.Client
}

func newClient(root string, at endpoints) (*client, error) {
	_, key, err := pair(root, "api_keys")
	if err != nil {
		return nil, err
	}
	user, password, err := pair(root, "webhook_credentials")
	if err != nil {
		return nil, err
	}
	// Connections are not kept: those to a restarted container are dead.
	return &client{at, key, user, password, &http.Client{Timeout: 90 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}}, nil
}

// pair reads name:value from the first line of a secret.
func pair(root, secret string) (name, value string, err error) {
	text, err := os.ReadFile(filepath.Join(root, "secrets", secret))
	if err != nil {
		return "", "", fmt.Errorf("%w: run scripts/make-secrets", err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	name, value, _ = strings.Cut(line, ":")
	return name, value, nil
}

// send returns the status and body of a response. body is nil, raw bytes, or a value to send as JSON.
func (c *client) send(ctx context.Context, method, url string, body any, auth func(*http.Request)) (int, []byte, error) {
	var content io.Reader
	switch b := body.(type) {
	case nil:
	case []byte:
		content = bytes.NewReader(b)
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			return 0, nil, err
		}
		content = bytes.NewReader(raw)
	}
	r, err := http.NewRequestWithContext(ctx, method, url, content)
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	if auth != nil {
		auth(r)
	}
	res, err := c.http.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	return res.StatusCode, answer, err
}

func (c *client) api(ctx context.Context, method, path string, body any) (int, []byte, error) {
	return c.send(ctx, method, c.at.api+path, body, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+c.key) })
}

// get reads JSON from the API into v.
func (c *client) get(ctx context.Context, path string, v any) error {
	status, answer, err := c.api(ctx, http.MethodGet, path, nil)
	switch {
	case err != nil:
		return err
	case status != http.StatusOK:
		return fmt.Errorf("GET %s: %d %s", path, status, answer)
	}
	return json.Unmarshal(answer, v)
}

// notify posts a notification as the provider does and returns the call key in the response.
func (c *client) notify(ctx context.Context, body []byte) (key, result string, err error) {
	status, answer, err := c.send(ctx, http.MethodPost, c.at.webhook+"/webhooks/unifonic", body, func(r *http.Request) { r.SetBasicAuth(c.user, c.password) })
	if err != nil {
		return "", "", err
	}
	if status != http.StatusOK {
		return "", "", fmt.Errorf("webhook: %d %s", status, answer)
	}
	var accepted struct{ Status, CallKey string }
	err = json.Unmarshal(answer, &accepted)
	return accepted.CallKey, accepted.Status, err
}

// call is the API's view of a call.
type call struct {
	Final   bool
	Outcome *struct{ Status string }
	Legs    []struct{ Status string }
}

func (c *client) call(ctx context.Context, key, wait string) (call, error) {
	var found call
	err := c.get(ctx, "/v1/calls/"+key+"?wait="+wait, &found)
	return found, err
}

// request is the API's view of an outbound call request.
type request struct {
	State    string
	Attempts []struct{ ReferenceID, CallerID, CallID, Status string }
	Outcome  *struct{ Status, CallID string }
}

// place requests a call to a number.
func (c *client) place(ctx context.Context, reference, to string) error {
	status, answer, err := c.api(ctx, http.MethodPost, "/v1/outbound-calls", map[string]any{
		"referenceId": reference, "to": to, "callerId": "+966110000001", "secondaryCallerId": "+966110000002",
		"type": "tts", "tts": map[string]string{"language": "english", "voice": "female", "text": "Your order is ready."},
		"failover": map[string]any{"delay": "1s"},
	})
	if err == nil && status != http.StatusAccepted && status != http.StatusOK {
		err = fmt.Errorf("place: %d %s", status, answer)
	}
	return err
}

func (c *client) request(ctx context.Context, reference, wait string) (request, error) {
	var found request
	err := c.get(ctx, "/v1/outbound-calls/"+reference+"?wait="+wait, &found)
	return found, err
}

// dialled is one call that the simulator accepted.
type dialled struct{ ReferenceID, To, CallID string }

func (c *client) dialled(ctx context.Context) ([]dialled, error) {
	status, answer, err := c.send(ctx, http.MethodGet, c.at.simulator+"/simulator/calls", nil, nil)
	if err != nil || status != http.StatusOK {
		return nil, fmt.Errorf("simulator: %s", answered(status, err))
	}
	var list []dialled
	return list, json.Unmarshal(answer, &list)
}

// answered describes an unexpected response.
func answered(status int, err error) string {
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("status %d", status)
}
