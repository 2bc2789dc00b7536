package activities_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/aftercall/aftercall/activities"
	"github.com/aftercall/aftercall/calls"
)

// stays returns for how long an activity stays, and 0 if it does not.
func stays(t *testing.T, do, in any) time.Duration {
	t.Helper()
	env := (&testsuite.WorkflowTestSuite{}).NewTestActivityEnvironment()
	env.RegisterActivity(do)
	_, err := env.ExecuteActivity(do, in)
	if err == nil {
		return 0
	}
	e, ok := errors.AsType[*temporal.ApplicationError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, calls.ErrTypeSubscribed, e.Type(), "%v", err)
	require.Equal(t, temporal.ApplicationErrorCategoryBenign, e.Category(), "it is not counted as a failure")
	return e.NextRetryDelay()
}

// TestTheActivityOfAWaitStays holds that each activity that subscribes stays as long as its workflow says, and answers where
// the workflow needs the answer.
func TestTheActivityOfAWaitStays(t *testing.T) {
	const half = 12 * 60 * 60
	place := placeRequest("", time.Now())
	place.Stay = half
	d := &counter{call: calls.CallState{CallKey: "c1"}}
	a := &activities.Calls{Desk: d}
	for name, c := range map[string]struct{ do, in any }{
		"Subscribe":          {a.Subscribe, calls.SubscribeRequest{CallID: "c1", WorkflowID: "shop-1", Stay: half}},
		"SubscribeRecording": {a.SubscribeRecording, calls.SubscribeRequest{CallID: "c1", WorkflowID: "shop-1", Stay: half}},
		"SubscribeMask":      {a.SubscribeMask, calls.SubscribeMaskRequest{MaskID: "m1", WorkflowID: "shop-1", Stay: half}},
		"Place":              {a.Place, place},
	} {
		require.InDelta(t, 12*time.Hour, stays(t, c.do, c.in), float64(time.Second), name)
	}
	ask := func(seconds int) calls.SubscribeRequest {
		return calls.SubscribeRequest{CallID: "c1", WorkflowID: "shop-1", Stay: seconds}
	}
	require.Zero(t, stays(t, a.Subscribe, ask(0)), "an earlier release does not ask for it")
	require.Zero(t, stays(t, a.Subscribe, ask(1)), "its time is over")
	require.InDelta(t, 25*time.Hour, stays(t, a.Subscribe, ask(100*60*60)), float64(2*time.Hour), "by then the call has an outcome")
	d.closed, d.call.Outcome = true, &calls.Outcome{Status: calls.StatusCompleted}
	require.Zero(t, stays(t, a.Subscribe, ask(half)), "the outcome is known")
	d.keyed, d.closed = "hmac-", false
	require.Zero(t, stays(t, a.SubscribeMask, calls.SubscribeMaskRequest{MaskID: "m1", WorkflowID: "shop-1", Stay: half}), "the workflow does not know the signal's name")
	require.Zero(t, stays(t, a.Subscribe, ask(half)), "the workflow does not know the signal's name")
}
