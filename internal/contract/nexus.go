package contract

import (
	"time"

	"github.com/aftercall/aftercall/calls"
)

// TaskQueueNexus is the task queue of the Nexus service and of the workflows that answer its operations.
const TaskQueueNexus = "aftercall-nexus"

// Workflows on TaskQueueNexus; each answers one operation. The rest of aftercall treats them like business workflows: their
// payloads are in clear and hold no number, except the masking number of a Mask.
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

// OperationInput starts a workflow that answers an operation. By then, requests with numbers have been made.
type OperationInput struct {
	Of      string        `json:"of"`                // the request's referenceId, the call's key, or the mask's
	Within  time.Duration `json:"within,omitempty"`  // how long the caller waits; 0: until there is an answer
	Refused *Refusal      `json:"refused,omitempty"` // the request was refused: that is the answer
}

// Refusal is an error that the caller gets.
type Refusal struct {
	Type    string `json:"type"`
	Message string `json:"message"`
}

// OperationWorkflowID returns the id of the workflow that answers an operation. Each operation has an id of its own, which
// stays the same when the request is retried.
func OperationWorkflowID(operation, requestID string) string {
	return "nexus:" + operation + ":" + calls.Key(requestID)
}

// Activities that only these workflows use, beside those of business workflows.
var (
	ActivityJoinRequest = Activity[JoinRequest, calls.PlaceResult]{"JoinRequest", TaskQueueCalls}
	ActivityOpenedMask  = Activity[OpenedMaskRequest, calls.Mask]{"OpenedMask", TaskQueueCalls}
)

// JoinRequest asks for the outcome of an earlier request. If there is none yet, the waiter is told later.
type JoinRequest struct {
	ReferenceID string              `json:"referenceId"`
	Waiter      *calls.Subscription `json:"waiter,omitempty"` // nil: it waits already
}

// OpenedMaskRequest asks for the mask that was requested under a referenceId.
type OpenedMaskRequest struct {
	ReferenceID string `json:"referenceId"`
}

// OperationWaiter returns the subscription of the workflow that answers an operation.
func OperationWaiter(workflowID string) calls.Subscription {
	return calls.Subscription{WorkflowID: workflowID, Waiter: "nexus"}
}
