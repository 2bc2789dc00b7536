package listener_test

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/listener"
)

// patience is a test's time-out for operations of milliseconds.
const patience = 30 * time.Second

// site is the tests' handler: /ok needs credentials of the requested kind, everything else is 404.
type site struct {
	*listener.Listener
	release chan struct{}
}

func serve(t *testing.T, o listener.Options) *site {
	t.Helper()
	l, err := listener.Listen(t.Context(), "127.0.0.1:0", o)
	require.NoError(t, err)
	s := &site{Listener: l, release: make(chan struct{})}
	server := listener.NewServer(s, slog.New(slog.DiscardHandler))
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return s
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/webhook":
		listener.Authenticated(r.Context(), listener.Webhook)
	case "/api":
		listener.Authenticated(r.Context(), listener.API)
	case "/busy":
		listener.Authenticated(r.Context(), listener.API)
		leave, ok := listener.EnterAPI(r.Context())
		if !ok {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		defer leave()
		<-s.release
	case "/slow":
		listener.Authenticated(r.Context(), listener.Webhook)
		<-s.release
	}
}

// dial opens a connection and sends the given bytes.
func (s *site) dial(t *testing.T, text string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", s.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	_, err = io.WriteString(c, text)
	require.NoError(t, err)
	return c
}

func request(path string) string { return "GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n" }

// ask sends a request on a connection and returns the status.
func ask(c net.Conn, path string) (int, error) {
	if _, err := io.WriteString(c, request(path)); err != nil {
		return 0, err
	}
	return status(c)
}

func status(c net.Conn) (int, error) {
	_ = c.SetReadDeadline(time.Now().Add(patience))
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, err
	}
	return res.StatusCode, res.Body.Close()
}

// open reports whether the server has kept a connection.
func open(c net.Conn) bool {
	_ = c.SetReadDeadline(time.Now().Add(250 * time.Millisecond))
	_, err := c.Read(make([]byte, 1))
	return err != nil && strings.Contains(err.Error(), "timeout")
}

func (s *site) eventually(t *testing.T, want func(listener.Stats) bool) {
	t.Helper()
	require.Eventually(t, func() bool { return want(s.Stats()) }, patience, time.Millisecond)
}

// anybody trusts every address as a proxy: all are exempt from the share of an address.
var anybody = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

func TestOldestThatNeverAuthenticatedMakesRoom(t *testing.T) {
	t.Parallel()
	s := serve(t, listener.Options{Max: 8, Trusted: anybody})
	known := s.dial(t, "")
	_, err := ask(known, "/webhook")
	require.NoError(t, err)
	var silent []net.Conn
	for range 20 {
		silent = append(silent, s.dial(t, ""))
	}
	s.eventually(t, func(st listener.Stats) bool { return st.Closed.Full == 13 && st.Anonymous == 7 })
	require.Error(t, s.Full())
	require.False(t, open(silent[0]), "the oldest is closed")
	require.True(t, open(silent[19]), "the newest is kept")
	code, err := ask(known, "/webhook")
	require.NoError(t, err, "who authenticated is kept")
	require.Equal(t, http.StatusOK, code)
	code, err = ask(s.dial(t, ""), "/webhook")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, code)
}

func TestAddressHasAQuarter(t *testing.T) {
	t.Parallel()
	s := serve(t, listener.Options{Max: 16})
	first := s.dial(t, "")
	s.eventually(t, func(st listener.Stats) bool { return st.Anonymous == 1 })
	for range 40 {
		s.dial(t, "")
	}
	s.eventually(t, func(st listener.Stats) bool { return st.Closed.Address+st.Closed.Full == 37 && st.Anonymous == 4 })
	require.NoError(t, s.Full(), "one address cannot fill it")
	require.False(t, open(first))
	for range 8 { // authenticated connections do not count
		code, err := ask(s.dial(t, ""), "/webhook")
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, code)
	}
	require.Equal(t, 8, s.Stats().Webhook)
}

func TestAPIHasAHalf(t *testing.T) {
	t.Parallel()
	s := serve(t, listener.Options{Max: 8})
	for i := range 4 {
		s.dial(t, request("/busy"))
		s.eventually(t, func(st listener.Stats) bool { return st.Busy == i+1 })
	}
	require.Error(t, s.Full())
	code, err := ask(s.dial(t, ""), "/busy")
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, code)
	code, err = ask(s.dial(t, ""), "/webhook")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, code)
	close(s.release)
	s.eventually(t, func(st listener.Stats) bool { return st.Busy == 0 })
}

func TestIdleMakesRoomWhenAllHaveAuthenticated(t *testing.T) {
	t.Parallel()
	s := serve(t, listener.Options{Max: 4, Trusted: anybody})
	var idle []net.Conn
	for _, path := range []string{"/webhook", "/api", "/api", "/webhook"} {
		c := s.dial(t, "")
		_, err := ask(c, path)
		require.NoError(t, err)
		idle = append(idle, c)
	}
	code, err := ask(s.dial(t, ""), "/webhook")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, code)
	require.False(t, open(idle[1]), "of the API the one that was idle longest")
	for _, i := range []int{0, 2, 3} {
		require.True(t, open(idle[i]), "connection %d", i)
	}
}

func TestNewOneWaitsWhileAllAreBusy(t *testing.T) {
	t.Parallel()
	s := serve(t, listener.Options{Max: 2, Trusted: anybody})
	var busy []net.Conn
	for i := range 2 {
		busy = append(busy, s.dial(t, request("/slow")))
		s.eventually(t, func(st listener.Stats) bool { return st.Webhook == i+1 })
	}
	late := s.dial(t, request("/webhook"))
	require.True(t, open(late))
	close(s.release)
	for _, c := range append(busy, late) {
		code, err := status(c)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, code)
	}
}

func TestCloseEndsAWaitForRoom(t *testing.T) {
	t.Parallel()
	s := serve(t, listener.Options{Max: 1, Trusted: anybody})
	defer close(s.release)
	s.dial(t, request("/slow"))
	s.eventually(t, func(st listener.Stats) bool { return st.Webhook == 1 })
	late := s.dial(t, "")
	require.NoError(t, s.Close())
	require.Eventually(t, func() bool { return !open(late) }, patience, time.Millisecond)
	require.NoError(t, s.Close(), "a server closes its listener once more")
}

// TestFloodLeavesRoom opens connections as fast as it can while requests with credentials come.
func TestFloodLeavesRoom(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]listener.Options{"one address": {}, "many addresses": {Trusted: anybody}} {
		t.Run(name, func(t *testing.T) { flood(t, serve(t, o)) })
	}
}

func flood(t *testing.T, s *site) {
	var others sync.WaitGroup
	stop := make(chan struct{})
	others.Go(func() {
		var held []net.Conn
		for {
			select {
			case <-stop:
				for _, c := range held {
					_ = c.Close()
				}
				return
			default:
			}
			if c, err := net.Dial("tcp", s.Addr().String()); err == nil {
				held = append(held, c)
			}
			if len(held) > 2000 {
				_ = held[0].Close()
				held = held[1:]
			}
		}
	})
	defer others.Wait()
	defer close(stop)
	for range 10 {
		c := s.dial(t, request("/webhook"))
		code, err := status(c)
		require.NoError(t, err, "none is lost")
		require.Equal(t, http.StatusOK, code)
	}
	held := s.Stats()
	require.LessOrEqual(t, held.Anonymous+held.API+held.Webhook, held.Max)
}

func TestServerLimits(t *testing.T) {
	t.Parallel()
	server := listener.NewServer(http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	require.Equal(t, 5*time.Second, server.ReadHeaderTimeout)
	require.Equal(t, 10*time.Second, server.ReadTimeout)
	require.Equal(t, 15*time.Second, server.WriteTimeout)
	require.Equal(t, 3*time.Minute, server.IdleTimeout, "longer than proxies keep idle connections")
	require.Equal(t, 16<<10, server.MaxHeaderBytes)
	_, err := listener.Listen(t.Context(), "nowhere", listener.Options{})
	require.Error(t, err)
}
