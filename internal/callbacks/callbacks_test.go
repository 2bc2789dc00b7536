package callbacks_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/aftercall/aftercall/internal/callbacks"
	"github.com/aftercall/aftercall/internal/guard"
)

func secret(fill string) string {
	return "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(fill, 32)))
}

var message = callbacks.Message{
	ID: "msg_1", Type: "call-outcome", At: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC), Data: json.RawMessage(`{"callKey":"c1","status":"COMPLETED"}`),
}

// receiver answers posts, and counts them.
func receiver(t *testing.T, answer http.HandlerFunc) (url string, asked *atomic.Int64) {
	t.Helper()
	asked = &atomic.Int64{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL + "/hook?token=secret", asked
}

func hostOf(url string) string {
	host, _, _ := strings.Cut(strings.TrimPrefix(url, "http://"), "/")
	return host
}

func sender(t *testing.T, o callbacks.Options) *callbacks.Sender {
	t.Helper()
	if o.Secrets == nil {
		o.Secrets = []string{secret("a")}
	}
	s, err := callbacks.New(o)
	require.NoError(t, err)
	return s
}

func post(t *testing.T, url string) error {
	t.Helper()
	return sender(t, callbacks.Options{Hosts: []string{hostOf(url)}, AllowHTTP: true}).Post(t.Context(), url, message)
}

func requireFailure(t *testing.T, err error, reason string) *callbacks.Failure {
	t.Helper()
	f, ok := errors.AsType[*callbacks.Failure](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, reason, f.Reason)
	require.NotContains(t, err.Error(), "token", "the URL may hold a secret")
	return f
}

// TestSignatureIsThatOfTheStandard: the public library verifies it with each current secret.
func TestSignatureIsThatOfTheStandard(t *testing.T) {
	t.Parallel()
	var header http.Header
	var body []byte
	url, _ := receiver(t, func(_ http.ResponseWriter, r *http.Request) {
		header = r.Header
		body, _ = io.ReadAll(r.Body)
	})
	s := sender(t, callbacks.Options{Hosts: []string{hostOf(url)}, AllowHTTP: true, Secrets: []string{secret("a"), secret("b")}})
	verified := func(by string) bool {
		w, err := standardwebhooks.NewWebhook(by)
		require.NoError(t, err)
		return w.Verify(body, header) == nil
	}
	require.NoError(t, s.Post(t.Context(), url, message))
	require.True(t, verified(secret("a")))
	require.True(t, verified(secret("b")))
	require.False(t, verified(secret("c")))
	require.JSONEq(t, `{"type":"call-outcome","timestamp":"2026-03-04T05:06:07Z","data":{"callKey":"c1","status":"COMPLETED"}}`, string(body))
	require.Equal(t, "application/json", header.Get("Content-Type"))
	require.Equal(t, "msg_1", header.Get("webhook-id"))

	require.NoError(t, s.SetSecrets([]string{secret("c")}))
	require.NoError(t, s.Post(t.Context(), url, message))
	require.False(t, verified(secret("a")), "what was taken out of force signs no more")
	require.True(t, verified(secret("c")))
	require.Error(t, s.SetSecrets([]string{"nonsense"}))
	require.NoError(t, s.Post(t.Context(), url, message))
	require.True(t, verified(secret("c")), "a secret that is none changes nothing")
}

func TestAnswersThatAreNoYes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		header http.Header
		gone   bool
		after  time.Duration
	}{
		"bad request":  {status: 400},
		"unauthorized": {status: 401},
		"not found":    {status: 404},
		"gone":         {status: 410, gone: true},
		"too many":     {status: 429, header: http.Header{"Retry-After": {"7"}}, after: 7 * time.Second},
		"away":         {status: 503},
		"redirect":     {status: 302, header: http.Header{"Location": {"http://127.0.0.1:1/"}}},
		"permanent":    {status: 308, header: http.Header{"Location": {"/elsewhere"}}},
	} {
		t.Run(name, func(t *testing.T) {
			url, asked := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
				maps.Copy(w.Header(), c.header)
				w.WriteHeader(c.status)
			})
			f := requireFailure(t, post(t, url), "status-"+strconv.Itoa(c.status))
			require.Equal(t, c.status, f.Status)
			require.Equal(t, c.gone, f.Gone())
			require.Equal(t, c.after, f.RetryAfter)
			require.EqualValues(t, 1, asked.Load(), "no redirect is followed")
		})
	}
}

func TestEveryTwoHundredIsAYes(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 201, 202, 204} {
		url, _ := receiver(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		require.NoError(t, post(t, url))
	}
}

func TestSlowReceiverIsNotWaitedForForLong(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	url, _ := receiver(t, func(http.ResponseWriter, *http.Request) { <-hold })
	defer close(hold)
	s := sender(t, callbacks.Options{Hosts: []string{hostOf(url)}, AllowHTTP: true, Timeout: 50 * time.Millisecond})
	requireFailure(t, s.Post(t.Context(), url, message), callbacks.ReasonTimeout)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.Post(ctx, url, message), context.Canceled)
}

// TestHugeAnswerIsNotRead: an endless answer neither fills the memory nor blocks the worker.
func TestHugeAnswerIsNotRead(t *testing.T) {
	t.Parallel()
	var wrote atomic.Int64
	url, _ := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			n, err := w.Write(make([]byte, 64<<10))
			if err != nil {
				return
			}
			wrote.Add(int64(n))
		}
	})
	require.NoError(t, post(t, url))
	require.Less(t, wrote.Load(), int64(64<<20))
}

func TestWhomNobodyPostsTo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		allowed []string
		url     string
		reason  string
	}{
		"another host":      {[]string{"shop.example.com"}, "https://other.example.com/hook", guard.ReasonHost},
		"another port":      {[]string{"shop.example.com"}, "https://shop.example.com:8443/hook", guard.ReasonHost},
		"plain http":        {[]string{"shop.example.com"}, "http://shop.example.com/hook", guard.ReasonScheme},
		"credentials":       {[]string{"shop.example.com"}, "https://user:password@shop.example.com/hook", guard.ReasonCredentials},
		"a literal":         {[]string{"10.1.2.3"}, "https://10.1.2.3/hook", guard.ReasonAddress},
		"where clouds tell": {[]string{"169.254.169.254"}, "https://169.254.169.254/hook", guard.ReasonAddress},
		"this machine":      {[]string{"localhost"}, "https://localhost/hook", guard.ReasonAddress},
		"no URL":            {[]string{"shop.example.com"}, "://", callbacks.ReasonBadURL},
	} {
		t.Run(name, func(t *testing.T) {
			requireFailure(t, sender(t, callbacks.Options{Hosts: c.allowed}).Post(t.Context(), c.url, message), c.reason)
		})
	}
}

// TestNameThatLeadsToAPrivateAddressIsRefused, unless allowed; never to the addresses of cloud credentials.
func TestNameThatLeadsToAPrivateAddressIsRefused(t *testing.T) {
	t.Parallel()
	url, asked := receiver(t, func(http.ResponseWriter, *http.Request) {})
	_, port, err := net.SplitHostPort(hostOf(url))
	require.NoError(t, err)
	byName := "http://shop.example.com:" + port + "/hook"
	o := callbacks.Options{Hosts: []string{"shop.example.com:" + port}, AllowHTTP: true, Resolver: names(t, [4]byte{127, 0, 0, 1})}
	requireFailure(t, sender(t, o).Post(t.Context(), byName, message), guard.ReasonAddress)
	require.Zero(t, asked.Load())
	o.AllowPrivate = true
	require.NoError(t, sender(t, o).Post(t.Context(), byName, message))
	require.EqualValues(t, 1, asked.Load())
	o.Resolver = names(t, [4]byte{169, 254, 169, 254})
	requireFailure(t, sender(t, o).Post(t.Context(), byName, message), guard.ReasonAddress)
}

// names returns a resolver that gives every name one address.
func names(t *testing.T, address [4]byte) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		for buf := make([]byte, 512); ; {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			m.Response = true
			m.Additionals = nil
			if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
				m.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1}, Body: &dnsmessage.AResource{A: address},
				}}
			}
			if out, err := m.Pack(); err == nil {
				_, _ = conn.WriteTo(out, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func TestURLIsCheckedWhenItIsAskedFor(t *testing.T) {
	t.Parallel()
	for url, says := range map[string]string{
		"https://shop.example.com/hook?token=1":   "",
		"https://other.example.com/hook":          "AFTERCALL_CALLBACK_HOSTS",
		"http://shop.example.com/hook":            "AFTERCALL_CALLBACK_ALLOW_HTTP",
		"https://user:pass@shop.example.com/hook": "credentials",
		"/hook":                               "must be the URL",
		"https://shop.example.com/hook#there": "must be the URL",
	} {
		err := sender(t, callbacks.Options{Hosts: []string{"shop.example.com"}}).Check(url)
		if says == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, says, url)
	}
	require.ErrorContains(t, sender(t, callbacks.Options{}).Check("https://shop.example.com"), "AFTERCALL_CALLBACK_HOSTS is not set")
	none, err := callbacks.New(callbacks.Options{Hosts: []string{"shop.example.com"}})
	require.NoError(t, err)
	require.ErrorContains(t, none.Check("https://shop.example.com"), "AFTERCALL_CALLBACK_SECRETS is not set")
	requireFailure(t, none.Post(t.Context(), "https://shop.example.com", message), callbacks.ReasonNoSecret)
}

func TestNoMoreThanSoManyPostsAreUnderWayWithAHost(t *testing.T) {
	t.Parallel()
	hold, arrived := make(chan struct{}), make(chan struct{}, 100)
	url, _ := receiver(t, func(http.ResponseWriter, *http.Request) { arrived <- struct{}{}; <-hold })
	s := sender(t, callbacks.Options{Hosts: []string{hostOf(url)}, AllowHTTP: true})
	ended := make(chan error, 64)
	for range 64 {
		go func() { ended <- s.Post(t.Context(), url, message) }()
	}
	for range 64 {
		<-arrived
	}
	requireFailure(t, s.Post(t.Context(), url, message), callbacks.ReasonBusy)
	close(hold)
	for range 64 {
		require.NoError(t, <-ended)
	}
	require.NoError(t, s.Post(t.Context(), url, message))
}
