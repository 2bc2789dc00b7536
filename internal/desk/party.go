package desk

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

// Party is a workflow that knows a number, or may know it.
type Party struct {
	Listed
	Type  string
	Among bool // its hashes do not name all of its numbers, so only its state tells whether it knows this one
}

// Unlisted reports that the namespace has no PartyHash: Parties lists every workflow.
func (d *Desk) Unlisted() bool { return d.settings.Names.Unlisted() }

// Parties lists workflows of all types by the hashes of a number's spellings. next is the cursor of the next batch, empty
// at the end.
func (d *Desk) Parties(ctx context.Context, hashes []string, limit int, cursor []byte) (found []Party, next []byte, err error) {
	query := calls.AttributePartyHash.GetName() + " IN (" + quoted(append(slices.Clone(hashes), calls.PartiesMany)) + ")"
	if d.Unlisted() {
		query = OwnQuery()
	}
	res, err := d.client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: query, PageSize: int32(limit), NextPageToken: cursor})
	if err != nil {
		return nil, nil, Classify("list workflows", err)
	}
	for _, info := range res.GetExecutions() {
		var known []string
		_ = json.Unmarshal(info.GetSearchAttributes().GetIndexedFields()[calls.AttributePartyHash.GetName()].GetData(), &known)
		found = append(found, Party{Listed: listed(info), Type: info.GetType().GetName(), Among: d.Unlisted() || slices.Contains(known, calls.PartiesMany)})
	}
	return found, res.GetNextPageToken(), nil
}

// Unhashed counts our workflows without a hash of a number: those that know no number, and those from before numbers were
// hashed.
func (d *Desk) Unhashed(ctx context.Context) (int64, error) {
	if d.Unlisted() {
		return 0, nil
	}
	return d.count(ctx, calls.AttributePartyHash.GetName()+" IS NULL AND "+OwnQuery())
}

// OwnQuery finds all our workflows.
func OwnQuery() string { return "WorkflowType IN (" + quoted(contract.WorkflowTypes()) + ")" }

// State returns the state of a workflow, as JSON.
func (d *Desk) State(ctx context.Context, workflowID string) (json.RawMessage, error) {
	var state json.RawMessage
	_, err := d.Query(ctx, workflowID, calls.QueryState, &state)
	return state, err
}

// Input returns the input of a workflow's run, as JSON.
func (d *Desk) Input(ctx context.Context, p Party) (json.RawMessage, error) {
	res, err := d.client.WorkflowService().GetWorkflowExecutionHistory(ctx, &workflowservice.GetWorkflowExecutionHistoryRequest{
		Namespace: d.settings.Namespace, Execution: &commonpb.WorkflowExecution{WorkflowId: p.WorkflowID, RunId: p.runID}, MaximumPageSize: 1,
	})
	if err != nil {
		return nil, Classify("read a history", err)
	}
	var input json.RawMessage
	for _, first := range res.GetHistory().GetEvents()[:min(1, len(res.GetHistory().GetEvents()))] {
		c := d.settings.Converter
		if c == nil {
			c = converter.GetDefaultDataConverter()
		}
		err = c.FromPayloads(first.GetWorkflowExecutionStartedEventAttributes().GetInput(), &input)
	}
	return input, Classify("read a history", err)
}

// Delete removes a closed run of a workflow, with its history. It returns ErrRunning for a running one, and nil for one
// that is gone.
func (d *Desk) Delete(ctx context.Context, p Party) error {
	e := &commonpb.WorkflowExecution{WorkflowId: p.WorkflowID, RunId: p.runID}
	desc, err := d.client.DescribeWorkflowExecution(ctx, e.WorkflowId, e.RunId)
	switch err = Classify("look for workflow", err); {
	case errors.Is(err, ErrUnknown):
		return nil
	case err != nil:
		return err
	case desc.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING:
		return ErrRunning // deleting it would end it
	}
	_, err = d.client.WorkflowService().DeleteWorkflowExecution(ctx, &workflowservice.DeleteWorkflowExecutionRequest{
		Namespace: d.settings.Namespace, WorkflowExecution: e,
	})
	if err = Classify("delete workflow", err); errors.Is(err, ErrUnknown) {
		return nil
	}
	return err
}

// ErrRunning means that a workflow runs and cannot be deleted.
var ErrRunning = errors.New("the workflow runs")
