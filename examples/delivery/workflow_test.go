package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/calls/callstest"
)

func environment() (*testsuite.TestWorkflowEnvironment, *callstest.Aftercall) {
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	aftercall := callstest.Register(env)
	aftercall.MaskOpens("order-1", calls.Mask{MaskID: "mask-1", MaskingNumber: "+966115219999"})
	return env, aftercall
}

var order = Order{ID: "order-1", Courier: courier, Customer: customer}

func TestDeliver(t *testing.T) {
	env, aftercall := environment()
	aftercall.MaskEnds("mask-1", 24*time.Hour, calls.MaskingSummary{Reason: calls.MaskingEndedClosed}) // closing it ends it
	env.RegisterDelayedCallback(func() {
		answer, err := env.QueryWorkflow(QueryMask)
		require.NoError(t, err)
		var mask calls.Mask
		require.NoError(t, answer.Get(&mask))
		require.Equal(t, "+966115219999", mask.MaskingNumber)
		env.SignalWorkflow(SignalDelivered, nil)
	}, time.Hour)
	env.ExecuteWorkflow(Deliver, order)
	require.NoError(t, env.GetWorkflowError())
	var summary calls.MaskingSummary
	require.NoError(t, env.GetWorkflowResult(&summary))
	require.Equal(t, calls.MaskingEndedClosed, summary.Reason)
	require.Equal(t, []string{"mask-1"}, aftercall.ClosedMasks())
}

func TestACancelledDeliveryClosesItsMask(t *testing.T) {
	env, aftercall := environment()
	env.RegisterDelayedCallback(env.CancelWorkflow, time.Hour)
	env.ExecuteWorkflow(Deliver, order)
	require.Error(t, env.GetWorkflowError())
	require.Equal(t, []string{"mask-1"}, aftercall.ClosedMasks())
}
