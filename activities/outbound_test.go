package activities_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/mocks"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/stretchr/testify/mock"

	"github.com/aftercall/aftercall/activities"
	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/outbound"
)

type (
	activityInfo  = activity.Info
	encodedValues = converter.EncodedValues
)

type tracker struct {
	key    string
	said   calls.Tracking
	closed bool
	err    error
}

func (tr *tracker) Track(_ context.Context, key string, t calls.Tracking) (bool, bool, error) {
	tr.key, tr.said = key, t
	return true, tr.closed, tr.err
}

type results struct {
	state calls.CallState
	err   error
}

func (r results) GetWorkflow(context.Context, string, string) client.WorkflowRun {
	run := &mocks.WorkflowRun{}
	run.On("Get", mock.Anything, mock.Anything).Run(func(args mock.Arguments) {
		*args.Get(1).(*calls.CallState) = r.state
	}).Return(r.err)
	return run
}

func TestTrackCall(t *testing.T) {
	in := activities.TrackCallInput{CallID: "call 1", ReferenceID: "order-1-a1", To: "+966500000000"}
	tr := &tracker{}
	res, err := (&activities.Outbound{Tracker: tr}).TrackCall(t.Context(), in)
	require.NoError(t, err)
	require.Nil(t, res.Call)
	require.Equal(t, calls.Key("call 1"), tr.key)
	require.Equal(t, calls.Tracking{To: "+966500000000", ReferenceID: "order-1-a1"}, tr.said)

	tr.closed = true
	state := calls.CallState{CallKey: "x", Evidence: &calls.Evidence{}, Notified: []calls.Notified{{}}}
	res, err = (&activities.Outbound{Tracker: tr, Results: results{state: state}}).TrackCall(t.Context(), in)
	require.NoError(t, err)
	require.Equal(t, &calls.CallState{CallKey: "x"}, res.Call)

	_, err = (&activities.Outbound{Tracker: tr, Results: results{err: errors.New("terminated")}}).TrackCall(t.Context(), in)
	var lost *temporal.ApplicationError
	require.ErrorAs(t, err, &lost)
	require.True(t, lost.NonRetryable())

	tr.err = errors.New("away")
	_, err = (&activities.Outbound{Tracker: tr}).TrackCall(t.Context(), in)
	require.ErrorIs(t, err, tr.err)
}

func TestCallingHours(t *testing.T) {
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	a := &activities.Outbound{}
	env.RegisterActivity(a)
	v, err := env.ExecuteActivity(a.CallingHours, calls.CallingHours{Timezone: "UTC", From: "00:00", To: "24:00"})
	require.NoError(t, err)
	var w outbound.Window
	require.NoError(t, v.Get(&w))
	require.True(t, w.Contains(time.Now()))

	_, err = env.ExecuteActivity(a.CallingHours, calls.CallingHours{Timezone: "Nowhere", From: "00:00", To: "24:00"})
	var e *temporal.ApplicationError
	require.ErrorAs(t, err, &e)
	require.True(t, e.NonRetryable())
}
