package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/erase"
	"github.com/aftercall/aftercall/internal/intake"
	"github.com/aftercall/aftercall/internal/phone"
)

// Eraser removes a person's data, one part at a time; see package erase for the errors.
type Eraser interface {
	Ready() bool
	Erase(ctx context.Context, r erase.Request) (erase.Receipt, error)
}

// eraseTime is the timeout of one part: the first reads the whole inbox and the metadata of all recordings.
const eraseTime = 15 * time.Minute

// erase removes the data of a number, or shows it.
func (a *api) erase(c *gin.Context) {
	body, ok := readBody(c)
	if !ok {
		return
	}
	var asked erase.Request
	err := json.Unmarshal(body, &asked)
	switch {
	case err != nil || !phone.Valid(asked.Phone):
		failWith(c, problemInvalid, Problem{
			Detail: "Correct the body.", Errors: []intake.FieldError{{Field: "phone", Message: "must be a phone number in E.164, as +966500000005"}},
		})
		return
	case asked.Export && !asked.DryRun:
		failWith(c, problemInvalid, Problem{
			Detail: "Correct the body.", Errors: []intake.FieldError{{Field: "export", Message: "needs dryRun: save the export before you erase"}},
		})
		return
	case a.Eraser == nil || !a.Eraser.Ready():
		fail(c, problemLedgerAway, "Nobody can be found without AFTERCALL_HASH_KEY: set it to the output of aftercall keys new, here and in the worker.")
		return
	}
	c.Set(auditID, a.Hash.Phone(asked.Phone))
	extend(c.Writer, eraseTime)
	receipt, err := a.Eraser.Erase(c.Request.Context(), asked)
	switch {
	case errors.Is(err, erase.ErrCursor):
		failWith(c, problemInvalid, Problem{
			Detail: "Correct the body.", Errors: []intake.FieldError{{Field: "cursor", Message: "must be the nextCursor of the previous part"}},
		})
	case errors.Is(err, desk.ErrAway), errors.Is(err, context.Canceled):
		a.failed(c, err)
	case err != nil:
		a.Log.Error("erasing was not finished", "error", phone.Redact(err.Error()))
		fail(c, problemStoreAway, "Not everything was erased. Send the same request again; it is safe to repeat.")
	default:
		c.JSON(http.StatusOK, receipt)
	}
}
