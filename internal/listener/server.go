package listener

import (
	"bytes"
	"context"
	"log"
	"log/slog"
	"net/http"
	"time"

	"github.com/aftercall/aftercall/internal/phone"
)

// WriteTimeout bounds the time of a response, unless its handler extends its deadline.
const WriteTimeout = 15 * time.Second

// NewServer returns a server for a Listener that no slow or greedy peer can hold up. An idle connection lives longer than
// proxies keep theirs. So the proxy ends it, and never while a request is on its way.
func NewServer(h http.Handler, l *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ErrorLog:          log.New(complaints{l}, "", 0),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      WriteTimeout,
		IdleTimeout:       3 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ConnContext:       withConn,
		ConnState:         watch,
	}
}

// complaints logs the messages of net/http. It writes one for each failed handshake; at level warn, peers without
// credentials could fill the disk with them.
type complaints struct{ log *slog.Logger }

func (c complaints) Write(line []byte) (int, error) {
	level := slog.LevelWarn
	if bytes.Contains(line, []byte("TLS handshake error")) {
		level = slog.LevelDebug
	}
	c.log.Log(context.Background(), level, "http server", "error", phone.Redact(string(bytes.TrimSpace(line))))
	return len(line), nil
}
