package recordings

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aftercall/aftercall/internal/guard"
)

// Verdict says what an unsuccessful fetch means for the next one.
type Verdict string

// Verdicts.
const (
	VerdictRefused   Verdict = "refused"   // we do not ask for it, as long as settings and URL are what they are
	VerdictForbidden Verdict = "forbidden" // the host denies it (401, 403): it is over, or not there yet
	VerdictDead      Verdict = "dead"      // the host says that this URL is over (410); another URL may live
	VerdictTLS       Verdict = "tls"       // its host cannot prove who it is, or speaks no TLS that we take
	VerdictMissing   Verdict = "missing"   // the host does not know it (404), or not yet
	VerdictNotAudio  Verdict = "not-audio" // a body came that is no recording, such as a login page
	VerdictTransient Verdict = "transient" // worth another try
)

// Reasons of a FetchError; a status that has no name of its own is "status-<code>".
const (
	ReasonBadURL         = "bad-url"
	ReasonScheme         = guard.ReasonScheme
	ReasonCredentials    = guard.ReasonCredentials
	ReasonHost           = guard.ReasonHost
	ReasonAddress        = guard.ReasonAddress
	ReasonRedirects      = "too-many-redirects"
	ReasonTooLarge       = "too-large"
	ReasonNotAudio       = "not-audio" // HTML, JSON, XML or plain text
	ReasonNotFound       = "not-found"
	ReasonEmpty          = "empty"          // an answer without a body
	ReasonCutShort       = "cut-short"      // the connection, or the packed bytes, broke off before their end
	ReasonStalled        = "stalled"        // no bytes to speak of within the stall time-out
	ReasonUnresolved     = "name-unknown"   // the name of the host is not known
	ReasonDNSTimeout     = "dns-timeout"    // nobody said in time whether it is
	ReasonDNSFailed      = "dns-failed"     // nobody could say whether it is
	ReasonUnreachable    = "unreachable"    // no connection, or one that broke off before an answer
	ReasonRangeMismatch  = "range-mismatch" // the host answered another range than it was asked for
	reasonStatusTemplate = "status-%d"
)

// Reasons of a FetchError whose connection could not be made safe.
const (
	ReasonTLSExpired      = "tls-certificate-expired" // or not valid yet
	ReasonTLSName         = "tls-certificate-of-another-name"
	ReasonTLSAuthority    = "tls-unknown-authority"
	ReasonTLSCertificate  = "tls-certificate"
	ReasonTLSVersion      = "tls-version"
	ReasonTLSWantsOurs    = "tls-client-certificate-wanted"
	ReasonTLSAlert        = "tls-alert"      // the host broke off and said so
	ReasonTLSNotSpoken    = "tls-not-spoken" // the host answered in another protocol
	ReasonTLSInterrupted  = "tls-interrupted"
	ReasonTLSHandshakeEnd = "tls-timeout"
)

// FetchError is why a recording was not fetched. It names the host and never the URL.
type FetchError struct {
	Verdict    Verdict
	Reason     string
	Host       string        // host, or host:port, of the URL or of the redirect that failed
	Status     int           // HTTP status, where there was one
	RetryAfter time.Duration // what the host asked for, cut to ten minutes; zero: nothing
}

// Error says what happened in a few words.
func (e *FetchError) Error() string {
	if e.Host == "" {
		return "fetch recording: " + e.Reason
	}
	return fmt.Sprintf("fetch recording from %s: %s", strings.ToLower(e.Host), e.Reason)
}

// asFetchError is a refusal of the guard as an error of a fetch; any other error, and nil, stays what it is.
func asFetchError(err error) error {
	if r, ok := errors.AsType[*guard.Refusal](err); ok {
		return refused(r.Reason, r.Host)
	}
	return err
}

func refused(reason, host string) error {
	return &FetchError{Verdict: VerdictRefused, Reason: reason, Host: host}
}

func transient(reason, host string) error {
	return &FetchError{Verdict: VerdictTransient, Reason: reason, Host: host}
}
