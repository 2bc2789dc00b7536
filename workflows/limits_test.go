package workflows_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"pgregory.net/rapid"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

// foreign generates a text of any length and content, as it may come from outside.
func foreign() *rapid.Generator[string] {
	return rapid.OneOf(rapid.String(), rapid.Custom(func(t *rapid.T) string {
		return strings.Repeat(rapid.SampledFrom([]string{"x", "ش", "|", "+966500000001 ", "wf:", "-a1"}).Draw(t, "unit"), rapid.IntRange(0, 9_000).Draw(t, "n"))
	}), rapid.SampledFrom([]string{"", "wf:" + strings.Repeat("y", 998), strings.Repeat("y", 990) + "-a1", "order-1-a1", "wf:order-1"}))
}

// Limits of the server. A command over a limit fails the workflow task for ever, or the workflow is terminated.
const (
	limitID        = 1000
	limitAttribute = 2048 // bytes of one search attribute
	limitDetails   = 20_000
	limitPayload   = 1_000_000
)

// fitsServer checks the search attributes that a workflow writes against the limits of the server. hearSignals checks its
// signals.
func fitsServer(t require.TestingT, e *testsuite.TestWorkflowEnvironment) {
	e.OnUpsertTypedSearchAttributes(mock.Anything).Run(func(args mock.Arguments) {
		total := 0
		for key, value := range args.Get(0).(temporal.SearchAttributes).GetUntypedValues() {
			text, err := json.Marshal(value)
			require.NoError(t, err)
			require.LessOrEqual(t, len(text), limitAttribute, key.GetName())
			total += len(text)
		}
		require.LessOrEqual(t, total, 40_000)
	}).Return(nil)
}

// requireSmall checks a workflow's result and details against the limits.
func requireSmall(t require.TestingT, result any, shown string) {
	text, err := json.Marshal(result)
	require.NoError(t, err)
	require.Less(t, len(text), limitPayload)
	require.Less(t, len(shown), limitDetails)
}

// anyEdition generates the edition of an earlier release or of today: these tell others in different ways.
func anyEdition(t *rapid.T) int { return rapid.IntRange(0, contract.Edition).Draw(t, "edition") }

// edited replaces some of the fields by a foreign text.
func edited(t *rapid.T, fields ...*string) {
	for _, field := range fields {
		if rapid.IntRange(0, 3).Draw(t, "change") == 0 {
			*field = foreign().Draw(t, "text")
		}
	}
}

// TestOutboundCommandsFitTheServer runs a request with texts of any content and length from the provider, its calls and its
// waiters, and checks its commands.
func TestOutboundCommandsFitTheServer(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		e := newOutboundEnv(t)
		e.business, e.in.Edition = nil, anyEdition(rt)
		fitsServer(rt, e.TestWorkflowEnvironment)
		placed := contract.PlaceCallResult{
			Placement: rapid.SampledFrom([]calls.Placement{calls.Placed, calls.NotPlaced, calls.PlacementUnknown}).Draw(rt, "placement"), CallID: "call-1", Reason: "r",
		}
		edited(rt, &placed.CallID, &placed.Reason)
		e.place = func(int) (contract.PlaceCallResult, error) { return placed, nil }
		for i := range rapid.IntRange(1, 4).Draw(rt, "events") {
			d := time.Duration(i+1) * time.Minute
			switch rapid.IntRange(0, 3).Draw(rt, "what") {
			case 0:
				s := calls.Subscription{WorkflowID: foreign().Draw(rt, "subscriber"), Waiter: foreign().Draw(rt, "waiter")}
				e.at(d, func() { e.SignalWorkflow(calls.SignalSubscribe, s) })
			case 1:
				reason := foreign().Draw(rt, "reason")
				e.at(d, func() { e.SignalWorkflow(calls.SignalStop, calls.StopRequest{Reason: reason}) })
			default:
				status := rapid.SampledFrom([]calls.Status{calls.StatusCompleted, calls.StatusFailed, calls.StatusUnknown, calls.StatusBusy}).Draw(rt, "status")
				e.update(d, 1, status, func(c *calls.CallState) {
					c.CallID, c.CallKey = placed.CallID, calls.Key(placed.CallID)
					l := &c.Legs[0]
					edited(rt, &c.ReferenceID, &l.CallSID, &l.RawStatus, &l.FailureReason, &l.From, &l.To, &l.UniqueCallID)
					if c.Outcome != nil {
						edited(rt, &c.Outcome.FailureReason, &c.Outcome.CallID)
					}
				})
			}
		}
		var shown string
		e.at(10*time.Minute, func() { shown = currentDetails(t, e.TestWorkflowEnvironment) })
		e.execute()
		require.NoError(rt, e.GetWorkflowError())
		var s calls.OutboundCallState
		require.NoError(rt, e.GetWorkflowResult(&s))
		requireSmall(rt, s, shown)
	})
}

// TestMaskingCommandsFitTheServer does the same for a session.
func TestMaskingCommandsFitTheServer(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		e := newMaskEnv(t)
		fitsServer(rt, e.TestWorkflowEnvironment)
		for i := range rapid.IntRange(1, 4).Draw(rt, "events") {
			d := time.Duration(i+1) * time.Minute
			switch rapid.IntRange(0, 3).Draw(rt, "what") {
			case 0:
				e.subscribe(d, foreign().Draw(rt, "subscriber"))
			case 1:
				opened := contract.MaskOpened{MaskingNumber: foreign().Draw(rt, "number"), From: foreign().Draw(rt, "from"), To: foreign().Draw(rt, "to"),
					ReferenceID: fmt.Sprint("ref-", i), CreatedAt: e.Now()}
				e.at(d, func() { e.SignalWorkflow(contract.SignalMaskOpened.Name, opened) })
			default:
				in, out := maskedLegs(i, calls.StatusCompleted)
				for _, s := range []*calls.CallState{&in, &out} {
					l := &s.Legs[0]
					edited(rt, &l.CallSID, &l.RawStatus, &l.FailureReason, &l.From, &l.To, &l.ParentCallSID, &l.UniqueCallID, &l.UseCase, &l.RecordingID, &s.Outcome.FailureReason)
				}
				e.hear(d, in, out)
			}
		}
		var shown string
		e.at(10*time.Minute, func() { shown = currentDetails(t, e.TestWorkflowEnvironment) })
		e.ExecuteWorkflow(contract.WorkflowMaskingSession.Name, contract.MaskingSessionInput{Edition: anyEdition(rt), MaskID: "m1"})
		require.NoError(rt, e.GetWorkflowError())
		var state calls.MaskingSessionState
		require.NoError(rt, e.GetWorkflowResult(&state))
		requireSmall(rt, state, shown)
	})
}
