package handlers

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/aftercall/aftercall/calls"
)

// Errors of Workflows.
var (
	ErrUnknown = errors.New("no such workflow")
	ErrAway    = errors.New("temporal or its workers cannot be reached")
)

// stateTimeout bounds one question to a workflow: longer means that no worker is there to answer.
const stateTimeout = 5 * time.Second

// TemporalClient is what Workflows needs of a Temporal client.
type TemporalClient interface {
	QueryWorkflowWithOptions(ctx context.Context, r *client.QueryWorkflowWithOptionsRequest) (*client.QueryWorkflowWithOptionsResponse, error)
	GetWorkflow(ctx context.Context, workflowID, runID string) client.WorkflowRun
	UpdateWorkflow(ctx context.Context, o client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error)
	SignalWorkflow(ctx context.Context, workflowID, runID, signal string, arg any) error
}

// Workflows asks workflows and tells them. Its errors are ErrUnknown, ErrAway, a *temporal.ApplicationError where the
// workflow itself refused, or what else Temporal said.
type Workflows struct {
	client TemporalClient
	clear  TemporalClient
}

// NewWorkflows returns a Workflows. clear is a client that encrypts nothing: by it the workflows of others are told,
// which cannot decrypt.
func NewWorkflows(c, clear TemporalClient) *Workflows { return &Workflows{client: c, clear: clear} }

// State reads what a workflow says of itself, and whether it is closed. A closed one's state is its result; one that
// failed is asked like a running one.
func (w *Workflows) State(ctx context.Context, workflowID string, into any) (closed bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, stateTimeout)
	defer cancel()
	res, err := w.client.QueryWorkflowWithOptions(ctx, &client.QueryWorkflowWithOptionsRequest{
		WorkflowID: workflowID, QueryType: calls.QueryState, QueryRejectCondition: enumspb.QUERY_REJECT_CONDITION_NOT_OPEN,
	})
	switch {
	case is[*serviceerror.InvalidArgument](err): // an id too long for any workflow
		return false, ErrUnknown
	case err != nil:
		return false, classify("query state", err)
	case res.QueryRejected == nil:
		return false, decoded(res.QueryResult.Get(into))
	case res.QueryRejected.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED:
		return true, classify("read result", w.client.GetWorkflow(ctx, workflowID, "").Get(ctx, into))
	}
	res, err = w.client.QueryWorkflowWithOptions(ctx, &client.QueryWorkflowWithOptionsRequest{
		WorkflowID: workflowID, QueryType: calls.QueryState,
	})
	if err != nil {
		return true, classify("query state of closed workflow", err)
	}
	return true, decoded(res.QueryResult.Get(into))
}

// AwaitOutcome returns when a workflow's outcome is known. All waiters share one update, since Temporal allows few at
// a time. For one that is closed or unknown it returns an error at once.
func (w *Workflows) AwaitOutcome(ctx context.Context, workflowID string) error {
	return w.update(ctx, client.UpdateWorkflowOptions{
		WorkflowID: workflowID, UpdateName: calls.UpdateAwaitOutcome, UpdateID: calls.UpdateAwaitOutcome,
		WaitForStage: client.WorkflowUpdateStageCompleted,
	})
}

// Update asks a running workflow to do something and waits until it is done.
func (w *Workflows) Update(ctx context.Context, workflowID, name string, args ...any) error {
	return w.update(ctx, client.UpdateWorkflowOptions{
		WorkflowID: workflowID, UpdateName: name, Args: args, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
}

func (w *Workflows) update(ctx context.Context, o client.UpdateWorkflowOptions) error {
	handle, err := w.client.UpdateWorkflow(ctx, o)
	if err == nil {
		err = handle.Get(ctx, nil)
	}
	return classify("update "+o.UpdateName, err)
}

// Result waits for the end of a workflow and reads its result.
func (w *Workflows) Result(ctx context.Context, workflowID string, into any) error {
	return classify("await result", w.client.GetWorkflow(ctx, workflowID, "").Get(ctx, into))
}

// Tell signals a workflow of somebody else, in clear.
func (w *Workflows) Tell(ctx context.Context, workflowID, signal string, arg any) error {
	return classify("signal workflow", w.clear.SignalWorkflow(ctx, workflowID, "", signal, arg))
}

// classify sorts what Temporal says into what a caller can do about it.
func classify(op string, err error) error {
	if err == nil {
		return nil
	}
	var refused *temporal.ApplicationError
	switch {
	case is[*serviceerror.NotFound](err):
		return fmt.Errorf("%s: %w", op, ErrUnknown)
	case errors.As(err, &refused):
		return fmt.Errorf("%s: %w", op, err)
	case away(err):
		return fmt.Errorf("%s: %w: %w", op, ErrAway, err)
	}
	return fmt.Errorf("%s: %w", op, err)
}

// away reports whether the same may work later. Without workers a query is not ready, fails its precondition, or waits
// in vain.
func away(err error) bool {
	return errors.Is(err, ErrAway) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) ||
		is[*serviceerror.Unavailable](err) || is[*serviceerror.DeadlineExceeded](err) || is[*serviceerror.Canceled](err) ||
		is[*serviceerror.ResourceExhausted](err) || is[*serviceerror.WorkflowNotReady](err) ||
		is[*serviceerror.FailedPrecondition](err) || is[*serviceerror.QueryFailed](err) ||
		is[*serviceerror.NamespaceNotFound](err) || is[*client.WorkflowUpdateServiceTimeoutOrCanceledError](err)
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func decoded(err error) error {
	if err != nil {
		return fmt.Errorf("decode state: %w", err)
	}
	return nil
}
