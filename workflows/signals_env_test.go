package workflows_test

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

// hearSignals passes each signal to another workflow to tell, and lets the workflow "gone" not exist.
func hearSignals(e *testsuite.TestWorkflowEnvironment, tell func(workflowID, signal string, arg any)) {
	e.OnSignalExternalWorkflow(mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything).Return(
		func(_, workflowID, _, signal string, arg any) error {
			if text, err := json.Marshal(arg); err != nil || len(workflowID) > limitID || len(signal) > limitID || len(text) > limitPayload {
				panic("the server takes no such signal: " + signal)
			}
			tell(workflowID, signal, arg)
			if workflowID == "gone" {
				return &temporal.UnknownExternalWorkflowExecutionError{}
			}
			return nil
		}).Maybe()
	e.RegisterActivityWithOptions(func(_ context.Context, in contract.TellInput) (contract.TellResult, error) {
		if len(in.WorkflowID) > limitID || len(in.Signal) > limitID || len(in.Payload) > limitPayload {
			panic("the server takes no such signal: " + in.Signal)
		}
		tell(in.WorkflowID, in.Signal, payloadOf(in))
		if in.WorkflowID == "gone" {
			return contract.TellResult{Result: calls.NotifiedNotFound}, nil
		}
		return contract.TellResult{Result: calls.NotifiedTold}, nil
	}, activity.RegisterOptions{Name: contract.ActivityTell.Name})
}

// payloadOf returns the payload of a signal to another workflow.
func payloadOf(in contract.TellInput) any {
	kind, _, _ := strings.Cut(in.Signal, ":")
	switch kind {
	case contract.SignalCallUpdate.Name:
		return decoded[calls.CallState](in.Payload)
	case "call-outcome":
		return decoded[calls.Outcome](in.Payload)
	case "outbound-outcome":
		return decoded[calls.OutboundOutcome](in.Payload)
	case "recording":
		return decoded[calls.Recording](in.Payload)
	case "masking-closed":
		return decoded[calls.MaskingSummary](in.Payload)
	default:
		panic("nobody knows signal " + in.Signal)
	}
}

func decoded[T any](text json.RawMessage) T {
	var v T
	if err := json.Unmarshal(text, &v); err != nil {
		panic(err)
	}
	return v
}
