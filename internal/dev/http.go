package dev

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// Answer is the response to an HTTP request.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Decode decodes a JSON response.
func (a Answer) Decode(into any) error {
	if err := json.Unmarshal(a.Body, into); err != nil {
		return fmt.Errorf("decode answer %d: %w", a.Status, err)
	}
	return nil
}

// Notify posts a body to the webhook with the provider's credentials.
func (s *Stack) Notify(ctx context.Context, body []byte) (Answer, error) {
	c := s.Credentials()
	return s.do(ctx, http.MethodPost, s.WebhookURL(), bytes.NewReader(body), func(r *http.Request) {
		r.SetBasicAuth(c.WebhookUser, c.WebhookPassword)
	})
}

// Ask sends a request to the API, e.g. "GET", "/v1/calls/1". body is sent as JSON; nil sends none.
func (s *Stack) Ask(ctx context.Context, method, path string, body any) (Answer, error) {
	var text io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return Answer{}, fmt.Errorf("encode request: %w", err)
		}
		text = bytes.NewReader(encoded)
	}
	return s.do(ctx, method, s.URL()+path, text, func(r *http.Request) {
		r.Header.Set("Authorization", "Bearer "+s.Credentials().APIKey)
	})
}

func (s *Stack) do(ctx context.Context, method, url string, body io.Reader, prepare func(*http.Request)) (Answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return Answer{}, err
	}
	request.Header.Set("Content-Type", "application/json")
	prepare(request)
	response, err := s.http.Do(request)
	if err != nil {
		return Answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return Answer{}, fmt.Errorf("read answer: %w", err)
	}
	return Answer{Status: response.StatusCode, Header: response.Header, Body: text}, nil
}
