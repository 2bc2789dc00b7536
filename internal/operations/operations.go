// Package operations is the Nexus service: what callers in other namespaces ask of aftercall. It has requests made, which
// carry numbers, and starts for each operation a workflow that answers it, which holds none.
package operations

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/nexus-rpc/sdk-go/nexus"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/temporalnexus"
	"go.temporal.io/sdk/worker"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

// Front has requests made as business workflows make them. Its refusals are temporal.ApplicationErrors.
type Front interface {
	Place(ctx context.Context, req calls.PlaceRequest) (calls.PlaceResult, error)
	RequestMask(ctx context.Context, req calls.MaskingSessionRequest) error
}

// Names makes the keys that stand for the provider's ids.
type Names interface {
	CallKey(ctx context.Context, id string) (string, error)
	SessionID(ctx context.Context, maskID string) (string, error)
}

// Register registers the service.
func Register(r worker.NexusServiceRegistry, front Front, names Names) {
	callKey := func(ctx context.Context, id string) (string, error) {
		if id == "" {
			return "", empty("callId")
		}
		return names.CallKey(ctx, id)
	}
	maskKey := func(ctx context.Context, id string) (string, error) {
		if id == "" {
			return "", empty("maskId")
		}
		session, err := names.SessionID(ctx, id)
		return calls.MaskKeyOf(session), err
	}
	s := nexus.NewService(calls.NexusService)
	s.MustRegister(
		operation(calls.OperationPlaceCall, contract.NexusPlaceCall, calls.AttributeReferenceID,
			func(ctx context.Context, req calls.OutboundCallRequest, asked asked) (string, error) {
				req.ReferenceID = cmp.Or(req.ReferenceID, asked.reference())
				waiter := contract.OperationWaiter(asked.workflowID)
				_, err := front.Place(ctx, calls.PlaceRequest{OutboundCallRequest: req, Waiter: &waiter})
				return req.ReferenceID, err
			}),
		operation(calls.OperationOpenMaskingSession, contract.NexusOpenMaskingSession, calls.AttributeReferenceID,
			func(ctx context.Context, req calls.MaskingSessionRequest, asked asked) (string, error) {
				req.ReferenceID = cmp.Or(req.ReferenceID, asked.reference())
				return req.ReferenceID, front.RequestMask(ctx, req)
			}),
		operation(calls.OperationAwaitOutcome, contract.NexusAwaitOutcome, calls.AttributeCallID,
			func(ctx context.Context, ref calls.CallRef, _ asked) (string, error) { return callKey(ctx, ref.CallID) }),
		operation(calls.OperationAwaitRecording, contract.NexusAwaitRecording, calls.AttributeCallID,
			func(ctx context.Context, ref calls.CallRef, _ asked) (string, error) { return callKey(ctx, ref.CallID) }),
		operation(calls.OperationAwaitMaskingSession, contract.NexusAwaitMaskingSession, calls.AttributeMaskID,
			func(ctx context.Context, ref calls.MaskRef, _ asked) (string, error) { return maskKey(ctx, ref.MaskID) }),
		operation(calls.OperationCloseMaskingSession, contract.NexusCloseMaskingSession, calls.AttributeMaskID,
			func(ctx context.Context, ref calls.CloseMaskRequest, _ asked) (string, error) {
				return maskKey(ctx, ref.MaskID)
			}),
	)
	r.RegisterNexusService(s)
}

func empty(field string) error {
	return temporal.NewNonRetryableApplicationError("invalid request: "+field+" must not be empty", calls.ErrTypeInvalidRequest, nil)
}

// asked is one asking for an operation. Its ids stay when the asking is repeated.
type asked struct{ requestID, workflowID string }

// reference is the referenceId of a request that has none of its own.
func (a asked) reference() string {
	return "nexus-" + strings.TrimPrefix(calls.HashedKey(a.requestID), "sha256-")[:40]
}

// operation is answered by a workflow of a type. begin has made what is asked for, and returns what the workflow waits for,
// by which it is found in the UI.
func operation[I, O any](
	name string, answers contract.Workflow[contract.OperationInput, O], attribute temporal.SearchAttributeKeyKeyword,
	begin func(context.Context, I, asked) (of string, err error),
) nexus.Operation[I, O] {
	return temporalnexus.MustNewWorkflowRunOperationWithOptions(temporalnexus.WorkflowRunOperationOptions[I, O]{
		Name: name,
		Handler: func(ctx context.Context, in I, o nexus.StartOperationOptions) (temporalnexus.WorkflowHandle[O], error) {
			a := asked{o.RequestID, contract.OperationWorkflowID(name, o.RequestID)}
			input := contract.OperationInput{Within: patience(o.Header)}
			of, err := begin(ctx, in, a)
			refused, isRefused := errors.AsType[*temporal.ApplicationError](err)
			switch {
			case isRefused && refused.NonRetryable(): // the workflow says so: every SDK shows the type of its error
				input.Refused = &contract.Refusal{Type: refused.Type(), Message: refused.Message()}
			case err != nil:
				return nil, err
			}
			start := client.StartWorkflowOptions{ID: a.workflowID, StaticSummary: name}
			if input.Refused == nil {
				input.Of, start.TypedSearchAttributes = of, temporal.NewSearchAttributes(attribute.ValueSet(of))
			}
			return temporalnexus.ExecuteUntypedWorkflow[O](ctx, o, start, answers.Name, input)
		},
	})
}

// patience is how long the caller waits for the result; 0 where it does not say.
func patience(h nexus.Header) time.Duration {
	d, err := time.ParseDuration(h.Get(nexus.HeaderOperationTimeout))
	if err != nil {
		return 0
	}
	return max(d, time.Second)
}
