package unifonic

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aftercall/aftercall/internal/phone"
	"github.com/aftercall/aftercall/internal/retryafter"
)

// Verdict says what an error means for an effect that must not happen twice.
type Verdict string

// Verdicts of a CallError.
const (
	VerdictNotPlaced Verdict = "NOT_PLACED" // certainly without effect
	VerdictUnknown   Verdict = "UNKNOWN"    // it may have had its effect
)

// CallError is the error of CreateCall and CreateMask. Its text holds no phone number and no AppsId.
type CallError struct {
	Op         string
	Verdict    Verdict
	Final      bool          // not placed, and the same request will be refused again
	RetryAfter time.Duration // wait that the provider asked for; 0: none
	Refusal    Refusal       // not placed until a setting is corrected; empty: any other reason
	StatusCode int           // 0 without an answer
	Message    string
	cause      error
}

// Refusal says why a provider accepts none of our calls, or cannot be trusted with one.
type Refusal string

// Refusals.
const (
	RefusalCredentials Refusal = "credentials" // 401, 403
	RefusalAddress     Refusal = "address"     // 404, 405, a redirect: the base URL is another's, or misspelt
	RefusalTrust       Refusal = "trust"       // its certificate, or its TLS
)

// Error names the operation, the HTTP status and what the provider said.
func (e *CallError) Error() string { return errorText(e.Op, e.StatusCode, e.Message) }

// Unwrap returns the context's error if the context ended the request.
func (e *CallError) Unwrap() error { return e.cause }

// ErrNotFound says that the provider does not know the id, or has nothing under it.
var ErrNotFound = errors.New("the provider knows nothing under this id")

// APIError is the error of all other operations. Its text holds no phone number and no AppsId.
type APIError struct {
	Op         string
	StatusCode int // 0 without an answer
	Message    string
	Retryable  bool          // the same request may succeed later: 408, 429, 5xx, no answer, or an unreadable one
	RetryAfter time.Duration // wait that the provider asked for; 0: none
	cause      error
}

// Error names the operation, the HTTP status and what the provider said.
func (e *APIError) Error() string { return errorText(e.Op, e.StatusCode, e.Message) }

// Unwrap returns the context's error if the context ended the request.
func (e *APIError) Unwrap() error { return e.cause }

func errorText(op string, status int, message string) string {
	if status == 0 {
		return op + ": " + message
	}
	return fmt.Sprintf("%s: HTTP %d: %s", op, status, message)
}

// callError classifies the failure of a request that must not be repeated blindly. The request had no effect if nothing
// was written, on 429, and on 400 and 403 (these two for good). In every other case it may have had its effect, even if a
// success cannot be read; unreadable says why it cannot.
func (c *Client) callError(op string, a answer, unreadable string) *CallError {
	e := &CallError{Op: op, Verdict: VerdictUnknown, StatusCode: a.status, Message: c.message(a, unreadable), cause: contextCause(a.err)}
	switch {
	case a.err != nil && !a.written:
		e.Verdict = VerdictNotPlaced
		e.Final = errors.Is(a.err, errUnsendable)
		if distrusts(a.err) {
			e.Refusal = RefusalTrust
		}
	case a.status == http.StatusTooManyRequests:
		e.Verdict = VerdictNotPlaced
		e.RetryAfter = retryafter.Read(a.header, time.Now())
	case a.status == http.StatusBadRequest:
		e.Verdict, e.Final = VerdictNotPlaced, true
	case a.status == http.StatusForbidden:
		e.Verdict, e.Final, e.Refusal = VerdictNotPlaced, true, RefusalCredentials
	}
	return e
}

// refusedCall completes the error of POST /calls. On 401, 404, 405 and redirects certainly no call was placed, and none
// will be until a setting is corrected.
func refusedCall(e *CallError) *CallError {
	switch e.StatusCode {
	case http.StatusUnauthorized:
		e.Verdict, e.Refusal = VerdictNotPlaced, RefusalCredentials
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		e.Verdict, e.Refusal = VerdictNotPlaced, RefusalAddress
	}
	return e
}

// distrusts reports whether TLS rejected the peer, or the peer does not speak TLS.
func distrusts(err error) bool {
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	_, alert := errors.AsType[tls.AlertError](err)
	_, plain := errors.AsType[tls.RecordHeaderError](err)
	return certificate || alert || plain || errors.Is(err, http.ErrSchemeMismatch)
}

func (c *Client) apiError(op string, a answer, unreadable string) *APIError {
	e := &APIError{Op: op, StatusCode: a.status, Message: c.message(a, unreadable), cause: contextCause(a.err)}
	switch {
	case a.status == http.StatusTooManyRequests:
		e.Retryable = true
		e.RetryAfter = retryafter.Read(a.header, time.Now())
	case a.status == http.StatusRequestTimeout, a.status >= 500, a.status/100 == 2:
		e.Retryable = true
	case a.status == 0:
		e.Retryable = !errors.Is(a.err, errUnsendable)
	}
	return e
}

// contextCause returns only the context's error of a transport error: its text may hold what the peer sent.
func contextCause(err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return context.DeadlineExceeded
	default:
		return nil
	}
}

const maxMessage = 300 // bytes of an error message

// message says in one short line what went wrong; it is safe for logs and for Temporal's histories.
func (c *Client) message(a answer, unreadable string) string {
	var s string
	switch {
	case a.err != nil:
		s = transportReason(a.err)
	case a.ok():
		s = unreadable
	default:
		s = providerMessage(a.body)
	}
	if s == "" {
		s = strings.ToLower(http.StatusText(a.status))
	}
	return scrub(s, c.appsID, c.maskingAppsID, a.secret)
}

// scrub hides secrets, which an answer may echo, and phone numbers, and shortens the text.
func scrub(s string, secrets ...string) string {
	for _, secret := range secrets {
		if secret != "" {
			s = strings.ReplaceAll(s, secret, "[hidden]")
		}
	}
	s = phone.Redact(strings.Join(strings.Fields(string(toUTF8([]byte(s)))), " "))
	if len(s) <= maxMessage {
		return s
	}
	cut := maxMessage
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// providerMessage finds the message in an error body. Error bodies are {message, errors}, {message}, {statusCode, …},
// empty, or a gateway's HTML; errors may be text or not (the provider's reference, section 4, item 20).
func providerMessage(body []byte) string {
	v, err := decode(body)
	if err != nil {
		return clean(string(toUTF8(body)))
	}
	o, ok := v.(object)
	if !ok {
		return clean(textOf(v))
	}
	message, detail := o.text("message", "error", "Message"), o.text("errors")
	switch {
	case message == "" && detail == "":
		return clean(textOf(o))
	case message == "" || detail == "":
		return message + detail
	default:
		return message + ": " + detail
	}
}
