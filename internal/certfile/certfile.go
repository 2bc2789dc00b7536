// Package certfile reads certificates and other credentials from files, and again when these change: they live shorter
// than processes.
package certfile

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"
)

// lookEvery is how often files are looked at for a change, at most.
const lookEvery = time.Second

// Watched is what files say, read again when they change. It is safe for concurrent use.
type Watched[T any] struct {
	files []string
	read  func() (T, error)
	log   *slog.Logger

	mu     sync.Mutex
	looked time.Time
	seen   string // how the files looked when they were read
	value  T
}

// Watch reads the files. A nil log drops what is said of changes. The error is that of read.
func Watch[T any](log *slog.Logger, read func() (T, error), files ...string) (*Watched[T], error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	w := &Watched[T]{files: files, read: read, log: log, seen: looks(files), looked: time.Now()}
	var err error
	w.value, err = read()
	return w, err
}

// Current is what the files say. While they cannot be read, as in the middle of a change, it stays what it was.
func (w *Watched[T]) Current() T {
	w.mu.Lock()
	defer w.mu.Unlock()
	if time.Since(w.looked) < lookEvery {
		return w.value
	}
	w.looked = time.Now()
	now := looks(w.files)
	if now == w.seen {
		return w.value
	}
	value, err := w.read()
	if err != nil {
		w.log.Warn("a changed file cannot be read, what it held before is used", "file", w.files[0], "error", err)
		return w.value
	}
	w.log.Info("a changed file was read again", "file", w.files[0])
	w.seen, w.value = now, value
	return value
}

// looks changes when one of the files changes. Kubernetes changes what a link points to, which Stat follows.
func looks(files []string) string {
	var out strings.Builder
	for _, name := range files {
		if info, err := os.Stat(name); err == nil {
			fmt.Fprint(&out, info.ModTime().UnixNano(), " ", info.Size(), ";")
		}
	}
	return out.String()
}

// Authorities are those of a PEM file.
func Authorities(file string, log *slog.Logger) (*Watched[*x509.CertPool], error) {
	return Watch(log, func() (*x509.CertPool, error) {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(text) {
			return nil, errors.New(file + " holds no certificate")
		}
		return pool, nil
	}, file)
}

// Secret is the first line of a file.
func Secret(file string, log *slog.Logger) (*Watched[string], error) {
	return Watch(log, func() (string, error) {
		text, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
		if line = strings.TrimSpace(line); line == "" {
			return "", errors.New(file + " is empty")
		}
		return line, nil
	}, file)
}

// Pair is a certificate with its key, in two PEM files.
type Pair struct{ *Watched[*tls.Certificate] }

// New reads the files. A nil log drops what is said of changes. Errors: a file that cannot be read, or a pair that does not fit.
func New(certFile, keyFile string, log *slog.Logger) (*Pair, error) {
	w, err := Watch(log, func() (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(certFile, keyFile)
		if err != nil {
			return nil, fmt.Errorf("read certificate: %w", err)
		}
		return &pair, nil
	}, certFile, keyFile)
	return &Pair{w}, err
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

// ClientTLS is what a client needs that talks only to a server which shows the first certificate of a PEM file, whatever
// its name is: the server is on this machine, and the file is its own. Errors: a file without a certificate.
func ClientTLS(file string) (*tls.Config, error) {
	first, err := Watch(nil, func() ([]byte, error) {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read certificate: %w", err)
		}
		block, _ := pem.Decode(text)
		if block == nil || block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("%s holds no certificate in PEM", file)
		}
		return block.Bytes, nil
	}, file)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, //nolint:gosec // VerifyConnection takes this one certificate and no other
		VerifyConnection: func(s tls.ConnectionState) error {
			if !bytes.Equal(s.PeerCertificates[0].Raw, first.Current()) {
				return errors.New("the server shows another certificate than " + file + " holds")
			}
			return nil
		},
	}, nil
}
