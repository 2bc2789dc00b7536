package contract

import "encoding/json"

// ActivityTell signals a workflow, ours or another's.
var ActivityTell = Activity[TellInput, TellResult]{"Tell", TaskQueue}

// TellInput is a signal to a workflow. It carries no phone number to a workflow that is not ours.
type TellInput struct {
	WorkflowID string          `json:"workflowId"`
	Signal     string          `json:"signal"`
	Payload    json.RawMessage `json:"payload"`
}

// TellResult is calls.NotifiedTold, calls.NotifiedNotFound if the workflow is closed or never existed, or
// calls.NotifiedFailed if Temporal will never accept the signal.
type TellResult struct {
	Result string `json:"result"`
}
