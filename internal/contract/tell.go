package contract

import "encoding/json"

// ActivityTell signals a workflow, of ours or of somebody else.
var ActivityTell = Activity[TellInput, TellResult]{"Tell", TaskQueue}

// TellInput is a signal to a workflow. To one that is not ours it carries no phone number.
type TellInput struct {
	WorkflowID string          `json:"workflowId"`
	Signal     string          `json:"signal"`
	Payload    json.RawMessage `json:"payload"`
}

// TellResult is calls.NotifiedTold, calls.NotifiedNotFound where the workflow is closed or was never there, or
// calls.NotifiedFailed where Temporal will never take the signal.
type TellResult struct {
	Result string `json:"result"`
}
