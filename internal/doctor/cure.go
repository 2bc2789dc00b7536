package doctor

import (
	"errors"
	"strings"

	"github.com/aftercall/aftercall/internal/desk"
)

// fault is a failed check with its own cure. A fault that blocks makes the other checks of the same place fail too; they
// are skipped, so that each cause is named once.
type fault struct {
	error
	cure   string
	blocks bool
}

func (f fault) Unwrap() error { return f.error }

// cured returns an error with its cure.
func cured(err error, cure string) error {
	if err == nil {
		return nil
	}
	return fault{error: err, cure: cure}
}

// blocked returns why Temporal cannot be asked anything, with the cure for that cause.
func blocked(err error) error {
	if err == nil {
		return nil
	}
	return fault{err, temporalCure(err), true}
}

// cureOf returns the fault's own cure, or else the check's.
func cureOf(err error, otherwise string) (cure string, blocks bool) {
	if f, ok := errors.AsType[fault](err); ok {
		return f.cure, f.blocks
	}
	return otherwise, false
}

// temporalCures maps a part of Temporal's error text to the cure, because gRPC has no types for these. The first match
// counts.
var temporalCures = []struct{ text, cure string }{
	{"no children to pick from", "the host name in TEMPORAL_ADDRESS has no address: check its spelling, and the DNS"},
	{"no such host", "the host name in TEMPORAL_ADDRESS has no address: check its spelling, and the DNS"},
	{"too many colons", "TEMPORAL_ADDRESS is host:port, without a scheme"},
	{"error reading server preface", "the server speaks TLS: set TEMPORAL_TLS=true, and the certificates that it needs"},
	{"first record does not look like a tls handshake", "the server speaks no TLS: unset TEMPORAL_TLS… and TEMPORAL_API_KEY, or use another port"},
	{"certificate required", "the server requires a client certificate that it trusts: check TEMPORAL_TLS_CLIENT_CERT_PATH and its CA"},
	{"unknown authority", "this machine does not trust the CA of the server's certificate: set TEMPORAL_TLS_SERVER_CA_CERT_PATH"},
	{"certificate has expired", "a certificate has expired, or this machine's clock is wrong: renew the certificate, or set the clock"},
	{"certificate is valid for", "the server's certificate is for another name: set TEMPORAL_TLS_SERVER_NAME to a name in it"},
	{"connection refused", "nothing listens there: start Temporal, or set TEMPORAL_ADDRESS"},
}

func temporalCure(err error) string {
	if desk.Means(err, desk.ErrNoNamespace) || desk.Means(err, desk.ErrUnknown) {
		return "run aftercall setup, or set TEMPORAL_NAMESPACE to a namespace that exists"
	}
	text := strings.ToLower(err.Error())
	for _, c := range temporalCures {
		if strings.Contains(text, c.text) {
			return c.cure
		}
	}
	if desk.Means(err, desk.ErrRefused) {
		return "Temporal rejects the credentials: check TEMPORAL_API_KEY, or the client certificate, and its rights in the namespace"
	}
	return "start Temporal, or set TEMPORAL_ADDRESS"
}
