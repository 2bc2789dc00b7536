// Package callbacks posts callbacks as Standard Webhooks: signed, only to configured hosts, and to no private address
// unless that is allowed.
package callbacks

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/aftercall/aftercall/internal/guard"
	"github.com/aftercall/aftercall/internal/retryafter"
)

// Options configure where a Sender posts, and how.
type Options struct {
	Hosts        []string // exact "host" or "host:port"; none: nothing is posted
	AllowHTTP    bool     // plain http too
	AllowPrivate bool     // a name may lead to a private address
	Secrets      []string // whsec_…: all of them sign
	RootCAs      *x509.CertPool
	Resolver     *net.Resolver
	Timeout      time.Duration // of one post; default 15 s
}

const (
	defaultTimeout = 15 * time.Second
	postsPerHost   = 64      // under way at most, so that a slow host does not keep every worker busy
	mostRead       = 4 << 10 // bytes of an answer, which is discarded
)

// Sender posts callbacks. It uses no proxy and follows no redirect. It is safe for concurrent use.
type Sender struct {
	options Options
	guard   *guard.Guard
	client  *http.Client
	signers atomic.Pointer[[]*standardwebhooks.Webhook]

	mu   sync.Mutex
	busy map[string]int // posts under way, by host
}

// New makes a sender. The error names the invalid entry of the setting, but no secret.
func New(o Options) (*Sender, error) {
	g, err := guard.New(guard.Options{AllowedHosts: o.Hosts, AllowHTTP: o.AllowHTTP, AllowPrivate: o.AllowPrivate, Resolver: o.Resolver})
	if err != nil {
		return nil, err
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	s := &Sender{options: o, guard: g, busy: map[string]int{}}
	s.client = &http.Client{
		Timeout: o.Timeout,
		Transport: &http.Transport{
			Proxy:                  nil, // a proxy would connect for us, past the guard
			DialContext:            g.Dial,
			TLSClientConfig:        &tls.Config{RootCAs: o.RootCAs, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    10 * time.Second,
			DisableCompression:     true,
			MaxIdleConnsPerHost:    8,
			IdleConnTimeout:        30 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
			ForceAttemptHTTP2:      true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return s, s.SetSecrets(o.Secrets)
}

// ParseSecret returns an error unless a secret is valid: whsec_ and the base64 of 24 to 64 bytes.
func ParseSecret(secret string) error {
	text, ok := strings.CutPrefix(secret, "whsec_")
	key, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil || len(key) < 24 || len(key) > 64 {
		return errors.New("a secret must be whsec_ and the base64 of 24 to 64 bytes")
	}
	return nil
}

// SetSecrets replaces the secrets that sign.
func (s *Sender) SetSecrets(secrets []string) error {
	signers := make([]*standardwebhooks.Webhook, len(secrets))
	for i, secret := range secrets {
		if err := ParseSecret(secret); err != nil {
			return err
		}
		signer, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			return errors.New("a secret cannot be read") // the library's error could show it
		}
		signers[i] = signer
	}
	s.signers.Store(&signers)
	return nil
}

// Check says why a URL will not be posted to, in words for its requester; nil if it will.
func (s *Sender) Check(rawURL string) error {
	u, err := url.Parse(rawURL)
	switch {
	case len(s.options.Hosts) == 0:
		return errors.New("is not served: AFTERCALL_CALLBACK_HOSTS is not set")
	case len(*s.signers.Load()) == 0:
		return errors.New("is not served: AFTERCALL_CALLBACK_SECRETS is not set")
	case err != nil || u.Host == "" || u.Fragment != "":
		return errors.New("must be the URL that is posted to")
	}
	refused, ok := errors.AsType[*guard.Refusal](s.guard.CheckURL(u))
	if !ok {
		return nil
	}
	return map[string]error{
		guard.ReasonScheme:      errors.New("must be an https URL: AFTERCALL_CALLBACK_ALLOW_HTTP is not set"),
		guard.ReasonCredentials: errors.New("must not hold credentials: callbacks are signed"),
		guard.ReasonHost:        fmt.Errorf("leads to %s, which is not in AFTERCALL_CALLBACK_HOSTS", guard.Place(u)),
	}[refused.Reason]
}

// Message is one callback.
type Message struct {
	ID   string // header webhook-id
	Type string
	At   time.Time
	Data json.RawMessage
}

// Body is the body of a post.
type Body struct {
	Type      string          `json:"type"`      // outbound-outcome, call-outcome, recording or masking-closed
	Timestamp time.Time       `json:"timestamp"` // when aftercall heard of it; that of the post is in header webhook-timestamp
	Data      json.RawMessage `json:"data"`      // OutboundOutcome, Outcome, Recording or MaskingSummary
}

// Post posts a message and returns nil if the receiver accepted it, by any status from 200 to 299. Errors: *Failure, and
// the error of a cancelled context.
func (s *Sender) Post(ctx context.Context, rawURL string, m Message) error {
	u, err := url.Parse(rawURL)
	if err != nil || u.Host == "" {
		return &Failure{Reason: ReasonBadURL}
	}
	if err := s.guard.CheckURL(u); err != nil {
		return explain(ctx, err, u)
	}
	host := guard.Place(u)
	if !s.enter(host) {
		return &Failure{Reason: ReasonBusy, Host: host}
	}
	defer s.leave(host)
	req, err := s.request(ctx, u, m)
	if err != nil {
		return err
	}
	res, err := s.client.Do(req)
	if err != nil {
		return explain(ctx, err, u)
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.CopyN(io.Discard, res.Body, mostRead) // a connection is reused after its whole answer was read
	if res.StatusCode >= 200 && res.StatusCode < 300 {
		return nil
	}
	return &Failure{Reason: fmt.Sprintf(reasonStatus, res.StatusCode), Host: host, Status: res.StatusCode, RetryAfter: retryafter.Read(res.Header, time.Now())}
}

// request makes the signed request.
func (s *Sender) request(ctx context.Context, u *url.URL, m Message) (*http.Request, error) {
	signers := *s.signers.Load()
	if len(signers) == 0 {
		return nil, &Failure{Reason: ReasonNoSecret, Host: guard.Place(u)}
	}
	text, err := json.Marshal(Body{m.Type, m.At.UTC(), m.Data})
	if err != nil {
		return nil, fmt.Errorf("write callback: %w", err)
	}
	now := time.Now()
	signatures := make([]string, len(signers))
	for i, signer := range signers {
		if signatures[i], err = signer.Sign(m.ID, now, text); err != nil {
			return nil, fmt.Errorf("sign callback: %w", err)
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), strings.NewReader(string(text)))
	if err != nil {
		return nil, &Failure{Reason: ReasonBadURL}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "aftercall")
	req.Header.Set(standardwebhooks.HeaderWebhookID, m.ID)
	req.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	req.Header.Set(standardwebhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	return req, nil
}

// enter acquires one of the host's slots. It does not wait for one: a slow host would soon make every worker wait.
func (s *Sender) enter(host string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy[host] >= postsPerHost {
		return false
	}
	s.busy[host]++
	return true
}

func (s *Sender) leave(host string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy[host]--; s.busy[host] == 0 {
		delete(s.busy, host)
	}
}
