package workflows_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/workflows"
)

const (
	maskNumber = "+966110000000"
	maskCaller = "+966500000001"
	maskCallee = "+966560000002"
)

// maskEnv is a MaskingSession in a test environment that skips time; it records everything around the workflow.
type maskEnv struct {
	*testsuite.TestWorkflowEnvironment
	mu        sync.Mutex // signals to others are sent at the same time
	outcomes  []string   // "workflow signal status" of each outcome told, in order
	summaries []calls.MaskingSummary
	sweeps    []contract.KeepSessionRecordingsInput
	closes    int
	telling   func(calls.Outcome) // while an outcome is on its way
	close     func(n int) error   // the provider's answer to deactivation n
	list      func(contract.KeepSessionRecordingsInput) (contract.KeepSessionRecordingsResult, error)
}

func newMaskEnv(t *testing.T) *maskEnv {
	t.Helper()
	e := &maskEnv{TestWorkflowEnvironment: newEnv("mask:m1")}
	e.close = func(int) error { return nil }
	e.telling = func(calls.Outcome) {}
	e.list = func(contract.KeepSessionRecordingsInput) (contract.KeepSessionRecordingsResult, error) {
		return contract.KeepSessionRecordingsResult{}, nil
	}
	e.RegisterWorkflowWithOptions(workflows.MaskingSessionWorkflow, workflow.RegisterOptions{Name: contract.WorkflowMaskingSession.Name})
	e.RegisterActivityWithOptions(func(_ context.Context, in contract.CloseMaskInput) error {
		require.Equal(t, "m1", in.MaskID)
		e.closes++
		return e.close(e.closes)
	}, activity.RegisterOptions{Name: contract.ActivityCloseMask.Name})
	e.RegisterActivityWithOptions(func(_ context.Context, in contract.KeepSessionRecordingsInput) (contract.KeepSessionRecordingsResult, error) {
		e.sweeps = append(e.sweeps, in)
		return e.list(in)
	}, activity.RegisterOptions{Name: contract.ActivityKeepSessionRecordings.Name})
	hearSignals(e.TestWorkflowEnvironment, func(workflowID, signal string, arg any) {
		if workflowID == "gone" {
			return
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		switch v := arg.(type) {
		case calls.Outcome:
			e.telling(v)
			word := string(v.Status)
			if v.Partial {
				word += " partial"
			}
			e.outcomes = append(e.outcomes, fmt.Sprintf("%s %s %s", workflowID, signal, word))
		case calls.MaskingSummary:
			require.Equal(t, "masking-closed:m1", signal)
			e.summaries = append(e.summaries, v)
		}
	})
	return e
}

func (e *maskEnv) at(d time.Duration, f func()) { e.RegisterDelayedCallback(f, d) }

func (e *maskEnv) hear(d time.Duration, states ...calls.CallState) {
	e.at(d, func() {
		for _, s := range states {
			e.SignalWorkflow(contract.SignalCallUpdate.Name, s)
		}
	})
}

func (e *maskEnv) subscribe(d time.Duration, workflowID string) {
	e.at(d, func() { e.SignalWorkflow(calls.SignalSubscribe, calls.Subscription{WorkflowID: workflowID}) })
}

// sendClose sends update close and passes the answer to done.
func (e *maskEnv) sendClose(t *testing.T, d time.Duration, id string, done func(calls.MaskingSessionState, error)) {
	e.at(d, func() {
		e.UpdateWorkflow(contract.UpdateClose.Name, id, &testsuite.TestUpdateCallback{
			OnAccept: func() {}, OnReject: func(err error) { require.NoError(t, err) },
			OnComplete: func(v any, err error) {
				s, _ := v.(calls.MaskingSessionState)
				done(s, err)
			},
		})
	})
}

func (e *maskEnv) query(t *testing.T) calls.MaskingSessionState {
	t.Helper()
	v, err := e.QueryWorkflow(calls.QueryState)
	require.NoError(t, err)
	var s calls.MaskingSessionState
	require.NoError(t, v.Get(&s))
	return s
}

// run runs the session to its end and returns its result and how long it lived.
func (e *maskEnv) run(t *testing.T, s contract.MaskingSettings) (calls.MaskingSessionState, time.Duration) {
	t.Helper()
	started := e.Now()
	e.ExecuteWorkflow(contract.WorkflowMaskingSession.Name, contract.MaskingSessionInput{Edition: contract.Edition, MaskID: "m1", Settings: s})
	require.True(t, e.IsWorkflowCompleted())
	require.NoError(t, e.GetWorkflowError())
	var state calls.MaskingSessionState
	require.NoError(t, e.GetWorkflowResult(&state))
	return state, e.Now().Sub(started)
}

// maskedLegs returns the two sides of call n of a session, each a call of its own. They link to each other.
func maskedLegs(n int, status calls.Status) (in, out calls.CallState) {
	began := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Minute)
	ended, seconds := began.Add(30*time.Second), 30
	leg := func(sid, direction, from, to string) calls.Leg {
		return calls.Leg{
			CallSID: sid, Direction: direction, From: from, To: to, Status: status, RawStatus: string(status),
			Source: calls.SourceNotification, UseCase: "NUMBER_MASKING", DurationSeconds: &seconds, InitiatedAt: &began,
			RequestReceivedAt: &began, CompletedAt: &ended, UniqueCallID: "u-" + sid, ExternalCallsID: "x-" + sid,
		}
	}
	state := func(l calls.Leg) calls.CallState {
		return calls.CallState{
			CallKey: "call-" + l.CallSID, CallID: "call-" + l.CallSID, WorkflowID: "call:call-" + l.CallSID, Final: true, Revision: 2,
			Legs: []calls.Leg{l}, MaskID: "m1", Recordings: []calls.Recording{}, Notified: []calls.Notified{},
			Outcome: &calls.Outcome{
				CallKey: "call-" + l.CallSID, Status: status, DurationSeconds: 30, Source: calls.SourceNotification, CompletedAt: &ended, Revision: 2,
			},
		}
	}
	inLeg := leg(fmt.Sprint("in", n), calls.DirectionInbound, maskCaller, maskNumber)
	outLeg := leg(fmt.Sprint("out", n), calls.DirectionOutbound, maskNumber, maskCallee)
	outLeg.ParentCallSID = inLeg.CallSID
	return state(inLeg), state(outLeg)
}
