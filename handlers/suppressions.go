package handlers

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/aftercall/aftercall/internal/intake"
	"github.com/aftercall/aftercall/internal/ledger"
	"github.com/aftercall/aftercall/internal/phone"
)

// SuppressionBook keeps the suppressed numbers, by their hashes. It returns the errors of ledger.Ledger.
type SuppressionBook interface {
	Suppress(ctx context.Context, hash string, s ledger.Suppression) error
	Suppression(ctx context.Context, hash string) (ledger.Suppression, error)
	Unsuppress(ctx context.Context, hash string) error
}

// PhoneHash hashes a phone number, if there is a hash key.
type PhoneHash interface {
	Ready() bool
	Phone(number string) string
}

// suppressionAnswer is a suppression and the person's hash.
type suppressionAnswer struct {
	Number string `json:"number"`
	ledger.Suppression
}

func (a *api) suppress(c *gin.Context) {
	person, ok := a.person(c)
	if !ok {
		return
	}
	body, ok := readBody(c)
	if !ok {
		return
	}
	asked, err := intake.SuppressionJSON(body, a.Now())
	if err != nil {
		a.failed(c, err)
		return
	}
	s := ledger.Suppression{Scope: asked.Scope, Reason: phone.Redact(asked.Reason), Until: asked.Until, Since: a.Now().UTC().Truncate(time.Millisecond)}
	if err := a.Suppressions.Suppress(c.Request.Context(), person, s); err != nil {
		a.ledgerAway(c, err)
		return
	}
	c.JSON(http.StatusOK, suppressionAnswer{c.Param("number"), s})
}

func (a *api) showSuppression(c *gin.Context) {
	if person, ok := a.person(c); ok {
		a.answerSuppression(c, person, func(ledger.Suppression) error { return nil })
	}
}

// unsuppress lifts a suppression and answers with it.
func (a *api) unsuppress(c *gin.Context) {
	if person, ok := a.person(c); ok {
		a.answerSuppression(c, person, func(ledger.Suppression) error {
			return a.Suppressions.Unsuppress(c.Request.Context(), person)
		})
	}
}

// answerSuppression calls then and answers with the suppression, or with 404 if there is none.
func (a *api) answerSuppression(c *gin.Context, person string, then func(ledger.Suppression) error) {
	s, err := a.Suppressions.Suppression(c.Request.Context(), person)
	if err == nil {
		err = then(s)
	}
	if err == nil && s.Until != nil && !s.Until.After(a.Now()) {
		err = ledger.ErrNotSuppressed // it is over
	}
	switch {
	case errors.Is(err, ledger.ErrNotSuppressed):
		fail(c, problemNotFound, "This number is not suppressed.")
	case err != nil:
		a.ledgerAway(c, err)
	default:
		c.JSON(http.StatusOK, suppressionAnswer{c.Param("number"), s})
	}
}

// person returns the hash of the number in the path, or answers with the problem.
func (a *api) person(c *gin.Context) (string, bool) {
	switch number := c.Param("number"); {
	case !phone.Valid(number):
		failWith(c, problemInvalid, Problem{
			Detail: "Correct the number in the path.",
			Errors: []intake.FieldError{{Field: "number", Message: "must be a phone number in E.164, its + as %2B"}},
		})
	case a.Suppressions == nil:
		fail(c, problemLedgerAway, "The dial ledger could not be opened: check AFTERCALL_DIAL_LEDGER_URL.")
	case a.Hash == nil || !a.Hash.Ready():
		fail(c, problemLedgerAway, "Nobody can be suppressed without AFTERCALL_HASH_KEY: set it to the output of aftercall keys new, here and in the worker.")
	default:
		person := a.Hash.Phone(number)
		c.Set(auditID, person)
		return person, true
	}
	return "", false
}

func (a *api) ledgerAway(c *gin.Context, err error) {
	a.Log.Error("dial ledger unavailable", "route", c.FullPath(), "error", phone.Redact(err.Error()))
	fail(c, problemLedgerAway, "Send the same request again after the time in Retry-After. It is safe to repeat.")
}
