package recordings

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
)

// handshake records whether a TLS handshake is in progress.
type handshake struct{ began, done *atomic.Bool }

func (h *handshake) watch(ctx context.Context) context.Context {
	h.began, h.done = &atomic.Bool{}, &atomic.Bool{}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		TLSHandshakeStart: func() { h.began.Store(true); h.done.Store(false) },
		TLSHandshakeDone:  func(_ tls.ConnectionState, err error) { h.done.Store(err == nil) },
	})
}

func (h handshake) failed() bool { return h.began != nil && h.began.Load() && !h.done.Load() }

// explain says in our words why a request or its body failed, since net/http's words hold the URL.
func (d *download) explain(ctx context.Context, err error, h handshake) error {
	if cause := context.Cause(ctx); cause != nil {
		if errors.Is(cause, errStalled) {
			return transient(ReasonStalled, d.url.Host)
		}
		return cause
	}
	if e, ok := errors.AsType[*FetchError](asFetchError(err)); ok {
		return e
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return transient(dnsReason(dns), d.url.Host)
	}
	if reason := tlsReason(err); reason != "" {
		return &FetchError{Verdict: VerdictTLS, Reason: reason, Host: d.url.Host}
	}
	timeout, isTimeout := errors.AsType[net.Error](err)
	switch {
	case h.failed() && isTimeout && timeout.Timeout():
		return transient(ReasonTLSHandshakeEnd, d.url.Host)
	case h.failed():
		return transient(ReasonTLSInterrupted, d.url.Host)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return transient(ReasonCutShort, d.url.Host)
	default:
		return transient(ReasonUnreachable, d.url.Host)
	}
}

func dnsReason(e *net.DNSError) string {
	switch {
	case e.IsNotFound:
		return ReasonUnresolved
	case e.IsTimeout:
		return ReasonDNSTimeout
	default:
		return ReasonDNSFailed
	}
}

// tlsReason returns the reason why a connection could not be made safe, "" for any other error. crypto/tls has types for
// errors of certificates and for a peer that speaks no TLS; alerts and versions are known only by their text.
func tlsReason(err error) string {
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return ReasonTLSName
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return ReasonTLSAuthority
	}
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok && e.Reason == x509.Expired {
		return ReasonTLSExpired
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return ReasonTLSCertificate
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return ReasonTLSNotSpoken
	}
	text := err.Error()
	switch {
	case strings.Contains(text, "server gave HTTP response to HTTPS client"):
		return ReasonTLSNotSpoken
	case strings.Contains(text, "tls: ") && strings.Contains(text, "protocol version"):
		return ReasonTLSVersion
	case strings.Contains(text, "tls: certificate required"):
		return ReasonTLSWantsOurs
	case strings.Contains(text, "remote error: tls: "):
		return ReasonTLSAlert
	default:
		return ""
	}
}
