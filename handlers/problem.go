package handlers

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/aftercall/aftercall/internal/intake"
	"github.com/aftercall/aftercall/internal/listener"
)

// Problem is the body of every error answer: RFC 9457, application/problem+json. Detail says what to do. No field holds a
// phone number.
type Problem struct {
	Type         string              `json:"type"` // stable: programs may branch on it
	Title        string              `json:"title"`
	Status       int                 `json:"status"`
	Detail       string              `json:"detail"`
	DeadLetterID string              `json:"deadLetterId,omitempty"` // of the refused notification in the dead letters
	Errors       []intake.FieldError `json:"errors,omitempty"`       // every invalid field
}

// kind holds what all problems of one type share.
type kind struct {
	name   string
	title  string
	status int
}

// All problem types. The names are a contract.
var (
	problemNotJSON         = known("not-json", "The body is not a JSON object", http.StatusBadRequest)
	problemIncomplete      = known("incomplete-body", "The body is incomplete", http.StatusBadRequest)
	problemCredentials     = known("unauthorized", "Credentials are missing or wrong", http.StatusUnauthorized)
	problemTooManyFailures = known("too-many-failures", "Too many failed log-ins", http.StatusTooManyRequests)
	problemScope           = known("missing-scope", "The key lacks the right", http.StatusForbidden)
	problemForeignHost     = known("foreign-host", "The request is for another host", http.StatusForbidden)
	problemNoToken         = known("token-not-set", "No access until a token is set", http.StatusForbidden)
	problemCrossOrigin     = known("cross-origin", "The request comes from another page", http.StatusForbidden)
	problemNoRoute         = known("no-such-route", "Unknown route", http.StatusNotFound)
	problemNotFound        = known("not-found", "Unknown id", http.StatusNotFound)
	problemMethod          = known("method-not-allowed", "The route does not support this method", http.StatusMethodNotAllowed)
	problemConflict        = known("conflict", "The id belongs to another request", http.StatusConflict)
	problemState           = known("wrong-state", "The state does not allow this", http.StatusConflict)
	problemUndelivered     = known("not-deliverable", "The dead letter cannot be delivered", http.StatusConflict)
	problemTooLarge        = known("too-large", "The body is too large", http.StatusRequestEntityTooLarge)
	problemNoKey           = known("no-call-key", "Nothing in the notification identifies a call", http.StatusUnprocessableEntity)
	problemInvalid         = known("invalid-request", "The request breaks a rule", http.StatusUnprocessableEntity)
	problemRange           = known("no-such-range", "The recording has no such range", http.StatusRequestedRangeNotSatisfiable)
	problemInternal        = known("internal", "Internal error", http.StatusInternalServerError)
	problemProvider        = known("provider-refused", "The provider refused the request", http.StatusBadGateway)
	problemInboxAway       = known("inbox-unavailable", "The inbox cannot accept notifications right now", http.StatusServiceUnavailable)
	problemTemporalAway    = known("temporal-unavailable", "Temporal or its workers cannot be reached", http.StatusServiceUnavailable)
	problemStoreAway       = known("store-unavailable", "The store of recordings cannot be reached", http.StatusServiceUnavailable)
	problemLedgerAway      = known("ledger-unavailable", "The dial ledger is unavailable", http.StatusServiceUnavailable)
	problemKeysAway        = known("keys-unavailable", "Aftercall's keys are unreadable", http.StatusServiceUnavailable)
	problemBusy            = known("busy", "The API has too many requests under way", http.StatusServiceUnavailable)
	problemNotYet          = known("not-yet", "This takes longer than a request may last", http.StatusServiceUnavailable)
	problemDamaged         = known("recording-damaged", "The stored recording was changed", http.StatusInternalServerError)
)

// problemBase is the prefix of every problem's type.
const problemBase = "/problems/"

// kinds lists all kinds of problem.
var kinds []kind

func known(name, title string, status int) kind {
	k := kind{name, title, status}
	kinds = append(kinds, k)
	return k
}

// ProblemTypes returns the types of all problems.
func ProblemTypes() []string {
	types := make([]string, len(kinds))
	for i, k := range kinds {
		types[i] = problemBase + k.name
	}
	return types
}

// statusClientGone is the logged status of a request whose client has hung up.
const statusClientGone = 499

// gone reports whether the only cause of an error is that the client has hung up.
func gone(c *gin.Context, err error) bool {
	return errors.Is(err, context.Canceled) && errors.Is(c.Request.Context().Err(), context.Canceled)
}

// fail answers with a problem and ends the request.
func fail(c *gin.Context, k kind, detail string) { failWith(c, k, Problem{Detail: detail}) }

func failWith(c *gin.Context, k kind, p Problem) {
	p.Type, p.Title, p.Status = problemBase+k.name, k.title, k.status
	if listener.IsAnonymous(c.Request) {
		c.Header("Connection", "close") // a client without credentials keeps no connection
	}
	// Set first: gin's JSON keeps a content type that is there.
	c.Header("Content-Type", "application/problem+json")
	if k.status == http.StatusServiceUnavailable && c.Writer.Header().Get("Retry-After") == "" {
		retryAfter(c, 5*time.Second)
	}
	c.AbortWithStatusJSON(k.status, p)
}

func retryAfter(c *gin.Context, d time.Duration) {
	c.Header("Retry-After", strconv.Itoa(int(d.Seconds())))
}

// invalid answers 422 if err lists invalid fields. It reports whether it did.
func invalid(c *gin.Context, err error) bool {
	var errs *intake.Errors
	if !errors.As(err, &errs) {
		return false
	}
	failWith(c, problemInvalid, Problem{Detail: "Correct the fields listed in errors and send the request again.", Errors: errs.Fields})
	return true
}
