package handlers

import (
	"context"

	"github.com/gin-gonic/gin"

	"github.com/aftercall/aftercall/internal/intake"
)

// RequestBook keeps for which request an idempotency key stands.
type RequestBook interface {
	// Bind notes it by a name for the key, and returns the referenceId that was noted first.
	Bind(ctx context.Context, key, referenceID string) (string, error)
}

// idempotencyKey reads the header of a request, and says which referenceId stands for it where the body has none; or it has
// answered why that cannot be told.
func (a *api) idempotencyKey(c *gin.Context, workflowID func(string) string) (key intake.IdempotencyKey, former string, ok bool) {
	if key.Text = c.GetHeader(intake.HeaderIdempotencyKey); key.Text == "" {
		return key, "", true
	}
	ctx, cancel := starting(c)
	defer cancel()
	var err error
	if key.Reference, former, err = a.Desk.Reference(ctx, key.Text, workflowID); err != nil {
		a.failed(c, err)
		return key, "", false
	}
	return key, former, true
}

// stands reports whether the idempotency key of a request, if it has one, stands for that request; or it has answered that
// it stands for another. One that was made up for each try beside it, as some clients do with a referenceId, would dial
// as often.
func (a *api) stands(c *gin.Context, key intake.IdempotencyKey, kind, referenceID string) bool {
	if key.Text == "" || a.Requests == nil {
		return true
	}
	ctx, cancel := starting(c)
	defer cancel()
	first, err := a.Requests.Bind(ctx, kind+"-"+a.Names.References(key.Text)[0], referenceID)
	switch {
	case err != nil:
		a.ledgerAway(c, err)
	case first != referenceID:
		fail(c, problemConflict, "This Idempotency-Key stands for another request. Repeat that one unchanged, or choose another key.")
	}
	return err == nil && first == referenceID
}
