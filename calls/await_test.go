package calls_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
)

// business is a test environment for a business workflow, in which the test plays aftercall's side of Await.
type business struct {
	*testsuite.TestWorkflowEnvironment
	mu         sync.Mutex // activities run at the same time
	subscribed []calls.SubscribeRequest
	placed     []calls.OutboundCallRequest
	closed     *calls.Outcome // the result of Subscribe
	refuse     error
}

func newBusiness() *business {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	b := &business{TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment()}
	b.SetTestTimeout(time.Minute) // the SDK's 3 s, and 1 s without a yield, are short on a busy machine
	b.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: time.Minute})
	b.RegisterActivityWithOptions(func(_ context.Context, r calls.SubscribeRequest) (calls.SubscribeResult, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.subscribed = append(b.subscribed, r)
		return calls.SubscribeResult{Outcome: b.closed}, b.refuse
	}, activity.RegisterOptions{Name: calls.ActivitySubscribe})
	b.RegisterActivityWithOptions(func(_ context.Context, r calls.OutboundCallRequest) (calls.PlaceResult, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.placed = append(b.placed, r)
		return calls.PlaceResult{}, b.refuse
	}, activity.RegisterOptions{Name: calls.ActivityPlace})
	return b
}

func (b *business) tell(after time.Duration, signal string, v any) {
	b.RegisterDelayedCallback(func() { b.SignalWorkflow(signal, v) }, after)
}

func awaitOne(ctx workflow.Context, callID string) (calls.Outcome, error) {
	return calls.Await(ctx, callID)
}

func outcome(t *testing.T, b *business) calls.Outcome {
	t.Helper()
	require.True(t, b.IsWorkflowCompleted())
	require.NoError(t, b.GetWorkflowError())
	var o calls.Outcome
	require.NoError(t, b.GetWorkflowResult(&o))
	return o
}

func TestAwaitReturnsWhatIsSignalled(t *testing.T) {
	b := newBusiness()
	b.tell(time.Hour, "call-outcome:c1", calls.Outcome{CallKey: "c1", Status: calls.StatusBusy, Revision: 2})
	b.ExecuteWorkflow(awaitOne, "c1")
	require.Equal(t, calls.StatusBusy, outcome(t, b).Status)
	require.Len(t, b.subscribed, 1)
	require.NotEmpty(t, b.subscribed[0].Waiter)
}

// TestAwaitIsToldAtLeastOnce holds that a repeated signal ends one wait, and that the next wait for the same call uses the
// revision.
func TestAwaitIsToldAtLeastOnce(t *testing.T) {
	b := newBusiness()
	for range 2 {
		b.tell(time.Hour, "call-outcome:c1", calls.Outcome{CallKey: "c1", Status: calls.StatusBusy, Revision: 1})
	}
	b.tell(2*time.Hour, "call-outcome:c1", calls.Outcome{CallKey: "c1", Status: calls.StatusCompleted, Revision: 2})
	b.ExecuteWorkflow(func(ctx workflow.Context) ([]calls.Status, error) {
		first, err := calls.Await(ctx, "c1")
		if err != nil {
			return nil, err
		}
		if err := workflow.Sleep(ctx, 2*time.Hour); err != nil {
			return nil, err
		}
		second, err := calls.Await(ctx, "c1")
		return []calls.Status{first.Status, second.Status}, err
	})
	require.NoError(t, b.GetWorkflowError())
	var got []calls.Status
	require.NoError(t, b.GetWorkflowResult(&got))
	require.Equal(t, []calls.Status{calls.StatusBusy, calls.StatusCompleted}, got)
}

func TestAwaitOfAClosedCall(t *testing.T) {
	b := newBusiness()
	b.closed = &calls.Outcome{CallKey: "c1", Status: calls.StatusCompleted}
	b.ExecuteWorkflow(awaitOne, "c1")
	require.Equal(t, calls.StatusCompleted, outcome(t, b).Status)
}

func TestAwaitUsesTheKeyOfAnOddID(t *testing.T) {
	b := newBusiness()
	odd := "a b/c"
	b.tell(time.Hour, "call-outcome:"+calls.Key(odd), calls.Outcome{Status: calls.StatusBusy})
	b.ExecuteWorkflow(awaitOne, odd)
	require.Equal(t, calls.StatusBusy, outcome(t, b).Status)
}

func TestAwaitTimesOut(t *testing.T) {
	b := newBusiness()
	start := b.Now()
	b.ExecuteWorkflow(awaitOne, "c1")
	failure, ok := errors.AsType[*temporal.ApplicationError](b.GetWorkflowError())
	require.True(t, ok)
	require.Equal(t, calls.ErrTypeAwaitTimeout, failure.Type())
	require.Equal(t, 24*time.Hour, b.Now().Sub(start))
}

func TestAwaitWithinReachesTheSubscriptionToo(t *testing.T) {
	b := newBusiness()
	b.refuse = errors.New("aftercall is away")
	b.ExecuteWorkflow(func(ctx workflow.Context) error {
		_, err := calls.Await(ctx, "c1", calls.Within(time.Minute))
		return err
	})
	require.Error(t, b.GetWorkflowError())
}

func TestAwaitEndsWithItsWorkflow(t *testing.T) {
	b := newBusiness()
	b.RegisterDelayedCallback(b.CancelWorkflow, time.Minute)
	b.ExecuteWorkflow(awaitOne, "c1")
	_, ok := errors.AsType[*temporal.CanceledError](b.GetWorkflowError())
	require.True(t, ok, "%v", b.GetWorkflowError())
}

func TestFortyWaitersOfOneWorkflow(t *testing.T) {
	b := newBusiness()
	b.RegisterDelayedCallback(func() { // one signal for each waiter, as the Call workflow sends them
		b.mu.Lock()
		defer b.mu.Unlock()
		for range b.subscribed {
			b.SignalWorkflow("call-outcome:c1", calls.Outcome{CallKey: "c1", Status: calls.StatusCompleted})
		}
	}, time.Hour)
	b.ExecuteWorkflow(func(ctx workflow.Context) (int, error) {
		got := 0
		wg := workflow.NewWaitGroup(ctx)
		wg.Add(40)
		for range 40 {
			workflow.Go(ctx, func(ctx workflow.Context) {
				defer wg.Done()
				if o, err := calls.Await(ctx, "c1"); err == nil && o.Status == calls.StatusCompleted {
					got++
				}
			})
		}
		wg.Wait(ctx)
		return got, nil
	})
	var got int
	require.NoError(t, b.GetWorkflowResult(&got))
	require.Equal(t, 40, got)
	waiters := map[string]bool{}
	for _, s := range b.subscribed {
		waiters[s.Waiter] = true
	}
	require.Len(t, waiters, 40)
}

func TestPlace(t *testing.T) {
	b := newBusiness()
	b.tell(time.Minute, "outbound-outcome:order-1", calls.OutboundOutcome{ReferenceID: "order-1", Attempt: 2, Outcome: calls.Outcome{Status: calls.StatusCompleted}})
	b.ExecuteWorkflow(func(ctx workflow.Context) (calls.OutboundOutcome, error) {
		return calls.Place(ctx, calls.OutboundCallRequest{ReferenceID: "order-1", To: "+966500000001"})
	})
	var o calls.OutboundOutcome
	require.NoError(t, b.GetWorkflowResult(&o))
	require.Equal(t, 2, o.Attempt)
	require.Equal(t, calls.StatusCompleted, o.Status)
	require.Equal(t, "default-test-workflow-id", b.placed[0].Notify.WorkflowID)
}

func TestPlaceGivesARequestAnID(t *testing.T) {
	b := newBusiness()
	b.RegisterDelayedCallback(func() {
		b.SignalWorkflow(calls.SignalOutboundOutcome(b.placed[0].ReferenceID), calls.OutboundOutcome{Outcome: calls.Outcome{Status: calls.StatusBusy}})
	}, time.Minute)
	b.ExecuteWorkflow(func(ctx workflow.Context) (calls.OutboundOutcome, error) {
		return calls.Place(ctx, calls.OutboundCallRequest{To: "+966500000001"})
	})
	require.NoError(t, b.GetWorkflowError())
	require.Regexp(t, `^place-[a-z0-9]+$`, b.placed[0].ReferenceID)
	require.LessOrEqual(t, len(b.placed[0].ReferenceID), 64)
}

func TestPlaceRefused(t *testing.T) {
	b := newBusiness()
	b.refuse = temporal.NewNonRetryableApplicationError("to: must be E.164", calls.ErrTypeInvalidRequest, nil)
	b.ExecuteWorkflow(func(ctx workflow.Context) error {
		_, err := calls.Place(ctx, calls.OutboundCallRequest{ReferenceID: "order-1"})
		return err
	})
	failure, ok := errors.AsType[*temporal.ApplicationError](b.GetWorkflowError())
	require.True(t, ok)
	require.Equal(t, calls.ErrTypeInvalidRequest, failure.Type())
	require.Len(t, b.placed, 1)
}
