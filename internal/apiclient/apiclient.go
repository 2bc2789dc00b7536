// Package apiclient talks to a running aftercall over HTTP, for the operator's commands. It knows the form of requests and
// errors, not their subject.
package apiclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/aftercall/aftercall/internal/certfile"
)

// maxAnswer is the largest answer that Do accepts.
const maxAnswer = 32 << 20

// errNotJSON means that another server than aftercall answered.
var errNotJSON = errors.New("the body is not JSON")

// Client sends requests to one aftercall.
type Client struct {
	base string
	key  string
	http *http.Client

	unauthorized string
}

// OnUnauthorized is the advice on a 401, in the words of the client's user.
func (c *Client) OnUnauthorized(advice string) { c.unauthorized = advice }

// New returns a client of the aftercall at base, like http://127.0.0.1:8080. Requests carry the API key, if it is not
// empty. It returns an error if base is no http or https URL.
func New(base, key string) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, errors.New("the address must be an http or https URL, like http://127.0.0.1:8080")
	}
	return &Client{base: strings.TrimSuffix(base, "/"), key: key, http: &http.Client{}}, nil
}

// TrustOnly lets the client talk only to a server that shows the first certificate of a PEM file, under any name: the
// server is on this machine, and the file is its own. It returns an error if the file holds no certificate.
func (c *Client) TrustOnly(certFile string) error {
	cfg, err := certfile.ClientTLS(certFile)
	if err != nil {
		return err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = cfg
	c.http.Transport = transport
	return nil
}

// Error is an error answer: RFC 9457, as far as the server fills it in.
type Error struct {
	Type         string       `json:"type"`
	Title        string       `json:"title"`
	Status       int          `json:"status"`
	Detail       string       `json:"detail"`
	DeadLetterID string       `json:"deadLetterId"`
	Errors       []FieldError `json:"errors"`
	Body         []byte       `json:"-"` // as it came
}

// FieldError names an invalid field and what is wrong with it.
type FieldError struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// Error returns what went wrong and what to do, and one line for every invalid field.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%d). %s", e.Title, e.Status, e.Detail)
	for _, f := range e.Errors {
		fmt.Fprintf(&b, "\n  %s %s", f.Field, f.Message)
	}
	return b.String()
}

// NotFound reports whether an error is an answer 404.
func NotFound(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusNotFound
}

// Passing reports whether a retry may succeed: the answer was incomplete, or a proxy or server was unavailable.
func Passing(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return !errors.Is(err, errNotJSON)
	}
	switch e.Status {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	default:
		return false
	}
}

// Do sends a request and returns the answer's JSON. It sends body as JSON unless it is nil. The error is an *Error, or says
// why there is no answer.
func (c *Client) Do(ctx context.Context, method, path string, body any) (json.RawMessage, error) {
	res, err := c.send(ctx, method, path, body)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	if !json.Valid(raw) {
		return nil, fmt.Errorf("%s answered %s, but %w; is this an aftercall server?", c.base, res.Status, errNotJSON)
	}
	return raw, nil
}

// Download copies the body of an answer to w. It returns the errors of Do and of w.
func (c *Client) Download(ctx context.Context, path string, w io.Writer) error {
	res, err := c.send(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if _, err := io.Copy(w, res.Body); err != nil {
		return fmt.Errorf("download: %w", err)
	}
	return nil
}

// send returns a successful answer. The caller closes its body.
func (c *Client) send(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("encode request: %w", err)
		}
		content = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, content)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	if c.key != "" {
		r.Header.Set("Authorization", "Bearer "+c.key)
	}
	if content != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(r)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err // the URL may name a call
		}
		return nil, fmt.Errorf("no answer from %s: %w", c.base, err)
	}
	if res.StatusCode < 300 {
		return res, nil
	}
	defer func() { _ = res.Body.Close() }()
	p := problem(res)
	if p.Status == http.StatusUnauthorized && c.unauthorized != "" {
		p.Detail = c.unauthorized
	}
	return nil, p
}

func problem(res *http.Response) *Error {
	e := &Error{}
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil || json.Unmarshal(raw, e) != nil || e.Title == "" {
		e = &Error{Title: http.StatusText(res.StatusCode), Status: res.StatusCode, Detail: "The answer is no error of aftercall; is the address right?"}
	}
	e.Body = raw
	return e
}
