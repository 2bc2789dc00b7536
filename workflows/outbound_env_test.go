package workflows_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/workflows"
)

const (
	callee    = "+966500000004"
	primary   = "+966110000001"
	secondary = "+966110000002"
)

// outboundEnv is an OutboundCall workflow in a test environment that skips time; it records everything around it.
type outboundEnv struct {
	*testsuite.TestWorkflowEnvironment
	t        *testing.T
	in       contract.OutboundCallInput
	began    time.Time
	mu       sync.Mutex // guards what activities and signals record: each runs on its own goroutine
	posts    []contract.PlaceCallInput
	tracks   []contract.TrackCallInput
	looks    []contract.LookUpInput
	told     []calls.OutboundOutcome // to business
	business []string
	place    func(n int) (contract.PlaceCallResult, error)             // the n-th post, from 1
	look     func(contract.LookUpInput) (contract.LookUpResult, error) // default: not found
	closed   *calls.CallState                                          // the answer of TrackCall
	hours    func() (contract.Window, error)
	queued   time.Duration // how long PlaceCall takes
}

func newOutboundEnv(t *testing.T) *outboundEnv {
	t.Helper()
	e := &outboundEnv{TestWorkflowEnvironment: newEnv("outbound:order-1"), t: t, business: []string{"business-1"}}
	e.began = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	e.SetStartTime(e.began)
	e.SetTestTimeout(time.Minute)
	e.in = contract.OutboundCallInput{
		Edition: contract.Edition,
		Request: calls.OutboundCallRequest{
			ReferenceID: "order-1", To: callee, CallerID: primary, SecondaryCallerID: secondary,
			Type: calls.CallTypeTTS, TTS: &calls.TTS{Text: "hello"},
			Failover: &calls.Failover{
				On: []calls.Status{calls.StatusFailed}, By: calls.FailoverByAftercall, MaxAttempts: 2, Delay: "5s",
				OnUnknown: calls.OnUnknownAssumePlaced,
			},
			Deadline: e.began.Add(time.Hour).Format(time.RFC3339),
			Notify:   &calls.Notify{WorkflowID: "business-1"},
		},
		Settings: contract.OutboundSettings{VerifyFailures: true},
	}
	e.place = func(n int) (contract.PlaceCallResult, error) {
		return contract.PlaceCallResult{Placement: calls.Placed, CallID: fmt.Sprintf("call-%d", n)}, nil
	}
	e.look = func(contract.LookUpInput) (contract.LookUpResult, error) {
		return contract.LookUpResult{}, temporal.NewApplicationError("not known", contract.ErrTypeNotFound)
	}
	e.register()
	return e
}

func (e *outboundEnv) register() {
	e.RegisterWorkflowWithOptions(workflows.OutboundCallWorkflow, workflow.RegisterOptions{Name: contract.WorkflowOutboundCall.Name})
	e.RegisterActivityWithOptions(func(context.Context, contract.PlaceCallInput) (contract.PlaceCallResult, error) {
		panic("mocked")
	}, activity.RegisterOptions{Name: contract.ActivityPlaceCall.Name})
	e.RegisterActivityWithOptions(func(_ context.Context, in contract.TrackCallInput) (contract.TrackCallResult, error) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.tracks = append(e.tracks, in)
		return contract.TrackCallResult{Call: e.closed}, nil
	}, activity.RegisterOptions{Name: contract.ActivityTrackCall.Name})
	e.RegisterActivityWithOptions(func(_ context.Context, in contract.LookUpInput) (contract.LookUpResult, error) {
		e.mu.Lock()
		e.looks = append(e.looks, in)
		e.mu.Unlock()
		return e.look(in)
	}, activity.RegisterOptions{Name: contract.ActivityLookUpCall.Name})
	e.RegisterActivityWithOptions(func(context.Context, contract.HoursInput) (contract.HoursResult, error) {
		w, err := e.hours()
		return contract.HoursResult{Window: w}, err
	}, activity.RegisterOptions{Name: contract.ActivityCallingHours.Name})
	hearSignals(e.TestWorkflowEnvironment, func(workflowID, signal string, arg any) {
		if workflowID == "gone" {
			return
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.business != nil { // nil: any workflow
			require.Contains(e.t, e.business, workflowID)
		}
		require.Equal(e.t, calls.SignalOutboundOutcome("order-1"), signal)
		e.told = append(e.told, arg.(calls.OutboundOutcome))
	})
}

// at runs f once the workflow has lived for d.
func (e *outboundEnv) at(d time.Duration, f func()) { e.RegisterDelayedCallback(f, d) }

// update sends an update of the Call workflow about an attempt's call.
func (e *outboundEnv) update(d time.Duration, attempt int, status calls.Status, edit ...func(*calls.CallState)) {
	id := fmt.Sprintf("call-%d", attempt)
	c := calls.CallState{
		CallKey: id, CallID: id, Final: status.Terminal(), Revision: 1, ReferenceID: calls.AttemptReferenceID("order-1", attempt),
		Legs: []calls.Leg{{Direction: calls.DirectionOutbound, To: callee, Status: status, Source: calls.SourceNotification}},
	}
	if c.Final {
		c.Outcome = &calls.Outcome{CallKey: id, CallID: id, Status: status, Source: calls.SourceNotification, Revision: 1}
	}
	for _, f := range edit {
		f(&c)
	}
	e.at(d, func() { e.SignalWorkflow(contract.SignalCallUpdate.Name, c) })
}

// logSays makes the call log answer with a status.
func (e *outboundEnv) logSays(status calls.Status) {
	e.look = func(_ contract.LookUpInput) (contract.LookUpResult, error) {
		return contract.LookUpResult{Events: []calls.StatusEvent{
			{CallKey: "call-1", CallID: "call-1", To: callee, Status: status, Source: calls.SourceCallLog},
		}}, nil
	}
}

// state queries the state.
func (e *outboundEnv) state() calls.OutboundCallState {
	e.t.Helper()
	v, err := e.QueryWorkflow(calls.QueryState)
	require.NoError(e.t, err)
	var s calls.OutboundCallState
	require.NoError(e.t, v.Get(&s))
	return s
}

// execute runs the workflow to its end.
func (e *outboundEnv) execute() {
	e.t.Helper()
	place := e.OnActivity(contract.ActivityPlaceCall.Name, mock.Anything, mock.Anything).Return(
		func(_ context.Context, in contract.PlaceCallInput) (contract.PlaceCallResult, error) {
			e.mu.Lock()
			e.posts = append(e.posts, in)
			n := len(e.posts)
			e.mu.Unlock()
			return e.place(n)
		}).Maybe()
	if e.queued > 0 {
		place.After(e.queued)
	}
	e.ExecuteWorkflow(contract.WorkflowOutboundCall.Name, e.in)
	require.True(e.t, e.IsWorkflowCompleted())
}

// run runs the workflow to its end and returns its result.
func (e *outboundEnv) run() calls.OutboundCallState {
	e.t.Helper()
	e.execute()
	require.NoError(e.t, e.GetWorkflowError())
	var s calls.OutboundCallState
	require.NoError(e.t, e.GetWorkflowResult(&s))
	require.Equal(e.t, "outbound:order-1", s.WorkflowID)
	return s
}

// lived returns how long the workflow lived.
func (e *outboundEnv) lived() time.Duration { return e.Now().Sub(e.began).Round(time.Second) }

// statuses returns the statuses of the outcomes told.
func (e *outboundEnv) statuses() (out []calls.Status) {
	for i, o := range e.told {
		require.Equal(e.t, i+1, o.Revision)
		require.Equal(e.t, "order-1", o.ReferenceID)
		out = append(out, o.Status)
	}
	return out
}

// updated sends an update and passes the answer to done. Only a validator may refuse: that leaves no trace.
func (e *outboundEnv) updated(d time.Duration, name string, arg any, done func(calls.OutboundCallState, error)) {
	e.at(d, func() {
		e.UpdateWorkflow(name, fmt.Sprintf("%s-%s", name, d), &testsuite.TestUpdateCallback{
			OnAccept: func() {},
			OnReject: func(err error) { done(calls.OutboundCallState{}, err) },
			OnComplete: func(v any, err error) {
				require.NoError(e.t, err)
				s, _ := v.(calls.OutboundCallState)
				done(s, nil)
			},
		}, arg)
	})
}

func timeout(kind enumspb.TimeoutType) error { return temporal.NewTimeoutError(kind, nil) }

func unknownResult(int) (contract.PlaceCallResult, error) {
	return contract.PlaceCallResult{Placement: calls.PlacementUnknown, Reason: "create call: HTTP 500: null"}, nil
}
