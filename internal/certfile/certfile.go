// Package certfile reads a certificate and its key from files, and again when these change: certificates live shorter
// than processes.
package certfile

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"
)

// lookEvery is how often files are looked at for a change, at most.
const lookEvery = time.Second

// Pair is a certificate with its key, read from two PEM files, and again when these change. It is safe for
// concurrent use.
type Pair struct {
	certFile, keyFile string
	log               *slog.Logger

	mu     sync.Mutex
	looked time.Time
	seen   string // how the files looked when they were read
	pair   *tls.Certificate
}

// New reads the files. A nil log drops what is said of changes. Errors: a file that cannot be read, or a pair that does not fit.
func New(certFile, keyFile string, log *slog.Logger) (*Pair, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	c := &Pair{certFile: certFile, keyFile: keyFile, log: log, seen: looks(certFile, keyFile), looked: time.Now()}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	c.pair = &pair
	return c, nil
}

// Current is the pair as the files hold it. While they cannot be read, as in the middle of a change, it stays what it
// was.
func (c *Pair) Current() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) < lookEvery {
		return c.pair
	}
	c.looked = time.Now()
	now := looks(c.certFile, c.keyFile)
	if now == c.seen {
		return c.pair
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		c.log.Warn("changed certificate cannot be read, the one before is used", "file", c.certFile, "error", err)
		return c.pair
	}
	c.log.Info("certificate was read again", "file", c.certFile)
	c.seen, c.pair = now, &pair
	return c.pair
}

// looks changes when one of the files changes. Kubernetes changes what a link points to, which Stat follows.
func looks(files ...string) string {
	var out strings.Builder
	for _, name := range files {
		if info, err := os.Stat(name); err == nil {
			fmt.Fprint(&out, info.ModTime().UnixNano(), " ", info.Size(), ";")
		}
	}
	return out.String()
}

// ServerTLS is what a server needs to serve with the certificate: TLS 1.2 or newer, and HTTP/1.1, in which every
// request under way has a connection of its own.
func (c *Pair) ServerTLS() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return c.Current(), nil
		},
	}
}
