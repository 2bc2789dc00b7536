package workflows_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/callstate"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/workflows"
)

func TestMaskingSessionOfAnUnknownMaskTellsItsStory(t *testing.T) {
	e := newMaskEnv(t)
	in, out := maskedLegs(1, calls.StatusCompleted)
	e.hear(0, in)
	e.subscribe(time.Second, "shop")
	e.hear(10*time.Second, out, out, in)
	state, lived := e.run(t, contract.MaskingSettings{})

	require.Equal(t, calls.MaskingClosed, state.State)
	require.Len(t, state.Calls, 1)
	require.Equal(t, calls.PairingPaired, state.Calls[0].Pairing)
	require.Equal(t, calls.StatusCompleted, state.Calls[0].Outcome.Status)
	require.Equal(t, "mask:m1", state.WorkflowID)
	require.Equal(t, []string{"shop call-outcome:call-out1 COMPLETED"}, e.outcomes)
	require.Len(t, e.summaries, 1)
	require.Equal(t, calls.MaskingTotals{Calls: 1, Paired: 1, Completed: 1}, e.summaries[0].Totals)
	require.Equal(t, calls.MaskingEndedExpired, e.summaries[0].Reason)
	require.InDelta(t, 25*time.Hour+10*time.Second, lived, float64(time.Second))
	require.Len(t, e.sweeps, 1)
}

func TestMaskingSessionTellsOfALegAloneAfterAWindow(t *testing.T) {
	e := newMaskEnv(t)
	in, out := maskedLegs(1, calls.StatusBusy)
	e.subscribe(0, "shop")
	e.hear(0, in)
	e.at(119*time.Second, func() {
		require.Empty(t, e.outcomes)
		require.Equal(t, calls.PairingPartial, e.query(t).Calls[0].Pairing)
	})
	e.at(121*time.Second, func() { require.Equal(t, []string{"shop call-outcome:call-in1 BUSY partial"}, e.outcomes) })
	e.hear(time.Hour, out)
	state, _ := e.run(t, contract.MaskingSettings{})
	require.Equal(t, calls.PairingPaired, state.Calls[0].Pairing)
	require.Equal(t, []string{"shop call-outcome:call-in1 BUSY partial", "shop call-outcome:call-out1 BUSY"}, e.outcomes)
	require.Empty(t, e.sweeps, "nobody spoke")
}

func TestMaskingSessionTellsARevisionAgainAndAWorkflowThatIsGoneIsNoError(t *testing.T) {
	e := newMaskEnv(t)
	in, out := maskedLegs(1, calls.StatusFailed)
	e.subscribe(0, "gone")
	e.subscribe(0, "shop")
	e.hear(0, in, out)
	_, better := maskedLegs(1, calls.StatusCompleted)
	better.Revision, better.Outcome.Revision = 3, 3
	e.hear(time.Minute, better)
	e.subscribe(time.Hour, "late")
	e.at(2*time.Hour, func() {
		e.SignalWorkflow(calls.SignalUnsubscribe, calls.Subscription{WorkflowID: "shop"})
		e.SignalWorkflow(calls.SignalSubscribe, calls.Subscription{WorkflowID: "outbound:r1"}) // one of ours
	})
	state, _ := e.run(t, contract.MaskingSettings{})
	require.Equal(t, []string{
		"shop call-outcome:call-out1 FAILED", "shop call-outcome:call-out1 COMPLETED", "late call-outcome:call-out1 COMPLETED",
	}, e.outcomes)
	require.Len(t, e.summaries, 1, "one subscriber is left")
	require.Equal(t, []calls.Subscription{{WorkflowID: "gone"}, {WorkflowID: "late"}}, state.Subscribers)
	require.True(t, slices.ContainsFunc(state.Notified, func(n calls.Notified) bool { return n.WorkflowID == "gone" && n.Result == "not-found" }))
}

func TestMaskingSessionCloses(t *testing.T) {
	e := newMaskEnv(t)
	opened := contract.MaskOpened{
		MaskingNumber: maskNumber, From: maskCaller, To: maskCallee, ReferenceID: "r1", CreatedAt: e.Now().UTC(), Notify: &calls.Notify{WorkflowID: "shop"},
	}
	e.at(0, func() { e.SignalWorkflow(contract.SignalMaskOpened.Name, opened) })
	in, out := maskedLegs(1, calls.StatusNoAnswer)
	e.hear(time.Minute, in, out)
	var answers []calls.MaskingState
	for i := range 2 {
		e.sendClose(t, time.Duration(10+i)*time.Minute, fmt.Sprint("close", i), func(s calls.MaskingSessionState, err error) {
			require.NoError(t, err)
			answers = append(answers, s.State)
		})
	}
	e.at(9*time.Minute, func() {
		s := e.query(t)
		require.Equal(t, calls.MaskingOpen, s.State)
		require.Equal(t, []string{maskNumber, maskCaller, maskCallee, "r1"}, []string{s.MaskingNumber, s.From, s.To, s.ReferenceID})
		require.WithinDuration(t, opened.CreatedAt.Add(24*time.Hour), *s.ExpiresAt, 0)
	})
	state, lived := e.run(t, contract.MaskingSettings{})
	require.Equal(t, []calls.MaskingState{calls.MaskingClosed, calls.MaskingClosed}, answers)
	require.Equal(t, calls.MaskingClosed, state.State)
	require.Equal(t, 1, e.closes)
	require.InDelta(t, 12*time.Minute, lived, float64(10*time.Second))
	require.Equal(t, calls.MaskingEndedClosed, e.summaries[0].Reason)
	require.Equal(t, 1, e.summaries[0].Totals.Calls)
}

func TestAClosedMaskingSessionWaitsForItsCalls(t *testing.T) {
	e := newMaskEnv(t)
	in, out := maskedLegs(1, calls.StatusCompleted)
	ringing := out
	ringing.Revision, ringing.Final, ringing.Outcome = 1, false, nil
	ringing.Legs = slices.Clone(out.Legs)
	ringing.Legs[0].Status, ringing.Legs[0].CompletedAt = calls.StatusRinging, nil
	e.subscribe(0, "shop")
	e.hear(0, in, ringing)
	e.sendClose(t, time.Minute, "close", func(_ calls.MaskingSessionState, err error) { require.NoError(t, err) })
	e.at(30*time.Minute, func() { require.Empty(t, e.summaries) })
	e.hear(40*time.Minute, out)
	late, lateOut := maskedLegs(7, calls.StatusBusy)
	e.hear(40*time.Minute+time.Second, late, lateOut) // called just before the mask was gone
	state, lived := e.run(t, contract.MaskingSettings{})
	require.Len(t, state.Calls, 2)
	require.Equal(t, 2, e.summaries[len(e.summaries)-1].Totals.Paired)
	require.InDelta(t, 100*time.Minute, lived, float64(time.Minute), "an hour of quiet before the recordings are listed")
	require.Len(t, e.sweeps, 1)
}

func TestMaskingSessionStaysOpenWhereTheProviderRefusesToClose(t *testing.T) {
	e := newMaskEnv(t)
	e.close = func(n int) error {
		if n == 1 {
			return temporal.NewNonRetryableApplicationError("delete mask: HTTP 403", contract.ErrTypeProviderRefused, nil)
		}
		return nil
	}
	var first error
	e.sendClose(t, time.Minute, "close1", func(_ calls.MaskingSessionState, err error) { first = err })
	e.at(2*time.Minute, func() { require.Equal(t, calls.MaskingOpen, e.query(t).State) })
	e.sendClose(t, 3*time.Minute, "close2", func(s calls.MaskingSessionState, err error) {
		require.NoError(t, err)
		require.Equal(t, calls.MaskingClosed, s.State)
	})
	_, _ = e.run(t, contract.MaskingSettings{})
	requireType(t, first, calls.ErrTypeMaskNotClosed)
	require.ErrorContains(t, first, "403")
	require.Equal(t, 2, e.closes)
}

func TestMaskingSessionGoesOnClosingAfterItsAnswer(t *testing.T) {
	e := newMaskEnv(t)
	e.close = func(n int) error {
		if n < 10 {
			return errors.New("away")
		}
		return nil
	}
	e.sendClose(t, time.Minute, "close", func(_ calls.MaskingSessionState, err error) {
		requireType(t, err, calls.ErrTypeMaskNotClosed)
		require.Equal(t, calls.MaskingOpen, e.query(t).State)
		require.Contains(t, currentDetails(t, e.TestWorkflowEnvironment), "being asked to deactivate")
	})
	state, lived := e.run(t, contract.MaskingSettings{})
	require.Equal(t, calls.MaskingClosed, state.State)
	require.Equal(t, 10, e.closes)
	require.Less(t, lived, time.Hour)
}

func TestMaskingSessionDetailsReadLikeACallLogWithoutNumbers(t *testing.T) {
	e := newMaskEnv(t)
	e.at(0, func() {
		e.SignalWorkflow(contract.SignalMaskOpened.Name, contract.MaskOpened{MaskingNumber: maskNumber, To: maskCallee, CreatedAt: e.Now()})
	})
	in, out := maskedLegs(1, calls.StatusCompleted)
	alone, _ := maskedLegs(2, calls.StatusBusy)
	out.Recordings = []calls.Recording{{CallKey: out.CallKey, Status: calls.RecordingPending}}
	e.hear(time.Second, in, out, alone)
	e.at(time.Minute, func() {
		d := currentDetails(t, e.TestWorkflowEnvironment)
		require.Contains(t, d, "2 calls: 1 with both legs, 1 with one, 0 ambiguous; 1 completed.")
		require.Contains(t, d, "| 11-23 08:01:00 | +9665•••••01 | +9665•••••02 | COMPLETED, 30 s, recorded | both |")
		require.Contains(t, d, "inbound only")
		require.NotContains(t, d, "pending", "the recording's own workflow knows better")
		require.Contains(t, d, "from anybody")
		for _, number := range []string{maskNumber, maskCaller, maskCallee} {
			require.NotContains(t, d, number[5:11])
		}
	})
	_, _ = e.run(t, contract.MaskingSettings{})
}

func TestMaskingSessionListsRecordingsAtAQuietHour(t *testing.T) {
	e := newMaskEnv(t)
	in, out := maskedLegs(1, calls.StatusCompleted)
	out.Legs[0].RecordingID, in.Legs[0].RecordingID = "1111111111111111aa", "2222222222222222bb"
	in.Recordings = []calls.Recording{{CallKey: in.CallKey, Leg: "in1", LegHash: calls.LegHash("in1"), Status: calls.RecordingStored}}
	e.list = func(contract.KeepSessionRecordingsInput) (contract.KeepSessionRecordingsResult, error) {
		return contract.KeepSessionRecordingsResult{Listed: 3, Kept: []contract.KeptRecording{{
			Mark: "3333333333333333", Recording: calls.Recording{CallKey: "mask:m1", LegHash: "abc", MaskID: "m1", Status: calls.RecordingPending},
		}}}, nil
	}
	e.hear(0, in, out)
	again, _ := maskedLegs(2, calls.StatusCompleted)
	e.hear(50*time.Minute, again)
	e.at(109*time.Minute, func() { require.Empty(t, e.sweeps) })
	e.at(111*time.Minute, func() {
		require.Len(t, e.sweeps, 1)
		e.SignalWorkflow(calls.SignalRecording("mask:m1"), calls.Recording{CallKey: "mask:m1", LegHash: "abc", Status: calls.RecordingStored})
	})
	later, _ := maskedLegs(3, calls.StatusCompleted)
	e.hear(5*time.Hour, later)
	state, _ := e.run(t, contract.MaskingSettings{})
	require.Len(t, e.sweeps, 2)
	require.Equal(t, []string{"2222222222222222"}, e.sweeps[0].Known)
	require.Len(t, e.sweeps[0].Legs, 1)
	require.Equal(t, "call-out1", e.sweeps[0].Legs[0].CallKey)
	require.ElementsMatch(t, []string{"2222222222222222", "3333333333333333"}, e.sweeps[1].Known)
	require.Len(t, state.Recordings, 1)
	require.Equal(t, calls.RecordingStored, state.Recordings[0].Status)
}

// TestMaskingSessionKnowsEveryRecordingOfALeg holds that a leg's second recording is listed as the leg's, not as the
// session's, and that neither needs anything more once it is stored.
func TestMaskingSessionKnowsEveryRecordingOfALeg(t *testing.T) {
	e := newMaskEnv(t)
	in, out := maskedLegs(1, calls.StatusCompleted)
	out.Legs[0].RecordingID, out.Legs[0].MoreRecordingIDs = "1111111111111111aa", []string{"2222222222222222bb", "3333333333333333cc"}
	out.Recordings = []calls.Recording{
		{CallKey: out.CallKey, Leg: out.Legs[0].CallSID, LegHash: calls.LegHash("x"), Status: calls.RecordingStored},
		{CallKey: out.CallKey, Leg: out.Legs[0].CallSID, LegHash: calls.LegHash("x") + "-222222222222", Status: calls.RecordingStored},
	}
	e.hear(0, in, out)
	_, _ = e.run(t, contract.MaskingSettings{})
	require.Len(t, e.sweeps, 1)
	require.Len(t, e.sweeps[0].Legs, 1)
	require.Equal(t, "3333333333333333cc", e.sweeps[0].Legs[0].RecordingID)
	require.Equal(t, "333333333333", e.sweeps[0].Legs[0].Path)
	require.Equal(t, []string{"1111111111111111", "2222222222222222"}, e.sweeps[0].Known)
}

func TestMaskingSessionRaisesAnAlarmWhenRecordingsCannotBeListed(t *testing.T) {
	e := newMaskEnv(t)
	e.list = func(contract.KeepSessionRecordingsInput) (contract.KeepSessionRecordingsResult, error) {
		return contract.KeepSessionRecordingsResult{}, temporal.NewNonRetryableApplicationError("HTTP 403", contract.ErrTypeProviderRefused, nil)
	}
	in, out := maskedLegs(1, calls.StatusCompleted)
	e.hear(0, in, out)
	state, _ := e.run(t, contract.MaskingSettings{})
	require.Equal(t, []string{calls.AttentionRecordingAlarm}, state.Attention)
}

func TestACancelledMaskingSessionLeavesNothingUnread(t *testing.T) {
	e := newMaskEnv(t)
	in, out := maskedLegs(1, calls.StatusBusy)
	e.subscribe(0, "shop")
	e.at(time.Minute, func() {
		e.CancelWorkflow()
		e.SignalWorkflow(contract.SignalCallUpdate.Name, in)
		e.SignalWorkflow(contract.SignalCallUpdate.Name, out)
	})
	e.ExecuteWorkflow(contract.WorkflowMaskingSession.Name, contract.MaskingSessionInput{Edition: contract.Edition, MaskID: "m1"})
	var cancelled *temporal.CanceledError
	require.ErrorAs(t, e.GetWorkflowError(), &cancelled)
	require.Equal(t, []string{"shop call-outcome:call-out1 BUSY"}, e.outcomes)
	require.Equal(t, calls.MaskingEndedCancelled, e.summaries[0].Reason)
}

// chain runs a session over as many runs as it needs: batches of updates, each as one burst, then silence.
func chain(t *testing.T, s contract.MaskingSettings, updates []calls.CallState, burst int) (state calls.MaskingSessionState, outcomes []string, runs, largest int) {
	t.Helper()
	next := workflows.MaskingSessionRun{MaskingSessionInput: contract.MaskingSessionInput{Edition: contract.Edition, MaskID: "m1", Settings: s}}
	for {
		runs++
		e := newMaskEnv(t)
		if runs == 1 {
			e.subscribe(0, "shop")
		}
		sent := 0
		var send func()
		send = func() {
			if len(updates) == 0 {
				return
			}
			for n := min(burst, len(updates)-sent); n > 1; n-- { // all before the workflow runs again
				e.SignalWorkflowSkippingWorkflowTask(contract.SignalCallUpdate.Name, updates[sent])
				sent++
			}
			e.SignalWorkflow(contract.SignalCallUpdate.Name, updates[sent])
			sent++
			if sent < len(updates) {
				e.RegisterDelayedCallback(send, time.Second)
			}
		}
		e.RegisterDelayedCallback(send, time.Second)
		e.ExecuteWorkflow(contract.WorkflowMaskingSession.Name, next)
		outcomes = append(outcomes, e.outcomes...)
		var again *workflow.ContinueAsNewError
		if err := e.GetWorkflowError(); !errors.As(err, &again) {
			require.NoError(t, err)
			require.NoError(t, e.GetWorkflowResult(&state))
			return state, outcomes, runs, largest
		}
		updates = updates[sent:]
		largest = max(largest, again.Input.Size())
		next = workflows.MaskingSessionRun{}
		require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(again.Input, &next))
	}
}

func TestMaskingSessionContinuesAsNewWithoutLosingASignal(t *testing.T) {
	var updates []calls.CallState
	for n := range 100 {
		in, out := maskedLegs(n, calls.StatusCompleted)
		updates = append(updates, in, out)
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(updates), func(i, j int) { updates[i], updates[j] = updates[j], updates[i] })
	once, told, runs, _ := chain(t, contract.MaskingSettings{}, updates, 7)
	require.Equal(t, 1, runs)
	for _, burst := range []int{1, 64, 200} {
		state, toldAgain, runs, _ := chain(t, contract.MaskingSettings{SignalsPerRun: 10}, updates, burst)
		require.Greater(t, runs, 1)
		require.Equal(t, once.Calls, state.Calls)
		require.ElementsMatch(t, told, toldAgain, "each outcome is told once, over all runs")
	}
}

// TestMaskingSessionReadsWhatCameWhileItTold ends a run on a leg whose outcome is being told while another leg arrives.
func TestMaskingSessionReadsWhatCameWhileItTold(t *testing.T) {
	e := newMaskEnv(t)
	in, out := maskedLegs(1, calls.StatusCompleted)
	late, _ := maskedLegs(2, calls.StatusCompleted)
	e.telling = func(calls.Outcome) {
		e.telling = func(calls.Outcome) {}
		e.SignalWorkflow(contract.SignalCallUpdate.Name, late)
	}
	e.at(0, func() {
		e.SignalWorkflowSkippingWorkflowTask(calls.SignalSubscribe, calls.Subscription{WorkflowID: "shop"})
		e.SignalWorkflowSkippingWorkflowTask(contract.SignalCallUpdate.Name, in)
		e.SignalWorkflow(contract.SignalCallUpdate.Name, out)
	})
	e.ExecuteWorkflow(contract.WorkflowMaskingSession.Name, contract.MaskingSessionInput{Edition: contract.Edition, MaskID: "m1", Settings: contract.MaskingSettings{SignalsPerRun: 3}})
	var again *workflow.ContinueAsNewError
	require.ErrorAs(t, e.GetWorkflowError(), &again)
	var next workflows.MaskingSessionRun
	require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(again.Input, &next))
	require.Contains(t, next.Carry.Book.Entries, late.CallKey)
	require.Len(t, next.Carry.Book.Entries, 3)
}

func TestAMaskingSessionOfFiveThousandLegsStaysSmall(t *testing.T) {
	var updates []calls.CallState
	for n := range 2500 {
		in, out := maskedLegs(n, calls.StatusCompleted)
		in.Legs[0].RecordingID = calls.HashedKey(fmt.Sprint("recording", n))[7:]
		in.Recordings = []calls.Recording{{CallKey: in.CallKey, Leg: "in", LegHash: "123456789012", Status: calls.RecordingStored, SHA256: in.Legs[0].RecordingID}}
		updates = append(updates, in, out)
	}
	// Neighbours overtake each other, as notifications do.
	r := rand.New(rand.NewPCG(3, 4))
	for i := range updates {
		j := min(i+r.IntN(40), len(updates)-1)
		updates[i], updates[j] = updates[j], updates[i]
	}
	state, told, runs, largest := chain(t, contract.MaskingSettings{}, updates, 100)
	text, err := json.Marshal(state)
	require.NoError(t, err)
	t.Logf("%d runs, carried at most %d KiB, result %d KiB", runs, largest>>10, len(text)>>10)
	require.Equal(t, 3, runs)
	require.Less(t, largest, 2<<20)
	require.Less(t, len(text), 2<<20)
	require.Len(t, state.Calls, 300)
	require.Equal(t, calls.MaskingTotals{Calls: 2200, Paired: 2200, Completed: 2200}, state.Earlier)
	slices.Sort(told)
	require.Equal(t, 2500, len(slices.Compact(told)), "calls of which subscribers were told")
}

// TestSessionTellsNoNumberInClear holds that the outcome of one leg of a shared call carries no number to a workflow
// that is not ours.
func TestSessionTellsNoNumberInClear(t *testing.T) {
	e := newMaskEnv(t)
	var told []calls.Outcome
	e.telling = func(o calls.Outcome) { told = append(told, o) }
	now := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	state := callstate.New("c1")
	for _, ev := range []calls.StatusEvent{
		{EventKey: "1", CallID: "c1", CallSID: "in", Direction: calls.DirectionInbound, From: maskCaller, To: maskNumber,
			Status: calls.StatusFailed, ReceivedAt: now, CompletedAt: &now, MaskID: "m1"},
		{EventKey: "2", CallID: "c1", CallSID: "out", ParentCallSID: "in", Direction: calls.DirectionOutbound, From: maskNumber, To: maskCallee,
			Status: calls.StatusFailed, ReceivedAt: now, CompletedAt: &now, MaskID: "m1", FailureReason: "no route to 00966560000002"},
	} {
		state, _ = callstate.Apply(state, ev)
	}
	state.Evidence = nil
	e.subscribe(0, "order-1")
	e.hear(time.Minute, state)
	e.run(t, contract.MaskingSettings{})
	require.NotEmpty(t, told)
	for _, o := range told {
		require.Contains(t, o.FailureReason, "no route to")
		require.NotContains(t, o.FailureReason, "560000002")
	}
}
