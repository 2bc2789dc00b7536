package desk

import (
	"context"

	"github.com/aftercall/aftercall/internal/contract"
)

// Messenger is the part of a Desk, or of a test's double, that the functions Ask, Do, Result and Tell need. Only these
// functions bind a type to a name.
type Messenger interface {
	// Query reads the state of a workflow, and whether it is closed.
	Query(ctx context.Context, workflowID, query string, into any) (closed bool, err error)
	// Update asks a running workflow to do something and waits until it is done.
	Update(ctx context.Context, workflowID, update string, args ...any) error
	// Result waits for the end of a workflow and reads its result.
	Result(ctx context.Context, workflowID string, into any) error
	// Signal signals a running workflow.
	Signal(ctx context.Context, workflowID, signal string, payload any) error
}

// Ask reads the answer of a workflow to a query, and whether it is closed.
func Ask[T any](ctx context.Context, m Messenger, q contract.Query[T], workflowID string) (answer T, closed bool, err error) {
	closed, err = m.Query(ctx, workflowID, q.Name, &answer)
	return answer, closed, err
}

// Do asks a running workflow to do something and waits until it is done. It returns a *temporal.ApplicationError if the
// workflow refuses.
func Do[In, Out any](ctx context.Context, m Messenger, u contract.Update[In, Out], workflowID string, in In) error {
	return m.Update(ctx, workflowID, u.Name, u.Arguments(in)...)
}

// Result waits for the end of a workflow and reads its result. It returns ErrNoResult if no result can be read.
func Result[In, Out any](ctx context.Context, m Messenger, _ contract.Workflow[In, Out], workflowID string) (result Out, err error) {
	err = m.Result(ctx, workflowID, &result)
	return result, err
}

// Tell signals a running workflow. It returns ErrUnknown for a closed or unknown one. A foreign workflow must not be sent
// anything with a phone number.
func Tell[T any](ctx context.Context, m Messenger, workflowID string, s contract.Signal[T], payload T) error {
	return m.Signal(ctx, workflowID, s.Name, payload)
}
