// Package starter starts and signals aftercall's own workflows from outside: the options of each kind are said here
// once, so that the HTTP API, the dispatcher and the activities start the same thing. It decides nothing about calls.
package starter

import (
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/aftercall/aftercall/calls"
)

// CallOptions are the start options of the Call workflow of a call key. A closed call is never started a second time
// while Temporal remembers it: a second run could dial again.
func CallOptions(callKey string) client.StartWorkflowOptions {
	return options(calls.CallWorkflowID(callKey), "Call "+callKey,
		temporal.NewSearchAttributes(calls.AttributeCallID.ValueSet(callKey)))
}

// options are what every workflow of ours starts with.
func options(id, summary string, attributes temporal.SearchAttributes) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID:                                       id,
		TaskQueue:                                calls.TaskQueue,
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		TypedSearchAttributes:                    attributes,
		StaticSummary:                            summary,
	}
}
