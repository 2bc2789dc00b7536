package activities

import (
	"context"
	"errors"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
)

// Messages holds the activity by which our workflows signal others.
type Messages struct {
	Desk interface {
		Signal(ctx context.Context, workflowID, signal string, payload any) error // desk.ErrUnknown, desk.ErrRejected
	}
}

// Tell signals a workflow. It may be repeated. A workflow that is gone, or accepts no more signals, is no error.
func (a *Messages) Tell(ctx context.Context, in contract.TellInput) (contract.TellResult, error) {
	err := a.Desk.Signal(ctx, in.WorkflowID, in.Signal, in.Payload)
	switch {
	case errors.Is(err, desk.ErrUnknown), errors.Is(err, desk.ErrClosed):
		return contract.TellResult{Result: calls.NotifiedNotFound}, nil
	case errors.Is(err, desk.ErrRejected):
		return contract.TellResult{Result: calls.NotifiedFailed}, nil
	case err != nil:
		return contract.TellResult{}, err
	}
	return contract.TellResult{Result: calls.NotifiedTold}, nil
}
