package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/calls/callstest"
)

func speak(t *testing.T, script func(*callstest.Aftercall)) (bool, *callstest.Aftercall, error) {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	aftercall := callstest.Register(env)
	script(aftercall)
	env.ExecuteWorkflow(Speak, Code{Login: "login-1", To: "+966500000000", Digits: "4711", ValidFor: 2 * time.Minute})
	var spoken bool
	if err := env.GetWorkflowError(); err != nil {
		return false, aftercall, err
	}
	require.NoError(t, env.GetWorkflowResult(&spoken))
	return spoken, aftercall, nil
}

func TestSpeak(t *testing.T) {
	spoken, aftercall, err := speak(t, func(a *callstest.Aftercall) { a.PlaceEnds("login-1", 10*time.Second, calls.StatusCompleted) })
	require.NoError(t, err)
	require.True(t, spoken)
	require.Equal(t, 1, aftercall.Placed()[0].Priority)
	require.Equal(t, "2m0s", aftercall.Placed()[0].Deadline)

	spoken, _, err = speak(t, func(a *callstest.Aftercall) { a.PlaceEnds("login-1", 10*time.Second, calls.StatusNoAnswer) })
	require.NoError(t, err)
	require.False(t, spoken)

	spoken, _, err = speak(t, func(a *callstest.Aftercall) { a.PlaceEnds("login-1", time.Hour, calls.StatusCompleted) })
	require.NoError(t, err, "too late is no failure")
	require.False(t, spoken)

	_, _, err = speak(t, func(a *callstest.Aftercall) {
		a.PlaceFails("login-1", calls.ErrTypeInvalidRequest, "to must be in E.164")
	})
	require.Error(t, err)
}
