// Package desk is the only place that starts, signals, asks and reads aftercall's workflows from outside, live or
// closed, and the only one that classifies Temporal's errors. The HTTP API, the dispatcher and the activities use it, so
// all of them start the same workflows with the same settings. It decides nothing about calls.
package desk

import (
	"context"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/ids"
	"github.com/aftercall/aftercall/internal/intake"
)

// Client is the part of a Temporal client that a Desk needs.
type Client interface {
	ExecuteWorkflow(ctx context.Context, o client.StartWorkflowOptions, workflow any, args ...any) (client.WorkflowRun, error)
	SignalWithStartWorkflow(ctx context.Context, id, signal string, arg any, o client.StartWorkflowOptions, workflow any, args ...any) (client.WorkflowRun, error)
	SignalWorkflow(ctx context.Context, id, runID, signal string, arg any) error
	QueryWorkflowWithOptions(ctx context.Context, r *client.QueryWorkflowWithOptionsRequest) (*client.QueryWorkflowWithOptionsResponse, error)
	UpdateWorkflow(ctx context.Context, o client.UpdateWorkflowOptions) (client.WorkflowUpdateHandle, error)
	DescribeWorkflow(ctx context.Context, id, runID string) (*client.WorkflowExecutionDescription, error)
	DescribeWorkflowExecution(ctx context.Context, id, runID string) (*workflowservice.DescribeWorkflowExecutionResponse, error)
	GetWorkflow(ctx context.Context, id, runID string) client.WorkflowRun
	ListWorkflow(ctx context.Context, r *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error)
	WorkflowService() workflowservice.WorkflowServiceClient
	CountWorkflow(ctx context.Context, r *workflowservice.CountWorkflowExecutionsRequest) (*workflowservice.CountWorkflowExecutionsResponse, error)
}

// Settings are the settings of started workflows.
type Settings struct {
	Call      contract.CallSettings
	Outbound  contract.OutboundSettings
	Masking   contract.MaskingSettings
	Namespace string                          // of the client
	Names     ids.Namer                       // of calls, masks and legs
	Dialling  func() *calls.Dialling          // how the dial queue is worked off, nil if unknown; may be nil
	Expected  func(intake.Outbound) time.Time // when a new request will be dialled, zero if unknown; may be nil
	Edition   func() int                      // of started workflows; nil means contract.Edition
	Converter converter.DataConverter         // decodes the inputs of workflows; nil means the SDK's own
	Former    func() Former                   // how much earlier releases matter; nil means not at all
}

// Desk starts, signals, asks and reads workflows. It is safe for concurrent use, and everything it does may be
// repeated. See ErrUnknown and its neighbours for the errors.
type Desk struct {
	client   Client
	settings Settings
}

// Settings returns the settings of the workflows that this Desk starts.
func (d *Desk) Settings() Settings { return d.settings }

// edition returns the edition of the workflows that this Desk starts.
func (d *Desk) edition() int {
	if d.settings.Edition == nil {
		return contract.Edition
	}
	return d.settings.Edition()
}

// New returns a Desk.
func New(c Client, s Settings) *Desk { return &Desk{client: c, settings: s} }

// options returns the options of all our workflows. A closed workflow is never started again while Temporal remembers
// it.
func options(ctx context.Context, id, summary string, attributes ...temporal.SearchAttributeUpdate) client.StartWorkflowOptions {
	o := client.StartWorkflowOptions{
		ID:                                       id,
		TaskQueue:                                contract.TaskQueue,
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		TypedSearchAttributes:                    temporal.NewSearchAttributes(attributes...),
		StaticSummary:                            summary,
	}
	if owner := Owner(ctx); owner != "" {
		o.Memo = map[string]any{memoOwner: owner}
	}
	return o
}

// signal signals a workflow, and starts it if it does not run.
func signal[T, In, Out any](ctx context.Context, d *Desk, o client.StartWorkflowOptions, s contract.Signal[T], payload T, w contract.Workflow[In, Out], in In) error {
	_, err := d.client.SignalWithStartWorkflow(ctx, o.ID, s.Name, payload, o, w.Name, in)
	return Classify("signal "+w.Name, err)
}
