package unifonic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

const (
	defaultTimeout = 10 * time.Second
	maxAnswer      = 4 << 20 // bytes of an answer that are read at most
)

// ClientOptions configure a Client.
type ClientOptions struct {
	BaseURL string // with the version, such as https://voice.unifonic.com/v1
	// AppsID and MaskingAppsID authenticate us as an application of the provider's console. Masking normally has its own;
	// AppsID is used if MaskingAppsID is empty. Requests without an AppsId fail with an error that says so.
	AppsID        string
	MaskingAppsID string
	Timeout       time.Duration     // of one request with its answer; 0 is 10 s
	Location      *time.Location    // of times without a zone; nil is UTC
	Statuses      StatusWords       // of the call log, besides the built-in ones
	UnknownStatus func(word string) // called with each unknown status of the call log; may be nil
	MaskPaths     MaskPaths         // an empty list means the default
}

// Client calls the provider's API. It makes each request once and follows no redirect: retries are up to the caller. Its
// errors contain no phone number and no AppsId. It is safe for concurrent use.
type Client struct {
	base          string
	appsID        string
	maskingAppsID string
	timeout       time.Duration
	location      *time.Location
	statuses      StatusWords
	unknown       func(word string)
	paths         MaskPaths
	once          *http.Client // for requests that must not be sent twice
	read          *http.Client // for requests that may
}

// NewClient checks the options and returns a client. It connects to nothing.
func NewClient(o ClientOptions) (*Client, error) {
	base, err := baseURL(o.BaseURL)
	if err != nil {
		return nil, err
	}
	for _, id := range []string{o.AppsID, o.MaskingAppsID} {
		if strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return nil, errors.New("the AppsId holds a character that an HTTP header cannot carry")
		}
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.MaskingAppsID == "" {
		o.MaskingAppsID = o.AppsID
	}
	if o.Location == nil {
		o.Location = time.UTC
	}
	return &Client{
		base: base, appsID: o.AppsID, maskingAppsID: o.MaskingAppsID, timeout: o.Timeout, location: o.Location,
		statuses: o.Statuses, unknown: o.UnknownStatus,
		paths: o.MaskPaths.withDefaults(),
		once:  &http.Client{Transport: onceTransport(), CheckRedirect: noRedirect},
		read:  &http.Client{Transport: transport(), CheckRedirect: noRedirect},
	}, nil
}

// Close closes idle connections.
func (c *Client) Close() { c.read.CloseIdleConnections() }

func baseURL(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", errors.New("the provider's base URL must be like https://voice.unifonic.com/v1")
	}
	return strings.TrimRight(u.String(), "/"), nil
}

func transport() *http.Transport {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSHandshakeTimeout: 5 * time.Second,
		IdleConnTimeout:     90 * time.Second,
		ForceAttemptHTTP2:   true,
	}
}

// onceTransport never sends a request twice. Go's transport repeats a request by itself only on a reused connection or,
// over HTTP/2, on a refused stream: here every request has a new HTTP/1.1 connection.
func onceTransport() *http.Transport {
	t := transport()
	t.DisableKeepAlives = true
	t.ForceAttemptHTTP2 = false
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP1(true)
	return t
}

// noRedirect returns a redirect as the answer: following it would repeat a POST or show the AppsId to another host.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// request is one request to the API.
type request struct {
	method string
	path   string // below the base URL, each part escaped
	query  url.Values
	body   any
	appsID string
	once   bool // it has an effect that must not happen twice
	// bothHeaders sends the AppsId under both names that the provider's pages give for the webhook endpoints
	// (the provider's reference, section 1.1).
	bothHeaders bool
	secret      string // hidden in errors, like the AppsId
}

// answer is the result of a request. Without a status, written says whether the provider may have read the request.
// With both a status and err, the body could not be read completely.
type answer struct {
	status  int
	header  http.Header
	body    []byte
	written bool
	err     error
	secret  string
}

func (a answer) ok() bool { return a.err == nil && a.status >= 200 && a.status < 300 }

// refused reports whether the path or the application was refused, so that another documented path may be tried.
func (a answer) refused() bool {
	return a.status == http.StatusForbidden || a.status == http.StatusNotFound
}

// errUnsendable is wrapped by errors of the request itself: it would fail again.
var errUnsendable = errors.New("request not sent")

// do makes a request. Every failure is in answer.err.
func (c *Client) do(ctx context.Context, r request) answer {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	var written atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		// Called before the first byte of the request can leave: headers are buffered, and without all of them the
		// provider has no request.
		WroteHeaders: func() { written.Store(true) },
	})
	req, err := c.newRequest(ctx, r)
	if err != nil {
		return answer{err: fmt.Errorf("%w: %w", errUnsendable, err)}
	}
	client := c.read
	if r.once {
		client = c.once
	}
	resp, err := client.Do(req)
	if err != nil {
		return answer{written: written.Load(), err: err, secret: r.secret}
	}
	defer func() { _ = resp.Body.Close() }()
	a := answer{status: resp.StatusCode, header: resp.Header, written: true, secret: r.secret}
	if a.status != http.StatusSwitchingProtocols { // its body is the connection, which no timeout would end
		a.body, a.err = readAll(resp.Body)
	}
	return a
}

func (c *Client) newRequest(ctx context.Context, r request) (*http.Request, error) {
	if r.appsID == "" {
		return nil, errors.New("no AppsId is configured for this application")
	}
	target := c.base + "/" + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	var body io.Reader
	if r.body != nil {
		b, err := encode(r.body)
		if err != nil {
			return nil, fmt.Errorf("encode body: %w", err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, body)
	if err != nil {
		return nil, errors.New("the request's path is not valid")
	}
	req.GetBody = nil // the transport could use it to send the body again
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header["AppsId"] = []string{r.appsID}
	if r.bothHeaders {
		req.Header["_AppsId"] = []string{r.appsID}
	}
	return req, nil
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

func readAll(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxAnswer+1))
	if err == nil && len(b) > maxAnswer {
		err = fmt.Errorf("answer is larger than %d bytes", maxAnswer)
	}
	return b, err
}

// transportReason says in a few words why there is no answer.
func transportReason(err error) string {
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return "request cancelled"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "timed out"
	case errors.As(err, &dns):
		return "host name cannot be resolved"
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	return err.Error()
}
