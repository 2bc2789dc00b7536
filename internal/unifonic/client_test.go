package unifonic_test

import (
	"bufio"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/unifonic"
)

const (
	appsID        = "calls-apps-id-0001"
	maskingAppsID = "masking-apps-id-0002"
)

func client(t testing.TB, base string) *unifonic.Client {
	t.Helper()
	c, err := unifonic.NewClient(unifonic.ClientOptions{
		BaseURL: base + "/v1", AppsID: appsID, MaskingAppsID: maskingAppsID, Timeout: time.Minute,
	})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func serve(t testing.TB, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// provider serves handle and returns a client for it.
func provider(t testing.TB, handle http.HandlerFunc) *unifonic.Client {
	t.Helper()
	return client(t, serve(t, handle))
}

// answers is a provider with the same answer to everything.
func answers(t testing.TB, status int, body string) *unifonic.Client {
	t.Helper()
	return provider(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

// rawProvider hands each connection, with the request read from it, to handle, and counts the requests.
func rawProvider(t testing.TB, handle func(net.Conn)) (base string, requests *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	requests = new(atomic.Int32)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				req, err := http.ReadRequest(bufio.NewReader(conn))
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, req.Body)
				requests.Add(1)
				handle(conn)
			}()
		}
	}()
	return "http://" + l.Addr().String(), requests
}

// golden compares the body of a request with the stored one.
func golden(t testing.TB, name string, body []byte) {
	t.Helper()
	want, err := os.ReadFile(filepath.Join("testdata", "requests", name))
	require.NoError(t, err)
	require.JSONEq(t, string(want), string(body))
}

func quietLog() *log.Logger { return log.New(io.Discard, "", 0) }

func TestNewClientRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	for _, base := range []string{
		"", "voice.unifonic.com/v1", "ftp://x/v1", "https://", "https://u:p@x/v1", "https://x/v1?a=b", "https://x/v1#f", "http://[::1", "/v1",
	} {
		_, err := unifonic.NewClient(unifonic.ClientOptions{BaseURL: base})
		require.Error(t, err, base)
	}
	for _, id := range []string{"a b", "a\r\nX: y", "é", "a\x00"} {
		_, err := unifonic.NewClient(unifonic.ClientOptions{BaseURL: "https://x/v1", AppsID: id})
		require.Error(t, err)
		require.NotContains(t, err.Error(), id)
		_, err = unifonic.NewClient(unifonic.ClientOptions{BaseURL: "https://x/v1", MaskingAppsID: id})
		require.Error(t, err)
	}
	_, err := unifonic.NewClient(unifonic.ClientOptions{BaseURL: "https://voice.unifonic.com/v1/"})
	require.NoError(t, err)
}

func TestEveryOperationNamesItsApplication(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	for _, tc := range []struct {
		name, method, path, app string
		both                    bool
		do                      func(*unifonic.Client)
	}{
		{"create call", "POST", "/v1/calls", appsID, false, func(c *unifonic.Client) { _, _ = c.CreateCall(ctx, unifonic.CreateCallRequest{}) }},
		{"call log", "GET", "/v1/providers/voice-call-log/a%2Fb", appsID, false, func(c *unifonic.Client) { _, _ = c.CallLog(ctx, "a/b") }},
		{"webhook", "GET", "/v1/providers/webhook", appsID, true, func(c *unifonic.Client) { _, _ = c.Webhook(ctx) }},
		{"webhook of masking", "GET", "/v1/providers/webhook", maskingAppsID, true, func(c *unifonic.Client) { _, _ = c.Webhook(ctx, unifonic.ForMasking()) }},
		{"set webhook", "POST", "/v1/providers/webhook", appsID, true, func(c *unifonic.Client) { _ = c.SetWebhook(ctx, unifonic.WebhookRequest{URL: "https://x"}) }},
		{"set webhook of masking", "POST", "/v1/providers/webhook", maskingAppsID, true, func(c *unifonic.Client) {
			_ = c.SetWebhook(ctx, unifonic.WebhookRequest{URL: "https://x"}, unifonic.ForMasking())
		}},
		{"create mask", "POST", "/v1/providers/masks", maskingAppsID, false, func(c *unifonic.Client) { _, _ = c.CreateMask(ctx, unifonic.CreateMaskRequest{}) }},
		{"masks", "GET", "/v1/providers/masks", maskingAppsID, false, func(c *unifonic.Client) { _, _ = c.Masks(ctx, unifonic.MaskFilter{}) }},
		{"delete mask", "DELETE", "/v1/providers/masks/m", maskingAppsID, false, func(c *unifonic.Client) { _ = c.DeleteMask(ctx, "m") }},
		{"mask recordings", "GET", "/v1/providers/masks/recording-urls/m", maskingAppsID, false, func(c *unifonic.Client) { _, _ = c.MaskRecordingURLs(ctx, "m") }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var seen http.Request
			tc.do(provider(t, func(w http.ResponseWriter, r *http.Request) {
				seen = *r
				w.WriteHeader(http.StatusInternalServerError)
			}))
			require.Equal(t, tc.method, seen.Method)
			require.Equal(t, tc.path, seen.URL.EscapedPath())
			require.Equal(t, []string{tc.app}, seen.Header.Values("AppsId"))
			require.Equal(t, "application/json", seen.Header.Get("Content-Type"))
			if tc.both {
				require.Equal(t, []string{tc.app}, seen.Header.Values("_AppsId"))
			} else {
				require.Empty(t, seen.Header.Values("_AppsId"))
			}
		})
	}
}

func TestMaskingUsesTheOnlyApplicationThereIs(t *testing.T) {
	t.Parallel()
	var seen string
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r.Header.Get("AppsId") }))
	t.Cleanup(s.Close)
	c, err := unifonic.NewClient(unifonic.ClientOptions{BaseURL: s.URL, AppsID: appsID})
	require.NoError(t, err)
	_, _ = c.Masks(t.Context(), unifonic.MaskFilter{})
	require.Equal(t, appsID, seen)
}

func TestWithoutAnAppsIDNothingIsSent(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") }))
	t.Cleanup(s.Close)
	c, err := unifonic.NewClient(unifonic.ClientOptions{BaseURL: s.URL})
	require.NoError(t, err)

	_, err = c.CreateCall(t.Context(), unifonic.CreateCallRequest{})
	var callErr *unifonic.CallError
	require.ErrorAs(t, err, &callErr)
	require.Equal(t, unifonic.VerdictNotPlaced, callErr.Verdict)
	require.True(t, callErr.Final)
	require.ErrorContains(t, err, "no AppsId is configured")

	_, err = c.CallLog(t.Context(), "c")
	var apiErr *unifonic.APIError
	require.ErrorAs(t, err, &apiErr)
	require.False(t, apiErr.Retryable)
}

func TestRedirectsAreNeverFollowed(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		var elsewhere atomic.Int32
		other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			elsewhere.Add(1)
			_, _ = io.WriteString(w, `{"callId":"c","recipients":[{}]}`)
		}))
		c := provider(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL, status)
		})
		_, err := c.CreateCall(t.Context(), unifonic.CreateCallRequest{})
		require.ErrorContains(t, err, "HTTP 3")
		_, err = c.CallLog(t.Context(), "c")
		require.ErrorContains(t, err, "HTTP 3")
		other.Close()
		require.Zero(t, elsewhere.Load(), "the AppsId was shown to another host")
	}
}

func TestErrorsShowNoSecretAndNoNumber(t *testing.T) {
	t.Parallel()
	const password = "correct horse"
	body := `{"message":"AppsId ` + appsID + ` or ` + maskingAppsID + ` may not call +966500000005 or 00966 50 000 0006, ` + password + `",
		"errors":["recipient 966500000007"]}`
	for _, status := range []int{200, 400, 403, 429, 500} {
		c := answers(t, status, body)
		_, createErr := c.CreateCall(t.Context(), unifonic.CreateCallRequest{To: "+966500000005", CallerID: "+966110000001"})
		_, maskErr := c.CreateMask(t.Context(), unifonic.CreateMaskRequest{To: "+966500000005"})
		_, logErr := c.CallLog(t.Context(), "c")
		_, listErr := c.Masks(t.Context(), unifonic.MaskFilter{})
		errs := []error{createErr, maskErr, logErr, listErr}
		if status != 200 {
			errs = append(errs, c.SetWebhook(t.Context(), unifonic.WebhookRequest{URL: "https://x", Username: "u", Password: password}))
			require.NotContains(t, errs[4].Error(), password)
		}
		for _, err := range errs {
			require.Error(t, err)
			require.NotContains(t, err.Error(), appsID)
			require.NotContains(t, err.Error(), maskingAppsID)
			require.NotRegexp(t, `[0-9]{7}|000 000`, err.Error())
			require.Less(t, len(err.Error()), 400)
		}
		if status != 200 {
			require.ErrorContains(t, createErr, "+9665•••••05", "an operator sees whom it was about")
			require.ErrorContains(t, createErr, "•••••07")
		}
	}
}

func TestMessagesOfAllErrorBodies(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ body, want string }{
		{`{"message":"bad","errors":"recipient"}`, "create call: HTTP 400: bad: recipient"},
		{`{"message":"bad","errors":["a",{"b":1}]}`, `create call: HTTP 400: bad: ["a",{"b":1}]`},
		{`{"message":"Missing Authentication Token"}`, "create call: HTTP 400: Missing Authentication Token"},
		{`{"message":null}`, `create call: HTTP 400: {"message":null}`},
		{`{"statusCode":400,"error":"x"}`, "create call: HTTP 400: x"},
		{`{"statusCode":400}`, `create call: HTTP 400: {"statusCode":400}`},
		{``, "create call: HTTP 400: bad request"},
		{`null`, "create call: HTTP 400: bad request"},
		{`"text"`, "create call: HTTP 400: text"},
		{"<html>\n<body>  Bad\tGateway</body>\x00</html>", "create call: HTTP 400: <html> <body> Bad Gateway</body></html>"},
		{"caf\xe9", "create call: HTTP 400: café"},
	} {
		_, err := answers(t, 400, tc.body).CreateCall(t.Context(), unifonic.CreateCallRequest{})
		require.EqualError(t, err, tc.want)
	}
}
