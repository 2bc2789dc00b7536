package unifonic_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/unifonic"
)

func TestCreateCallSendsTheDocumentedBodies(t *testing.T) {
	t.Parallel()
	expiry := time.Date(2026, 9, 21, 12, 13, 16, 0, time.FixedZone("", 3*60*60))
	base := unifonic.CreateCallRequest{To: "+966500000001", CallerID: "+966110000001", ReferenceID: "order-1001-a1"}
	with := func(change func(*unifonic.CreateCallRequest)) unifonic.CreateCallRequest {
		r := base
		change(&r)
		return r
	}
	for _, tc := range []struct {
		golden string
		r      unifonic.CreateCallRequest
	}{
		{"call-ivr.json", with(func(r *unifonic.CreateCallRequest) {
			r.Type = unifonic.TypeIVR
			r.IVR = json.RawMessage(`{"say":"Press 1 & confirm","language":"english","voice":"female","loop":"3","digitsLimit":"1","responseUrl":"https://answers.example.com/t?a=1&b=2"}`)
			r.CallRecording, r.Expiry, r.SecondaryCallerID = true, &expiry, "+966110000002"
		})},
		{"call-ivr-array.json", with(func(r *unifonic.CreateCallRequest) {
			r.Type = unifonic.TypeIVR
			r.IVR = json.RawMessage(`[{"say":"one","language":"arabic","voice":"male"},{"pause":"2"},{"play":"b7a1"}]`)
		})},
		{"call-tts.json", with(func(r *unifonic.CreateCallRequest) {
			r.Type, r.TTS = unifonic.TypeTTS, &unifonic.TTS{Language: "english", Voice: "female", Text: "Your order is ready."}
		})},
		{"call-otp.json", with(func(r *unifonic.CreateCallRequest) {
			r.Type, r.OTP = unifonic.TypeOTP, &unifonic.OTP{Language: "english", Code: "1111", Loop: "2"}
		})},
		{"call-audio.json", with(func(r *unifonic.CreateCallRequest) {
			r.Type, r.AudioID = unifonic.TypeAudioURL, "0d5e2a52-7d0a-4d55-9a57-0f6f2f6a1d01"
		})},
	} {
		t.Run(tc.golden, func(t *testing.T) {
			t.Parallel()
			var body []byte
			c := provider(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ = io.ReadAll(r.Body)
				w.WriteHeader(http.StatusCreated)
				_, _ = io.WriteString(w, `{"status":"Request has been sent.","callId":"1c9ebf6a"}`)
			})
			created, err := c.CreateCall(t.Context(), tc.r)
			require.NoError(t, err)
			require.Equal(t, unifonic.CreatedCall{CallID: "1c9ebf6a"}, created)
			golden(t, tc.golden, body)
		})
	}
}

func TestCreateCallReadsAcceptancesTolerantly(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"callId":"c","status":"Request has been sent.","referenceId":"r"}`: "c",
		`{"callId":" c "}`:                  "c",
		`{"callId":42}`:                     "42",
		`{"data":{"callId":"c"}}`:           "c",
		`{"callId":"c","data":{}}`:          "c",
		"\xef\xbb\xbf{\"callId\":\"c\"}\n":  "c",
		`{"callId":"c","callId":"d"}`:       "c",
		`{"callId":"c","conferenceId":"x"}`: "c",
	} {
		created, err := answers(t, 200, body).CreateCall(t.Context(), unifonic.CreateCallRequest{})
		require.NoError(t, err, body)
		require.Equal(t, want, created.CallID)
	}
	for _, body := range []string{
		``, `null`, `[]`, `"c"`, `{}`, `{"callId":null}`, `{"callId":""}`, `{"CallId":"c"}`, `{"callid":"c"}`, `{"callId":"c"`,
		`{"callId":"c"}x`, `<html>`, `{"statusCode":400,"message":"bad"}`, "\x1f\x8b",
	} {
		_, err := answers(t, 200, body).CreateCall(t.Context(), unifonic.CreateCallRequest{})
		callErr := requireCallError(t, err)
		require.Equal(t, unifonic.VerdictUnknown, callErr.Verdict, body)
		require.False(t, callErr.Final)
		require.ErrorContains(t, err, "accepted, but the answer")
	}
}

// TestCreateCallVerdictOfEveryStatus pins the verdict on each HTTP status: a wrong "not placed" rings a
// person twice.
func TestCreateCallVerdictOfEveryStatus(t *testing.T) {
	t.Parallel()
	var status atomic.Int32
	base, requests := rawProvider(t, func(conn net.Conn) {
		body := `{"message":"no"}`
		if s := status.Load(); s == 204 || s == 304 || s < 200 {
			body = ""
		}
		_, _ = fmt.Fprintf(conn, "HTTP/1.1 %d Status\r\nContent-Length: %d\r\n\r\n%s", status.Load(), len(body), body)
	})
	c := client(t, base)
	for s := 100; s <= 599; s++ {
		status.Store(int32(s))
		before := requests.Load()
		_, err := c.CreateCall(t.Context(), unifonic.CreateCallRequest{})
		callErr := requireCallError(t, err)
		require.Equal(t, before+1, requests.Load(), "status %d: posted more than once", s)
		wantVerdict, wantFinal, wantRefusal := unifonic.VerdictUnknown, false, unifonic.Refusal("")
		switch s {
		case 400:
			wantVerdict, wantFinal = unifonic.VerdictNotPlaced, true
		case 403:
			wantVerdict, wantFinal, wantRefusal = unifonic.VerdictNotPlaced, true, unifonic.RefusalCredentials
		case 401:
			wantVerdict, wantRefusal = unifonic.VerdictNotPlaced, unifonic.RefusalCredentials
		case 301, 302, 303, 307, 308, 404, 405:
			wantVerdict, wantRefusal = unifonic.VerdictNotPlaced, unifonic.RefusalAddress
		case 429:
			wantVerdict = unifonic.VerdictNotPlaced
		}
		require.Equal(t, wantRefusal, callErr.Refusal, "status %d", s)
		require.Equal(t, wantVerdict, callErr.Verdict, "status %d", s)
		require.Equal(t, wantFinal, callErr.Final, "status %d", s)
		if s >= 200 || s == 101 {
			require.Equal(t, s, callErr.StatusCode)
		} else {
			require.Zero(t, callErr.StatusCode, "status %d is no answer", s)
		}
	}
}

func TestCreateCallIsPlacedByEveryStatusOfSuccessThatNamesTheCall(t *testing.T) {
	t.Parallel()
	for s := 200; s <= 299; s++ {
		if s == 204 || s == 205 {
			continue // without a body by definition
		}
		created, err := answers(t, s, `{"callId":"c"}`).CreateCall(t.Context(), unifonic.CreateCallRequest{})
		require.NoError(t, err, "status %d", s)
		require.Equal(t, "c", created.CallID)
	}
}

func TestCreateCallSaysHowLongToWait(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]time.Duration{
		"": 0, "1": time.Second, "120": 2 * time.Minute, "0": 0, "-5": 0, "1.5": 1500 * time.Millisecond, "soon": 0, "NaN": 0,
		"99999999999999999999": 10 * time.Minute, "Inf": 10 * time.Minute, "Mon, 02 Jan 2006 15:04:05 GMT": 0,
	} {
		c := provider(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", header)
			w.WriteHeader(http.StatusTooManyRequests)
		})
		_, err := c.CreateCall(t.Context(), unifonic.CreateCallRequest{})
		require.Equal(t, want, requireCallError(t, err).RetryAfter, "%q", header)
	}
	c := provider(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", time.Now().Add(time.Minute).UTC().Format(http.TimeFormat))
		w.WriteHeader(http.StatusTooManyRequests)
	})
	_, err := c.CreateCall(t.Context(), unifonic.CreateCallRequest{})
	require.InDelta(t, time.Minute, requireCallError(t, err).RetryAfter, float64(5*time.Second))
}

// TestCreateCallVerdictOfEveryTransportFailure: not placed only if the provider cannot have read a request.
func TestCreateCallVerdictOfEveryTransportFailure(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name     string
		handle   func(net.Conn)
		says     string
		status   int
		requests int32
	}{
		{"closed after the request", func(net.Conn) {}, "EOF", 0, 1},
		{"reset after the request", func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }, "", 0, 1},
		{"silence", func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }, "timed out", 0, 1},
		{"cut in the status line", writes("HTTP/1.1 20"), "", 0, 1},
		{"cut in the headers", writes("HTTP/1.1 201 Created\r\nContent-Length"), "connection broken", 0, 1},
		{"no HTTP", writes("+966500000005 is not HTTP\r\n\r\n"), "malformed HTTP", 0, 1},
		{"cut in the body", writes("HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{\"callId\":\"c\"}"), "EOF", 201, 1},
		{"cut in a chunked body", writes("HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"cal"), "EOF", 201, 1},
		{"silence in the body", func(c net.Conn) {
			writes("HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{")(c)
			_, _ = io.Copy(io.Discard, c)
		}, "timed out", 201, 1},
		{"upgrade that never ends", func(c net.Conn) {
			writes("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")(c)
			_, _ = io.Copy(io.Discard, c)
		}, "HTTP 101", 101, 1},
		{"not JSON", writes("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>"), "cannot be read", 200, 1},
		{"endless body", func(c net.Conn) {
			writes("HTTP/1.1 200 OK\r\n\r\n{")(c)
			chunk := []byte(strings.Repeat(" ", 1<<16))
			for {
				if _, err := c.Write(chunk); err != nil {
					return
				}
			}
		}, "larger than", 200, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			base, requests := rawProvider(t, tc.handle)
			c := patient(t, base, tc.says)
			_, err := c.CreateCall(t.Context(), unifonic.CreateCallRequest{})
			callErr := requireCallError(t, err)
			require.Equal(t, unifonic.VerdictUnknown, callErr.Verdict)
			require.False(t, callErr.Final)
			require.Equal(t, tc.status, callErr.StatusCode)
			require.ErrorContains(t, err, tc.says)
			require.NotContains(t, err.Error(), "966500000005")
			require.Equal(t, tc.requests, requests.Load(), "posted more than once")
		})
	}
}

// patient returns a client that waits longer than any machine is slow, unless the test is about timeouts.
func patient(t testing.TB, base, says string) *unifonic.Client {
	t.Helper()
	timeout := time.Minute
	if says == "timed out" {
		timeout = 2 * time.Second
	}
	c, err := unifonic.NewClient(unifonic.ClientOptions{BaseURL: base, AppsID: appsID, Timeout: timeout})
	require.NoError(t, err)
	return c
}

func writes(s string) func(net.Conn) {
	return func(c net.Conn) { _, _ = io.WriteString(c, s) }
}

func TestCreateCallIsNotPlacedWhenNothingWasWritten(t *testing.T) {
	t.Parallel()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	untrusted := httptest.NewUnstartedServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = quietLog()
	untrusted.StartTLS()
	t.Cleanup(untrusted.Close)
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = mute.Close() })
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, gone.Close())

	for _, tc := range []struct {
		name, base, says string
		ctx              context.Context
		dial             func(context.Context, string, string) (net.Conn, error)
		final            bool
		refusal          unifonic.Refusal
		r                unifonic.CreateCallRequest
	}{
		{name: "connection refused", base: "http://" + gone.Addr().String(), says: "refused"},
		{name: "name does not resolve", base: "https://voice.example.com", says: "cannot be resolved",
			dial: func(context.Context, string, string) (net.Conn, error) {
				return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "voice.example.com", IsNotFound: true}}
			}},
		{name: "no route", base: "https://voice.example.com", says: "no route",
			dial: func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no route to host") }},
		{name: "dial hangs", base: "https://voice.example.com", says: "timed out",
			dial: func(ctx context.Context, _, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }},
		{name: "certificate not trusted", base: untrusted.URL, says: "certificate", refusal: unifonic.RefusalTrust},
		{name: "server speaks no TLS", base: strings.Replace(plain.URL, "http:", "https:", 1), says: "HTTP response to HTTPS", refusal: unifonic.RefusalTrust},
		{name: "TLS handshake hangs", base: "https://" + mute.Addr().String(), says: "timed out"},
		{name: "cancelled before", base: plain.URL, says: "cancelled", ctx: cancelled},
		{name: "request cannot be encoded", base: plain.URL, says: "not sent", final: true,
			r: unifonic.CreateCallRequest{IVR: json.RawMessage(`{`)}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := patient(t, tc.base, tc.says)
			if tc.dial != nil {
				c.SetDial(tc.dial)
			}
			ctx := tc.ctx
			if ctx == nil {
				ctx = t.Context()
			}
			_, err := c.CreateCall(ctx, tc.r)
			callErr := requireCallError(t, err)
			require.Equal(t, unifonic.VerdictNotPlaced, callErr.Verdict)
			require.Equal(t, tc.final, callErr.Final)
			require.Equal(t, tc.refusal, callErr.Refusal)
			require.Zero(t, callErr.StatusCode)
			require.ErrorContains(t, err, tc.says)
		})
	}
}

func TestCreateCallCancelledAfterTheRequestIsUnknown(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	base, _ := rawProvider(t, func(c net.Conn) {
		cancel()
		_, _ = io.Copy(io.Discard, c)
	})
	_, err := client(t, base).CreateCall(ctx, unifonic.CreateCallRequest{})
	require.Equal(t, unifonic.VerdictUnknown, requireCallError(t, err).Verdict)
	require.ErrorIs(t, err, context.Canceled)
}

// TestCreateCallIsNeverReplayed closes connections at the moments when Go's transport would send a request again
// by itself.
func TestCreateCallIsNeverReplayed(t *testing.T) {
	t.Parallel()
	var posts atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if posts.Add(1)%2 == 0 {
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(w, `{"callId":"c"}`)
	}))
	t.Cleanup(s.Close)
	c := client(t, s.URL)
	for i := range 20 {
		_, err := c.CreateCall(t.Context(), unifonic.CreateCallRequest{})
		require.Equal(t, i%2 == 0, err == nil)
		require.EqualValues(t, i+1, posts.Load())
	}
}

func requireCallError(t testing.TB, err error) *unifonic.CallError {
	t.Helper()
	var callErr *unifonic.CallError
	require.ErrorAs(t, err, &callErr)
	return callErr
}
