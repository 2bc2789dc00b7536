package callbacks

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/aftercall/aftercall/internal/guard"
)

// Reasons of a Failure, besides those of package guard; a status is "status-<code>".
const (
	ReasonBadURL      = "bad-url"
	ReasonNoSecret    = "no-secret"    // AFTERCALL_CALLBACK_SECRETS is not set
	ReasonBusy        = "host-busy"    // it was not posted: enough is under way to this host
	ReasonTimeout     = "timeout"      // no answer in time
	ReasonUnresolved  = "name-unknown" // the host's name is unknown, or the lookup failed
	ReasonTLS         = "tls"          // its certificate is not trusted, or it speaks no TLS that we accept
	ReasonUnreachable = "unreachable"  // no connection, or one that broke off before an answer
	reasonStatus      = "status-%d"
)

// Failure says why a callback was not accepted. It names the host and never the URL.
type Failure struct {
	Reason     string
	Host       string
	Status     int           // HTTP status, if there was one
	RetryAfter time.Duration // what the host asked for; zero: nothing
}

func (f *Failure) Error() string {
	if f.Host == "" {
		return "call back: " + f.Reason
	}
	return "call back " + f.Host + ": " + f.Reason
}

// Gone reports whether the host said that it wants no more callbacks.
func (f *Failure) Gone() bool { return f.Status == http.StatusGone }

// explain says why a post failed, in our own words: those of net/http contain the URL.
func explain(ctx context.Context, err error, u *url.URL) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return context.Canceled
	}
	f := &Failure{Reason: ReasonUnreachable, Host: guard.Place(u)}
	refused, isRefused := errors.AsType[*guard.Refusal](err)
	_, isDNS := errors.AsType[*net.DNSError](err)
	timeout, isNet := errors.AsType[net.Error](err)
	switch {
	case isRefused:
		f.Reason = refused.Reason
	case isDNS:
		f.Reason = ReasonUnresolved
	case isTLS(err):
		f.Reason = ReasonTLS
	case isNet && timeout.Timeout():
		f.Reason = ReasonTimeout
	}
	return f
}

func isTLS(err error) bool {
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	_, record := errors.AsType[tls.RecordHeaderError](err)
	_, alert := errors.AsType[tls.AlertError](err)
	return certificate || record || alert
}
