package recordings

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aftercall/aftercall/internal/guard"
)

// Verdict says what a failed fetch means for the next one.
type Verdict string

// Verdicts.
const (
	VerdictRefused   Verdict = "refused"   // we do not ask for it while settings and URL stay the same
	VerdictForbidden Verdict = "forbidden" // the host denies it (401, 403): it has expired, or is not there yet
	VerdictDead      Verdict = "dead"      // the host says that this URL is gone (410); another URL may work
	VerdictTLS       Verdict = "tls"       // its host cannot prove its identity, or speaks no TLS that we accept
	VerdictMissing   Verdict = "missing"   // the host does not know it (404), or not yet
	VerdictNotAudio  Verdict = "not-audio" // the body is no recording, such as a login page
	VerdictTransient Verdict = "transient" // worth another try
)

// Reasons of a FetchError. A status without a name of its own is "status-<code>".
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
	ReasonEmpty          = "empty"          // a response without a body
	ReasonCutShort       = "cut-short"      // the connection, or the packed bytes, ended too early
	ReasonStalled        = "stalled"        // too few bytes within the stall time-out
	ReasonUnresolved     = "name-unknown"   // the host's name does not exist
	ReasonDNSTimeout     = "dns-timeout"    // DNS did not answer in time
	ReasonDNSFailed      = "dns-failed"     // DNS failed
	ReasonUnreachable    = "unreachable"    // no connection, or one that broke before a response
	ReasonRangeMismatch  = "range-mismatch" // the host sent another range than the requested one
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
	ReasonTLSAlert        = "tls-alert"      // the host broke off with an alert
	ReasonTLSNotSpoken    = "tls-not-spoken" // the host answered in another protocol
	ReasonTLSInterrupted  = "tls-interrupted"
	ReasonTLSHandshakeEnd = "tls-timeout"
)

// FetchError says why a recording was not fetched. It names the host and never the URL.
type FetchError struct {
	Verdict    Verdict
	Reason     string
	Host       string        // host, or host:port, of the URL or of the redirect that failed
	Status     int           // HTTP status, if there was one
	RetryAfter time.Duration // requested by the host, at most ten minutes; zero: none
}

// Error says what happened in a few words.
func (e *FetchError) Error() string {
	if e.Host == "" {
		return "fetch recording: " + e.Reason
	}
	return fmt.Sprintf("fetch recording from %s: %s", strings.ToLower(e.Host), e.Reason)
}

// asFetchError turns a refusal of the guard into a FetchError. It returns any other error, and nil, unchanged.
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
