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

const (
	readTimeout  = 10 * time.Second
	writeTimeout = 15 * time.Second
)

// NewServer returns a server that no slow or greedy peer can hold up. Handlers that answer late extend their own
// deadline; the admin listener may want a longer WriteTimeout, since profiles take their time.
func NewServer(addr string, h http.Handler) *http.Server {
	return &http.Server{
		Addr:              addr,
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       readTimeout,
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

// extend lets an answer take d longer than the server's timeouts allow. The read deadline is moved too: when it
// passes, net/http cancels the request although its body was read long ago.
func extend(w http.ResponseWriter, d time.Duration) {
	rc := http.NewResponseController(w)
	// Writers that know no deadline, as in tests, have none to extend.
	_ = rc.SetReadDeadline(time.Now().Add(d + readTimeout))
	_ = rc.SetWriteDeadline(time.Now().Add(d + writeTimeout))
}
