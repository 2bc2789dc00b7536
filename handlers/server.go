package handlers

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"
)

// DefaultMaxConnections is how many connections a listener takes at once; further ones wait in the kernel's queue.
const DefaultMaxConnections = 1024

const writeTimeout = 15 * time.Second

// NewServer returns a server that no slow or greedy peer can hold up. Handlers that answer late extend their own
// deadline; the admin listener may want a longer WriteTimeout, since profiles take their time.
func NewServer(addr string, h http.Handler) *http.Server {
	return &http.Server{
		Addr:              addr,
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
}

// Listen opens a TCP listener that has at most maxConnections at once; 0 means DefaultMaxConnections.
func Listen(ctx context.Context, addr string, maxConnections int) (net.Listener, error) {
	if maxConnections <= 0 {
		maxConnections = DefaultMaxConnections
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	return netutil.LimitListener(l, maxConnections), nil
}

// extend lets an answer take d longer than the server's write timeout allows. The read timeout needs no care: net/http
// lifts it when the body was read.
func extend(w http.ResponseWriter, d time.Duration) {
	// A writer that knows no deadline, as in tests, has none to extend.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(d + writeTimeout))
}
