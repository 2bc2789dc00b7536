package listener_test

import (
	"bufio"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/certfile/certtest"
	"github.com/aftercall/aftercall/internal/listener"
)

// served serves HTTP at a free port, over the listener that wrap returns, and returns a connection to it.
func served(t *testing.T, edit func(*http.Server), wrap func(net.Listener) net.Listener) net.Conn {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := listener.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }),
		slog.New(slog.DiscardHandler))
	edit(server)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(wrap(l))
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-ended
	})
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", l.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	return conn
}

func TestF22AbusedHeadersAreRefused(t *testing.T) {
	t.Parallel()
	const head = "POST /webhooks/unifonic HTTP/1.1\r\nHost: a\r\n"
	for name, tc := range map[string]struct {
		headers string
		status  int
	}{
		"none":                      {"Content-Length: 0", http.StatusNoContent},
		"too many bytes":            {"X: " + strings.Repeat("x", 24<<10), http.StatusRequestHeaderFieldsTooLarge},
		"two lengths":               {"Content-Length: 1\r\nContent-Length: 2", http.StatusBadRequest},
		"a name with a space":       {"A B: c", http.StatusBadRequest},
		"a line that is no header":  {"nothing", http.StatusBadRequest},
		"an encoding nobody speaks": {"Transfer-Encoding: gzip", http.StatusNotImplemented},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := served(t, func(*http.Server) {}, func(l net.Listener) net.Listener { return l })
			go func() { _, _ = conn.Write([]byte(head + tc.headers + "\r\n\r\n")) }() // the server may not read all of it
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			require.NoError(t, err)
			require.NoError(t, res.Body.Close())
			require.Equal(t, tc.status, res.StatusCode)
		})
	}
}

// TestF23AClientThatStopsInTheHandshakeIsClosed: the time for a request's head bounds the handshake before it too.
func TestF23AClientThatStopsInTheHandshakeIsClosed(t *testing.T) {
	t.Parallel()
	certificate := certtest.New("127.0.0.1")
	conn := served(t, func(s *http.Server) {
		require.Positive(t, s.ReadHeaderTimeout)
		s.ReadHeaderTimeout = 100 * time.Millisecond
	}, func(l net.Listener) net.Listener {
		return tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{certificate.Certificate}, MinVersion: tls.VersionTLS12})
	})
	_, _ = conn.Write([]byte{0x16, 0x03, 0x01}) // the start of a handshake; the server may have closed already
	_, err := bufio.NewReader(conn).ReadString(0)
	require.Error(t, err)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "the connection stays open")
}
