package desk

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/callstate"
	"github.com/aftercall/aftercall/internal/contract"
)

// StateTimeout bounds one query of a workflow. A longer wait means that no worker is there to answer.
const StateTimeout = 5 * time.Second

// describeTimeout bounds the look at a workflow that did not answer.
const describeTimeout = time.Second

// Query reads the state of a workflow, and whether it is closed. It reads the state of a completed workflow from its
// result, and queries one that failed like a running one. It returns ErrForeign for a workflow that is not aftercall's.
func (d *Desk) Query(ctx context.Context, workflowID, query string, into any) (closed bool, err error) {
	closed, err = d.ask(ctx, workflowID, query, into)
	switch {
	case errors.Is(err, ErrUnknown), errors.Is(err, ErrMisconfigured):
		return closed, err
	case err == nil && !reflect.ValueOf(into).Elem().IsZero(): // every state of ours says something
		return closed, nil
	}
	if d.foreign(ctx, workflowID) {
		return closed, ErrForeign
	}
	return closed, err
}

// foreign reports whether a workflow is known not to be aftercall's.
func (d *Desk) foreign(ctx context.Context, workflowID string) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), describeTimeout) // the query may have used up ctx's time
	defer cancel()
	desc, err := d.client.DescribeWorkflow(ctx, workflowID, "")
	return err == nil && desc.WorkflowType.Name != "" && !slices.Contains(contract.WorkflowTypes(), desc.WorkflowType.Name)
}

func (d *Desk) ask(ctx context.Context, workflowID, query string, into any) (closed bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, StateTimeout)
	defer cancel()
	res, err := d.query(ctx, workflowID, query, enumspb.QUERY_REJECT_CONDITION_NOT_OPEN)
	switch {
	case isError[*serviceerror.WorkflowNotReady](err): // its first task waits, see expectCall
		if state, ok := into.(*calls.CallState); ok {
			*state, err = callstate.New(calls.CallKeyOf(workflowID)), nil
		}
		return false, err
	case err != nil:
		return false, err
	case res.QueryRejected == nil:
		return false, Classify("decode "+query, res.QueryResult.Get(into))
	case res.QueryRejected.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED:
		return true, d.Result(ctx, workflowID, into)
	}
	if res, err = d.query(ctx, workflowID, query, enumspb.QUERY_REJECT_CONDITION_NONE); err != nil {
		return true, err
	}
	return true, Classify("decode "+query, res.QueryResult.Get(into))
}

// query queries a workflow. It returns ErrUnknown for an id that is too long for any workflow.
func (d *Desk) query(ctx context.Context, workflowID, query string, reject enumspb.QueryRejectCondition) (*client.QueryWorkflowWithOptionsResponse, error) {
	res, err := d.client.QueryWorkflowWithOptions(ctx, &client.QueryWorkflowWithOptionsRequest{
		WorkflowID: workflowID, QueryType: query, QueryRejectCondition: reject,
	})
	if err = Classify("query "+query, err); errors.Is(err, ErrRejected) {
		return nil, ErrUnknown
	}
	return res, err
}

// AwaitOutcome returns when a workflow's outcome is known. All waiters share one update, since Temporal allows few at
// a time. It returns an error at once if the workflow is closed or unknown.
func (d *Desk) AwaitOutcome(ctx context.Context, workflowID string) error {
	return d.update(ctx, client.UpdateWorkflowOptions{WorkflowID: workflowID, UpdateName: contract.UpdateAwaitOutcome.Name, UpdateID: contract.UpdateAwaitOutcome.Name})
}

// Update asks a running workflow to do something and waits until it is done. It returns a *temporal.ApplicationError
// if the workflow refuses, and ErrForeign for a workflow that is not aftercall's.
func (d *Desk) Update(ctx context.Context, workflowID, name string, args ...any) error {
	return d.update(ctx, client.UpdateWorkflowOptions{WorkflowID: workflowID, UpdateName: name, Args: args})
}

func (d *Desk) update(ctx context.Context, o client.UpdateWorkflowOptions) error {
	o.WaitForStage = client.WorkflowUpdateStageCompleted
	handle, err := d.client.UpdateWorkflow(ctx, o)
	if err == nil {
		err = handle.Get(ctx, nil)
	}
	err = Classify("update "+o.UpdateName, err)
	if errors.Is(err, ErrAway) && !errors.Is(err, ErrMisconfigured) && !errors.Is(err, context.Canceled) && d.foreign(ctx, o.WorkflowID) {
		return ErrForeign
	}
	return err
}

// Result waits for the end of a workflow and reads its result. It returns ErrNoResult if no result can be read, with the
// *temporal.ApplicationError that the workflow failed with, if any.
func (d *Desk) Result(ctx context.Context, workflowID string, into any) error {
	return Classify("read result", d.client.GetWorkflow(ctx, workflowID, "").Get(ctx, into))
}

// Signal signals a running workflow. It starts a closed Callback again.
func (d *Desk) Signal(ctx context.Context, workflowID, signal string, payload any) error {
	err := Classify("signal workflow", d.client.SignalWorkflow(ctx, workflowID, "", signal, payload))
	if calls.CallbackWorkflow(workflowID) && (errors.Is(err, ErrUnknown) || errors.Is(err, ErrClosed)) {
		return d.callBackAgain(ctx, workflowID, signal, payload)
	}
	return err
}
