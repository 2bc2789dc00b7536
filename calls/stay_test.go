package calls_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
)

// staying is a test environment in which the activities of waits stay, as aftercall's do.
type staying struct {
	*business
	mu      sync.Mutex
	asked   []calls.SubscribeRequest
	tries   map[string]int // of a waiter
	left    []string       // waiters that have unsubscribed
	answers func(calls.SubscribeRequest, int) (*calls.Outcome, error)
}

func newStaying() *staying {
	s := &staying{business: newBusiness(), tries: map[string]int{}}
	s.RegisterActivityWithOptions(s.subscribe, activity.RegisterOptions{Name: calls.ActivitySubscribe, DisableAlreadyRegisteredCheck: true})
	s.RegisterActivityWithOptions(func(_ context.Context, r calls.SubscribeRequest) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.left = append(s.left, r.Waiter)
		return nil
	}, activity.RegisterOptions{Name: calls.ActivityUnsubscribe})
	return s
}

func (s *staying) subscribe(_ context.Context, r calls.SubscribeRequest) (calls.SubscribeResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, r)
	s.tries[r.Waiter]++
	if s.answers != nil {
		if o, err := s.answers(r, s.tries[r.Waiter]); o != nil || err != nil {
			return calls.SubscribeResult{Outcome: o}, err
		}
	}
	if r.Stay == 0 {
		return calls.SubscribeResult{}, nil
	}
	return calls.SubscribeResult{}, temporal.NewApplicationErrorWithOptions("subscribed", calls.ErrTypeSubscribed, temporal.ApplicationErrorOptions{
		NextRetryDelay: time.Duration(r.Stay) * time.Second,
	})
}

func failureType(t *testing.T, err error) string {
	t.Helper()
	failure, ok := errors.AsType[*temporal.ApplicationError](err)
	require.True(t, ok, "%v", err)
	return failure.Type()
}

func TestTheActivityOfAWaitStaysUntilItIsTold(t *testing.T) {
	s := newStaying()
	s.tell(time.Hour, "call-outcome:c1", calls.Outcome{Status: calls.StatusBusy})
	begin := s.Now()
	s.ExecuteWorkflow(awaitOne, "c1")
	require.Equal(t, calls.StatusBusy, outcome(t, s.business).Status)
	require.Equal(t, time.Hour, s.Now().Sub(begin))
	require.Len(t, s.asked, 1)
	require.Equal(t, 12*60*60, s.asked[0].Stay, "half of the time in which aftercall must answer")
	require.Empty(t, s.left)
}

func TestAnActivityThatStayedAsksAgain(t *testing.T) {
	s := newStaying()
	s.answers = func(_ calls.SubscribeRequest, try int) (*calls.Outcome, error) {
		if try == 1 {
			return nil, nil
		}
		return &calls.Outcome{Status: calls.StatusCompleted}, nil
	}
	begin := s.Now()
	s.ExecuteWorkflow(awaitOne, "c1")
	require.Equal(t, calls.StatusCompleted, outcome(t, s.business).Status, "although no signal came")
	require.Equal(t, 12*time.Hour, s.Now().Sub(begin))
}

func TestAWaitThatStaysEndsInTime(t *testing.T) {
	s := newStaying()
	s.answers = func(_ calls.SubscribeRequest, try int) (*calls.Outcome, error) {
		if try == 1 {
			return nil, nil
		}
		return nil, errors.New("away")
	}
	begin := s.Now()
	s.ExecuteWorkflow(func(ctx workflow.Context) error {
		_, err := calls.Await(ctx, "c1", calls.Within(time.Hour))
		if err == nil {
			return errors.New("it has an outcome")
		}
		_ = workflow.Sleep(ctx, time.Minute)
		return err
	})
	require.Equal(t, calls.ErrTypeAwaitTimeout, failureType(t, s.GetWorkflowError()))
	require.WithinDuration(t, begin.Add(time.Hour+time.Minute), s.Now(), 2*time.Second)
	require.Equal(t, 59*60+59, s.asked[0].Stay)
	require.Equal(t, []string{s.asked[0].Waiter}, slices.Compact(s.left), "it unsubscribes")
}

func TestACancelledWaitThatStaysUnsubscribes(t *testing.T) {
	s := newStaying()
	s.RegisterDelayedCallback(s.CancelWorkflow, time.Minute)
	s.ExecuteWorkflow(func(ctx workflow.Context) error {
		_, err := calls.Await(ctx, "c1")
		lasting, _ := workflow.NewDisconnectedContext(ctx)
		return errors.Join(workflow.Sleep(lasting, time.Minute), err)
	})
	require.ErrorContains(t, s.GetWorkflowError(), "canceled")
	require.Equal(t, []string{s.asked[0].Waiter}, s.left)
}

// TestAWaitThatIsNotSubscribedTakesNoSignalAway lets the first of two waits for a call take the signal of the second, when
// it is not subscribed itself.
func TestAWaitThatIsNotSubscribedTakesNoSignalAway(t *testing.T) {
	s := newStaying()
	first := ""
	s.answers = func(r calls.SubscribeRequest, try int) (*calls.Outcome, error) {
		if first == "" {
			first = r.Waiter
		}
		switch {
		case r.Waiter == first && try == 1:
			return nil, errors.New("away")
		case try == 1:
			s.tell(0, "call-outcome:c1", calls.Outcome{Status: calls.StatusCompleted})
		case r.Waiter == first && try == 2:
			s.tell(time.Minute, "call-outcome:c1", calls.Outcome{Status: calls.StatusCompleted})
		}
		return nil, nil
	}
	begin := s.Now()
	s.ExecuteWorkflow(func(ctx workflow.Context) (string, error) {
		order := ""
		wg := workflow.NewWaitGroup(ctx)
		wg.Add(2)
		for i := range 2 {
			workflow.Go(ctx, func(ctx workflow.Context) {
				defer wg.Done()
				if i == 1 {
					_ = workflow.Sleep(ctx, 500*time.Millisecond) // the first has asked in vain
				}
				o, err := calls.Await(ctx, "c1")
				order += fmt.Sprint(i, o.Status, err, " ")
			})
		}
		wg.Wait(ctx)
		return order, nil
	})
	require.NoError(t, s.GetWorkflowError())
	var order string
	require.NoError(t, s.GetWorkflowResult(&order))
	require.Equal(t, "0COMPLETED<nil> 1COMPLETED<nil> ", order)
	require.Less(t, s.Now().Sub(begin), time.Hour)
}

func TestOnlySomeActivitiesOfARunStay(t *testing.T) {
	s := newStaying()
	s.RegisterDelayedCallback(func() {
		for i := range 250 {
			s.SignalWorkflow(fmt.Sprintf("call-outcome:c%d", i), calls.Outcome{Status: calls.StatusCompleted})
		}
	}, time.Minute)
	s.ExecuteWorkflow(func(ctx workflow.Context) error {
		wg := workflow.NewWaitGroup(ctx)
		wg.Add(250)
		for i := range 250 {
			workflow.Go(ctx, func(ctx workflow.Context) {
				defer wg.Done()
				_, _ = calls.Await(ctx, fmt.Sprintf("c%d", i))
			})
		}
		wg.Wait(ctx)
		return nil
	})
	require.NoError(t, s.GetWorkflowError())
	stay := 0
	for _, r := range s.asked {
		if r.Stay > 0 {
			stay++
		}
	}
	require.Len(t, s.asked, 250)
	require.Equal(t, 200, stay, "Temporal allows 2,000 pending activities, and the workflow has its own")
}
