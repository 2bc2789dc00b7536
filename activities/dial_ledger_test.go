package activities_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/activities"
	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/ledger"
	"github.com/aftercall/aftercall/internal/unifonic"
)

// TestPlaceCallOfARestoredHistory plays a history that does not know of its dial: restored, or forked at a failover. It
// is the same run, the first try, and there is no heartbeat.
func TestPlaceCallOfARestoredHistory(t *testing.T) {
	api := &creator{id: "call-1"}
	dial := &activities.Dial{API: api, Ledger: openLedger(t)}
	require.Equal(t, calls.Placed, placeBy(t, dial, placeInput()).Placement)
	again := placeBy(t, dial, placeInput())
	require.Equal(t, calls.PlacementUnknown, again.Placement)
	require.Contains(t, again.Reason, "dial ledger")
	require.Len(t, api.posts, 1)
}

// TestPlaceCallOfAHistoryRestoredBetweenPosts: the provider had refused the first post, and placed the second.
func TestPlaceCallOfAHistoryRestoredBetweenPosts(t *testing.T) {
	api := &creator{err: &unifonic.CallError{Verdict: unifonic.VerdictNotPlaced, StatusCode: 429}}
	dial := &activities.Dial{API: api, Ledger: openLedger(t)}
	first := placeBy(t, dial, placeInput())
	require.Equal(t, calls.NotPlaced, first.Placement)
	api.err, api.id = nil, "call-1"
	second := placeInput()
	second.Post, second.Claims = first.Post, first.Claims
	require.Equal(t, calls.Placed, placeBy(t, dial, second).Placement)
	for _, in := range []contract.PlaceCallInput{placeInput(), second} {
		require.Equal(t, calls.PlacementUnknown, placeBy(t, dial, in).Placement)
	}
	require.Len(t, api.posts, 2)
}

// claimer is a ledger that answers as it is told.
type claimer struct {
	answer func(ledger.Post) (ledger.Post, error)
	asked  []ledger.Post
}

func (c *claimer) Claim(_ context.Context, p ledger.Post) (ledger.Post, error) {
	c.asked = append(c.asked, p)
	return c.answer(p)
}

func TestPlaceCallWithoutALedgerWaits(t *testing.T) {
	api := &creator{id: "call-1"}
	away := &claimer{answer: func(p ledger.Post) (ledger.Post, error) {
		p.Number, p.Nonces = 3, []string{"n1", "n2"}
		return p, errors.New("no space\nleft")
	}}
	in := placeInput()
	in.Post, in.Claims = 3, []string{"n1"}
	res := placeBy(t, &activities.Dial{API: api, Ledger: away}, in)
	require.Equal(t, []ledger.Post{{Attempt: "order-1-a1", Number: 3, Nonces: []string{"n1"}}}, away.asked)
	require.Equal(t, contract.PlaceCallResult{
		Placement: calls.NotPlaced, Reason: "the dial ledger cannot be written: no space left", Post: 3, Claims: []string{"n1", "n2"},
	}, res)
	require.Empty(t, api.posts)
}

// TestPlaceCallThatIsTooLateAfterItsClaim: a slow ledger must not carry a dial over its deadline.
func TestPlaceCallThatIsTooLateAfterItsClaim(t *testing.T) {
	api := &creator{id: "call-1"}
	in := placeInput()
	in.NotAfter = time.Now().Add(50 * time.Millisecond)
	slow := &claimer{answer: func(p ledger.Post) (ledger.Post, error) {
		<-time.After(time.Until(in.NotAfter))
		p.Number = 1
		return p, nil
	}}
	res := placeBy(t, &activities.Dial{API: api, Ledger: slow}, in)
	require.Equal(t, calls.NotPlaced, res.Placement)
	require.Equal(t, 2, res.Post, "its claim is used up")
	require.Empty(t, api.posts)
}

func TestPlaceCallThatIsTakenBackDuringItsClaim(t *testing.T) {
	api := &creator{id: "call-1"}
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	env.SetWorkerOptions(worker.Options{BackgroundActivityContext: ctx})
	slow := &claimer{answer: func(p ledger.Post) (ledger.Post, error) {
		cancel()
		p.Number = 1
		return p, nil
	}}
	a := &activities.Dial{API: api, Ledger: slow}
	env.RegisterActivity(a)
	v, err := env.ExecuteActivity(a.PlaceCall, placeInput())
	require.NoError(t, err)
	var res contract.PlaceCallResult
	require.NoError(t, v.Get(&res))
	require.Equal(t, calls.NotPlaced, res.Placement)
	require.Equal(t, 2, res.Post)
	require.Empty(t, api.posts)
}

// TestPlaceCallDoesNotClaimWhatItMayNotPost: a fence that holds leaves the ledger alone.
func TestPlaceCallDoesNotClaimWhatItMayNotPost(t *testing.T) {
	for name, edit := range map[string]func(*contract.PlaceCallInput){
		"after its time": func(in *contract.PlaceCallInput) { in.NotAfter = time.Now() },
		"in a reset run": func(in *contract.PlaceCallInput) { in.OriginalRunID = "another" },
	} {
		t.Run(name, func(t *testing.T) {
			in, untouched := placeInput(), &claimer{}
			edit(&in)
			require.Zero(t, placeBy(t, &activities.Dial{API: &creator{}, Ledger: untouched}, in).Post)
			require.Empty(t, untouched.asked)
		})
	}
}

// TestPlaceCallOfASecondTry is an activity that is tried again, whatever the reason: no heartbeat has arrived.
func TestPlaceCallOfASecondTry(t *testing.T) {
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.SetTestTimeout(time.Minute) // the SDK's 3 s are short on a busy machine
	api := &creator{id: "call-1"}
	dial := &activities.Dial{API: api, Ledger: openLedger(t)}
	env.RegisterActivityWithOptions(func(ctx context.Context, in contract.PlaceCallInput) (contract.PlaceCallResult, error) {
		if activity.GetInfo(ctx).Attempt == 1 {
			return contract.PlaceCallResult{}, errors.New("the worker was lost")
		}
		in.OriginalRunID = activity.GetInfo(ctx).WorkflowExecution.RunID
		return dial.PlaceCall(ctx, in)
	}, activity.RegisterOptions{Name: contract.ActivityPlaceCall.Name})
	var res contract.PlaceCallResult
	env.ExecuteWorkflow(func(ctx workflow.Context) error {
		ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
		return workflow.ExecuteActivity(ctx, contract.ActivityPlaceCall.Name, placeInput()).Get(ctx, &res)
	})
	require.NoError(t, env.GetWorkflowError())
	require.Equal(t, calls.PlacementUnknown, res.Placement)
	require.Empty(t, api.posts)
}

// TestTwoReleasesDialOnce: they make different referenceIds of one idempotency key, and claim the dial by one name.
func TestTwoReleasesDialOnce(t *testing.T) {
	earlier, later := placeInput(), placeInput()
	later.Former, later.ReferenceID = earlier.ReferenceID, "another-a1"
	for name, order := range map[string][]contract.PlaceCallInput{"earlier first": {earlier, later}, "later first": {later, earlier}} {
		t.Run(name, func(t *testing.T) {
			api := &creator{id: "call-1"}
			dial := &activities.Dial{API: api, Ledger: openLedger(t)}
			require.Equal(t, calls.Placed, placeBy(t, dial, order[0]).Placement)
			require.Equal(t, calls.PlacementUnknown, placeBy(t, dial, order[1]).Placement)
			require.Len(t, api.posts, 1)
			require.Equal(t, order[0].ReferenceID, api.posts[0].ReferenceID, "the provider hears the request's own")
		})
	}
}
