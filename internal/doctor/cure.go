package doctor

import (
	"errors"
	"strings"

	"github.com/aftercall/aftercall/internal/desk"
)

// fault is what a check found wrong, with a cure of its own. One that blocks hides whatever else is asked of the same
// place: those checks are left out, so that a cause is named once.
type fault struct {
	error
	cure   string
	blocks bool
}

func (f fault) Unwrap() error { return f.error }

// cured gives an error its cure.
func cured(err error, cure string) error {
	if err == nil {
		return nil
	}
	return fault{error: err, cure: cure}
}

// blocked is why nothing can be asked of Temporal, with what to do by its cause.
func blocked(err error) error {
	if err == nil {
		return nil
	}
	return fault{err, temporalCure(err), true}
}

// cureOf is the fault's own cure, or the check's.
func cureOf(err error, otherwise string) (cure string, blocks bool) {
	if f, ok := errors.AsType[fault](err); ok {
		return f.cure, f.blocks
	}
	return otherwise, false
}

// temporalCures are what to do about an error of Temporal, by what its text names: gRPC has no type for these. The first
// that fits counts.
var temporalCures = []struct{ text, cure string }{
	{"no children to pick from", "the host name in TEMPORAL_ADDRESS has no address: check its spelling, and the DNS"},
	{"no such host", "the host name in TEMPORAL_ADDRESS has no address: check its spelling, and the DNS"},
	{"too many colons", "TEMPORAL_ADDRESS is host:port, without a scheme"},
	{"error reading server preface", "the server speaks TLS: set TEMPORAL_TLS=true, and what else it wants"},
	{"first record does not look like a tls handshake", "the server speaks no TLS: leave TEMPORAL_TLS… and TEMPORAL_API_KEY out, or ask another port"},
	{"certificate required", "the server wants a client certificate that it knows: check TEMPORAL_TLS_CLIENT_CERT_PATH and its CA"},
	{"unknown authority", "the server's certificate is of a CA that is not known here: set TEMPORAL_TLS_SERVER_CA_CERT_PATH"},
	{"certificate has expired", "a certificate is over, or this machine's clock is wrong: renew it"},
	{"certificate is valid for", "the server's certificate is for another name: set TEMPORAL_TLS_SERVER_NAME to one that it has"},
	{"connection refused", "nothing listens there: start Temporal, or set TEMPORAL_ADDRESS"},
}

func temporalCure(err error) string {
	if desk.Means(err, desk.ErrNoNamespace) || desk.Means(err, desk.ErrUnknown) {
		return "run aftercall setup, or set TEMPORAL_NAMESPACE to one that is there"
	}
	text := strings.ToLower(err.Error())
	for _, c := range temporalCures {
		if strings.Contains(text, c.text) {
			return c.cure
		}
	}
	if desk.Means(err, desk.ErrRefused) {
		return "Temporal refuses the credentials: check TEMPORAL_API_KEY, or the client certificate, and their rights in the namespace"
	}
	return "start Temporal, or set TEMPORAL_ADDRESS"
}
