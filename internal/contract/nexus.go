package contract

import (
	"time"

	"github.com/aftercall/aftercall/calls"
)

// TaskQueueNexus is the task queue of the Nexus service and of the workflows that answer its operations.
const TaskQueueNexus = "aftercall-nexus"

// Workflows on TaskQueueNexus that each answer one operation. To everything else of ours they are workflows of others: what
// they get and say is in clear and holds no number, but for the masking number of a Mask.
var (
	NexusPlaceCall           = Workflow[OperationInput, calls.OutboundOutcome]{"NexusPlaceCall"}
	NexusAwaitOutcome        = Workflow[OperationInput, calls.Outcome]{"NexusAwaitOutcome"}
	NexusAwaitRecording      = Workflow[OperationInput, calls.Recording]{"NexusAwaitRecording"}
	NexusOpenMaskingSession  = Workflow[OperationInput, calls.Mask]{"NexusOpenMaskingSession"}
	NexusCloseMaskingSession = Workflow[OperationInput, None]{"NexusCloseMaskingSession"}
	NexusAwaitMaskingSession = Workflow[OperationInput, calls.MaskingSummary]{"NexusAwaitMaskingSession"}
)

// NexusTypes are the names of the workflows that answer operations.
func NexusTypes() []string {
	return []string{
		NexusPlaceCall.Name, NexusAwaitOutcome.Name, NexusAwaitRecording.Name,
		NexusOpenMaskingSession.Name, NexusCloseMaskingSession.Name, NexusAwaitMaskingSession.Name,
	}
}

// OperationInput starts a workflow that answers an operation. Requests with numbers have been made by then.
type OperationInput struct {
	Of      string        `json:"of"`                // the request's referenceId, the call's key, or the mask's
	Within  time.Duration `json:"within,omitempty"`  // the caller's patience; 0: until it is known
	Refused *Refusal      `json:"refused,omitempty"` // the request was refused: that is the answer
}

// Refusal is an error that the caller gets.
type Refusal struct {
	Type    string `json:"type"`
	Message string `json:"message"`
}

// OperationWorkflowID is the id of the workflow that answers an operation. Each time an operation is asked for has an id of
// its own, which stays when the asking is repeated.
func OperationWorkflowID(operation, requestID string) string {
	return "nexus:" + operation + ":" + calls.Key(requestID)
}

// Activities that only these workflows use, beside those of business workflows.
var (
	ActivityJoinRequest = Activity[JoinRequest, calls.PlaceResult]{"JoinRequest", TaskQueueCalls}
	ActivityOpenedMask  = Activity[OpenedMaskRequest, calls.Mask]{"OpenedMask", TaskQueueCalls}
)

// JoinRequest asks for the outcome of a request that was made, and where there is none yet, that the waiter be told.
type JoinRequest struct {
	ReferenceID string              `json:"referenceId"`
	Waiter      *calls.Subscription `json:"waiter,omitempty"` // nil: it waits already
}

// OpenedMaskRequest asks for the mask that was requested under a referenceId.
type OpenedMaskRequest struct {
	ReferenceID string `json:"referenceId"`
}

// OperationWaiter is the subscription of the workflow that answers an operation.
func OperationWaiter(workflowID string) calls.Subscription {
	return calls.Subscription{WorkflowID: workflowID, Waiter: "nexus"}
}
