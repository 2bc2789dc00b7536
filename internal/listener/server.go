package listener

import (
	"net/http"
	"time"
)

// WriteTimeout is how long an answer may take, unless its handler extends its deadline.
const WriteTimeout = 15 * time.Second

// NewServer returns a server for a Listener, which no slow or greedy peer can hold up. An idle connection lives longer
// than proxies keep theirs, so that it is the proxy that ends it, and never while a request is on its way.
func NewServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      WriteTimeout,
		IdleTimeout:       3 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ConnContext:       withConn,
		ConnState:         watch,
	}
}
