package calls

// The Nexus service for callers in other namespaces and in other languages. Its endpoint is NexusEndpoint, unless
// `aftercall setup --nexus-endpoint` has given it another name:
//
//	c := workflow.NewNexusClient(calls.NexusEndpoint, calls.NexusService)
//	err := c.ExecuteOperation(ctx, calls.OperationPlaceCall, request, workflow.NexusOperationOptions{}).Get(ctx, &outcome)
//
// Cancelling an operation has the same effect as cancelling the function of this package. Its ScheduleToCloseTimeout is how
// long aftercall waits, like Within. Errors have the same types (see ErrTypeAwaitTimeout and the others).
const (
	NexusEndpoint = "aftercall"
	NexusService  = "aftercall"

	OperationPlaceCall           = "place-call"            // OutboundCallRequest, OutboundOutcome
	OperationAwaitOutcome        = "await-outcome"         // CallRef, Outcome
	OperationAwaitRecording      = "await-recording"       // CallRef, Recording
	OperationOpenMaskingSession  = "open-masking-session"  // MaskingSessionRequest, Mask
	OperationCloseMaskingSession = "close-masking-session" // CloseMaskRequest; returns nothing
	OperationAwaitMaskingSession = "await-masking-session" // MaskRef, MaskingSummary
)

// CallRef names a call to an operation: its callId, or its call key.
type CallRef struct {
	CallID string `json:"callId"`
}

// MaskRef names a masking session to an operation.
type MaskRef struct {
	MaskID string `json:"maskId"`
}
