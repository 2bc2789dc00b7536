package activities

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/aftercall/aftercall/internal/callbacks"
	"github.com/aftercall/aftercall/internal/contract"
)

// CallbackSender posts callbacks. Errors: *callbacks.Failure, or the context's.
type CallbackSender interface {
	Post(ctx context.Context, url string, m callbacks.Message) error
}

// Callbacks is the activity of Callback workflows.
type Callbacks struct{ Sender CallbackSender }

// DeliverCallback posts a message once. Its errors are retried, but for ErrTypeCallbackGone.
func (a *Callbacks) DeliverCallback(ctx context.Context, in contract.DeliverCallbackInput) error {
	m := in.Message
	err := a.Sender.Post(ctx, in.URL, callbacks.Message{ID: m.ID, Type: m.Type, At: m.At, Data: m.Data})
	f, ok := errors.AsType[*callbacks.Failure](err)
	if !ok {
		return err
	}
	try := contract.CallbackTry{At: time.Now().UTC().Truncate(time.Millisecond), Reason: f.Reason, HTTPStatus: f.Status}
	o := temporal.ApplicationErrorOptions{NextRetryDelay: f.RetryAfter, NonRetryable: f.Gone(), Details: []any{try}}
	kind := contract.ErrTypeCallbackRefused
	switch {
	case f.Gone():
		kind = contract.ErrTypeCallbackGone
	case f.Reason == callbacks.ReasonBusy:
		kind = contract.ErrTypeCallbackBusy
		o.NextRetryDelay, o.Category = 2*time.Second+rand.N(3*time.Second), temporal.ApplicationErrorCategoryBenign
	}
	return temporal.NewApplicationErrorWithOptions(f.Error(), kind, o)
}
