package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/calls/callstest"
)

func TestRemind(t *testing.T) {
	at := time.Date(2026, 11, 27, 16, 0, 0, 0, time.UTC)
	for ending, by := range map[calls.Status]string{
		calls.StatusCompleted: "phone", calls.StatusNoAnswer: "message", calls.StatusRejected: "message", calls.StatusUnknown: "message",
	} {
		var suite testsuite.WorkflowTestSuite
		env := suite.NewTestWorkflowEnvironment()
		aftercall := callstest.Register(env)
		aftercall.PlaceEnds("appointment-1", time.Minute, ending)
		if by == "message" {
			env.OnActivity((&Messages{}).Send, mock.Anything, "appointment-1", "Your appointment is at 16:00.").Return(nil).Once()
		}
		env.RegisterActivity(&Messages{})
		env.ExecuteWorkflow(Remind, Appointment{ID: "appointment-1", To: "+966500000002", At: at, Class: calls.ClassService})
		require.NoError(t, env.GetWorkflowError(), ending)
		var reminded Reminded
		require.NoError(t, env.GetWorkflowResult(&reminded))
		require.Equal(t, by, reminded.By, ending)
		env.AssertExpectations(t)
		request := aftercall.Placed()[0]
		require.Equal(t, "2026-11-27T14:00:00Z", request.Deadline)
		require.Equal(t, "08:00", request.CallingHours.From)
	}
}

func TestHoursOfAClass(t *testing.T) {
	require.Nil(t, hours(calls.ClassWarning))
	require.Equal(t, "10:00", hours(calls.ClassAdvertising).From)
	require.Equal(t, "08:00", hours("").From)
}
