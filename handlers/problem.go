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

// Problem is the body of every error: RFC 9457, application/problem+json. Detail says what to do. It holds no phone
// number.
type Problem struct {
	Type         string              `json:"type"` // stable: programs may branch on it
	Title        string              `json:"title"`
	Status       int                 `json:"status"`
	Detail       string              `json:"detail"`
	DeadLetterID string              `json:"deadLetterId,omitempty"` // under which a refused notification was kept
	Errors       []intake.FieldError `json:"errors,omitempty"`       // every field at fault
}

// kind is what all problems of one type share.
type kind struct {
	name   string
	title  string
	status int
}

// All problem types. The names are a contract.
var (
	problemNotJSON         = kind{"not-json", "The body is not a JSON object", http.StatusBadRequest}
	problemIncomplete      = kind{"incomplete-body", "The body did not arrive in full", http.StatusBadRequest}
	problemCredentials     = kind{"unauthorized", "Credentials are missing or wrong", http.StatusUnauthorized}
	problemTooManyFailures = kind{"too-many-failures", "Too many log-ins failed", http.StatusTooManyRequests}
	problemScope           = kind{"missing-scope", "The key may not do this", http.StatusForbidden}
	problemForeignHost     = kind{"foreign-host", "The request is for another host", http.StatusForbidden}
	problemNoToken         = kind{"token-not-set", "This is closed until a token is set", http.StatusForbidden}
	problemCrossOrigin     = kind{"cross-origin", "The request comes from another page", http.StatusForbidden}
	problemNoRoute         = kind{"no-such-route", "No such route", http.StatusNotFound}
	problemNotFound        = kind{"not-found", "Nothing is known under this id", http.StatusNotFound}
	problemMethod          = kind{"method-not-allowed", "The route does not take this method", http.StatusMethodNotAllowed}
	problemConflict        = kind{"conflict", "The id stands for another request", http.StatusConflict}
	problemState           = kind{"wrong-state", "Its state does not allow this", http.StatusConflict}
	problemUndelivered     = kind{"not-deliverable", "The dead letter cannot be delivered", http.StatusConflict}
	problemTooLarge        = kind{"too-large", "The body is too large", http.StatusRequestEntityTooLarge}
	problemNoKey           = kind{"no-call-key", "Nothing in the notification identifies a call", http.StatusUnprocessableEntity}
	problemInvalid         = kind{"invalid-request", "The request breaks a rule", http.StatusUnprocessableEntity}
	problemInternal        = kind{"internal", "Something went wrong here", http.StatusInternalServerError}
	problemProvider        = kind{"provider-refused", "The provider did not do what was asked", http.StatusBadGateway}
	problemInboxAway       = kind{"inbox-unavailable", "The inbox does not take it now", http.StatusServiceUnavailable}
	problemTemporalAway    = kind{"temporal-unavailable", "Temporal or its workers cannot be reached", http.StatusServiceUnavailable}
	problemStoreAway       = kind{"store-unavailable", "The store of recordings cannot be reached", http.StatusServiceUnavailable}
	problemLedgerAway      = kind{"ledger-unavailable", "The dial ledger cannot be used", http.StatusServiceUnavailable}
	problemKeysAway        = kind{"keys-unavailable", "The keys of aftercall cannot be read", http.StatusServiceUnavailable}
	problemBusy            = kind{"busy", "The API has no room for more requests now", http.StatusServiceUnavailable}
	problemNotYet          = kind{"not-yet", "This takes longer than a request may", http.StatusServiceUnavailable}
	problemDamaged         = kind{"recording-damaged", "The recording is not what was stored", http.StatusInternalServerError}
)

// problemBase precedes the name of a problem in its type.
const problemBase = "/problems/"

// ProblemTypes lists the types of all problems.
func ProblemTypes() []string {
	all := []kind{
		problemNotJSON, problemIncomplete, problemCredentials, problemTooManyFailures, problemScope, problemForeignHost, problemNoToken, problemCrossOrigin, problemNoRoute,
		problemNotFound, problemMethod, problemConflict, problemState, problemUndelivered, problemTooLarge, problemNoKey,
		problemInvalid, problemInternal, problemProvider, problemInboxAway, problemTemporalAway,
		problemStoreAway, problemBusy, problemLedgerAway, problemNotYet, problemKeysAway,
	}
	types := make([]string, len(all))
	for i, k := range all {
		types[i] = problemBase + k.name
	}
	return types
}

// statusClientGone stands for an answer that nobody waited for any more.
const statusClientGone = 499

// gone reports whether an error comes from nothing else than that the client has hung up.
func gone(c *gin.Context, err error) bool {
	return errors.Is(err, context.Canceled) && errors.Is(c.Request.Context().Err(), context.Canceled)
}

// fail answers with a problem and ends the request.
func fail(c *gin.Context, k kind, detail string) { failWith(c, k, Problem{Detail: detail}) }

func failWith(c *gin.Context, k kind, p Problem) {
	p.Type, p.Title, p.Status = problemBase+k.name, k.title, k.status
	if listener.IsAnonymous(c.Request) {
		c.Header("Connection", "close") // who has shown no credentials keeps no connection
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

// invalid answers 422 where err lists fields at fault.
func invalid(c *gin.Context, err error) bool {
	var errs *intake.Errors
	if !errors.As(err, &errs) {
		return false
	}
	failWith(c, problemInvalid, Problem{Detail: "Correct the fields listed in errors and send the request again.", Errors: errs.Fields})
	return true
}
