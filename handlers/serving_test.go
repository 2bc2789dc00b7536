package handlers_test

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/listener"
)

// serve serves the system on a socket.
func (s *system) serve(t *testing.T, o listener.Options) *listener.Listener {
	t.Helper()
	l, err := listener.Listen(t.Context(), "127.0.0.1:0", o)
	require.NoError(t, err)
	server := listener.NewServer(s.engine, slog.New(slog.DiscardHandler))
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { s.stop(); _ = server.Close() })
	return l
}

// open sends n requests, each on a connection of its own, and leaves their answers alone.
func open(t *testing.T, l net.Listener, n int, request string) []net.Conn {
	t.Helper()
	var all []net.Conn
	for range n {
		c, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		_, err = io.WriteString(c, request)
		require.NoError(t, err)
		all = append(all, c)
	}
	return all
}

// requireTaken sends a notification on a new connection.
func requireTaken(t *testing.T, l net.Listener, callID string) {
	t.Helper()
	body := fmt.Sprintf(`{"callId":%q,"status":"COMPLETED"}`, callID)
	began := time.Now()
	c := open(t, l, 1, "POST /webhooks/unifonic HTTP/1.1\r\nHost: a\r\nAuthorization: Basic "+base64.StdEncoding.EncodeToString([]byte("old:one"))+
		"\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\n\r\n"+body)[0]
	require.NoError(t, c.SetReadDeadline(began.Add(time.Minute)))
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.NoError(t, res.Body.Close())
	require.Less(t, time.Since(began), 20*time.Second, "it takes milliseconds, but for a machine that is busy")
}

// few are connections enough to show what a thousand do.
var few = listener.Options{Max: 64}

func TestNotificationsAreTakenAmongAnonymousConnections(t *testing.T) {
	t.Parallel()
	for name, request := range map[string]string{
		"silent":         "",
		"slow headers":   "GET /docs HTTP/1.1\r\nHost: a\r\n",
		"kept alive":     "GET /docs HTTP/1.1\r\nHost: a\r\n\r\n",
		"no such route":  "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n",
		"no credentials": "GET /v1/calls/a?wait=45s HTTP/1.1\r\nHost: a\r\n\r\n",
		"slow bodies":    "POST /webhooks/unifonic HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n{",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t)
			l := s.serve(t, few)
			open(t, l, 3*few.Max, request)
			requireTaken(t, l, "c1")
			held := l.Stats()
			require.LessOrEqual(t, held.Anonymous+held.API+held.Webhook, held.Max)
			open(t, l, few.Max, request)
			requireTaken(t, l, "c2")
		})
	}
}

func TestWithoutCredentialsNoConnectionIsKept(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	l := s.serve(t, few)
	for request, status := range map[string]int{
		"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n":                                            404,
		"GET /v1/calls/a HTTP/1.1\r\nHost: a\r\n\r\n":                                         401,
		"PUT /docs HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n":                          405,
		"POST /webhooks/unifonic HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}":          401,
		"GET /v1/calls/a HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + apiKey + "\r\n\r\n": 404,
	} {
		c := open(t, l, 1, request)[0]
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		require.NoError(t, err, request)
		require.NoError(t, res.Body.Close())
		require.Equal(t, status, res.StatusCode, request)
		right := status == 404 && len(request) > 60
		require.Equal(t, !right, res.Close, request)
	}
}

func TestLongPollsLeaveHalfToTheWebhook(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	l := s.serve(t, few)
	polls := open(t, l, few.Max, "GET /v1/calls/unheard?wait=45s HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer "+apiKey+"\r\n\r\n")
	require.Eventually(t, func() bool { return l.Stats().Busy == few.Max/2 }, 30*time.Second, time.Millisecond)
	requireTaken(t, l, "c1")
	answers := make(chan *http.Response, len(polls))
	for _, c := range polls {
		go func() {
			if res, err := http.ReadResponse(bufio.NewReader(c), nil); err == nil { // else it waits until the test is over
				answers <- res
			}
		}()
	}
	for range few.Max / 2 {
		res := <-answers
		require.Equal(t, http.StatusServiceUnavailable, res.StatusCode)
		require.NotEmpty(t, res.Header.Get("Retry-After"))
		require.True(t, res.Close)
		require.NoError(t, res.Body.Close())
	}
	require.Equal(t, few.Max/2, l.Stats().Busy, "the others wait")
	require.Empty(t, answers)
}
