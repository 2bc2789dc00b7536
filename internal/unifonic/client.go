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
	maxAnswer      = 4 << 20 // bytes of an answer that are read
)

// ClientOptions configure a Client.
type ClientOptions struct {
	BaseURL string // with the version, such as https://voice.unifonic.com/v1
	// AppsID and MaskingAppsID authenticate us as an application of the provider's console; masking normally has one of
	// its own, and uses AppsID where MaskingAppsID is empty. Without one, what needs it fails and says so.
	AppsID        string
	MaskingAppsID string
	Timeout       time.Duration     // of one request with its answer; 0 is 10 s
	Location      *time.Location    // of times that name no zone; nil is UTC
	Statuses      StatusWords       // of the call log, beside those that are built in
	UnknownStatus func(word string) // called with each status of the call log that is none of those known; may be nil
	MaskPaths     MaskPaths         // a list that is empty means the default
}

// Client talks to the provider's API. It makes each request once and follows no redirect: whether to try again is the
// caller's business. Its errors name no phone number and no AppsId. It is safe for concurrent use.
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

// Close lets go of idle connections.
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

// onceTransport never sends a request twice. Go's transport repeats a request by itself only on a connection that was
// used before, or, over HTTP/2, on a stream that was refused: here every request has a new HTTP/1.1 connection.
func onceTransport() *http.Transport {
	t := transport()
	t.DisableKeepAlives = true
	t.ForceAttemptHTTP2 = false
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP1(true)
	return t
}

// noRedirect hands out a redirect as the answer: followed, it would repeat a POST or show the AppsId to another host.
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
	secret      string // what no error may show, besides the AppsId
}

// answer is what came of a request. Without a status, written says whether the provider may have read the request.
// With both a status and err, the body could not be read whole.
type answer struct {
	status  int
	header  http.Header
	body    []byte
	written bool
	err     error
	secret  string
}

func (a answer) ok() bool { return a.err == nil && a.status >= 200 && a.status < 300 }

// refused reports that the path or the application was refused, so that another documented path may be tried.
func (a answer) refused() bool {
	return a.status == http.StatusForbidden || a.status == http.StatusNotFound
}

// errUnsendable is wrapped by what is wrong with a request itself: it would fail again.
var errUnsendable = errors.New("request not sent")

// do makes a request. It never fails otherwise than by answer.err.
func (c *Client) do(ctx context.Context, r request) answer {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	var written atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		// Called before the first byte of the request can leave: headers go through a buffer, and without all of them
		// the provider has no request.
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
	if a.status != http.StatusSwitchingProtocols { // its body is the connection, which no time-out would end
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

// transportReason says in a few words why no answer came.
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
