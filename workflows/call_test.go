package workflows_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/callstate"
	"github.com/aftercall/aftercall/internal/callstate/callstatetest"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/workflows"
)

// callEnv is a Call workflow in a test environment that skips time; it records everything around the workflow.
type callEnv struct {
	*testsuite.TestWorkflowEnvironment
	mu       sync.Mutex        // signals to other workflows are sent at the same time, as activities run
	told     []calls.Outcome   // outcomes signalled to subscribers, in order
	toldTo   []string          // workflow and signal of each
	updates  []calls.CallState // states sent to OutboundCall
	sessions []contract.TellMaskingSessionInput
	kept     []contract.RecordingURL
	lookups  []contract.LookUpInput
	look     func(contract.LookUpInput) (contract.LookUpResult, error)
}

func newCallEnv(t *testing.T) *callEnv {
	t.Helper()
	e := &callEnv{TestWorkflowEnvironment: newEnv("call:c1")}
	e.RegisterWorkflowWithOptions(workflows.CallWorkflow, workflow.RegisterOptions{Name: contract.WorkflowCall.Name})
	e.look = func(contract.LookUpInput) (contract.LookUpResult, error) {
		return contract.LookUpResult{}, temporal.NewApplicationError("not known", contract.ErrTypeNotFound)
	}
	e.RegisterActivityWithOptions(func(_ context.Context, in contract.LookUpInput) (contract.LookUpResult, error) {
		e.lookups = append(e.lookups, in)
		return e.look(in)
	}, activity.RegisterOptions{Name: contract.ActivityLookUpCall.Name})
	e.RegisterActivityWithOptions(func(_ context.Context, in contract.TellMaskingSessionInput) error {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.sessions = append(e.sessions, in)
		return nil
	}, activity.RegisterOptions{Name: contract.ActivityTellMaskingSession.Name})
	e.RegisterActivityWithOptions(func(_ context.Context, r contract.RecordingURL) (calls.Recording, error) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.kept = append(e.kept, r)
		return calls.Recording{}, nil
	}, activity.RegisterOptions{Name: contract.ActivityKeepRecording.Name})
	hearSignals(e.TestWorkflowEnvironment, func(workflowID, signal string, arg any) {
		if workflowID == "gone" {
			return
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		switch v := arg.(type) {
		case calls.Outcome:
			e.told = append(e.told, v)
			e.toldTo = append(e.toldTo, workflowID+" "+signal)
		case calls.CallState:
			e.updates = append(e.updates, v)
		}
	})
	return e
}

// at runs f once the workflow has lived for d.
func (e *callEnv) at(d time.Duration, f func()) { e.RegisterDelayedCallback(f, d) }

func (e *callEnv) notify(d time.Duration, ev calls.StatusEvent) {
	e.at(d, func() { e.SignalWorkflow(contract.SignalCallStatus.Name, ev) })
}

func (e *callEnv) subscribe(d time.Duration, workflowID string) {
	e.at(d, func() { e.SignalWorkflow(calls.SignalSubscribe, calls.Subscription{WorkflowID: workflowID}) })
}

// run runs the workflow to its end and returns its result.
func (e *callEnv) run(t *testing.T, s contract.CallSettings) calls.CallState {
	t.Helper()
	e.ExecuteWorkflow(contract.WorkflowCall.Name, contract.CallInput{CallKey: "c1", Edition: contract.Edition, Settings: s})
	require.True(t, e.IsWorkflowCompleted())
	require.NoError(t, e.GetWorkflowError())
	var state calls.CallState
	require.NoError(t, e.GetWorkflowResult(&state))
	return state
}

var settings = contract.CallSettings{Grace: time.Hour, FailoverGrace: 2 * time.Minute, MaxAge: 24 * time.Hour, ReconcileAfter: 5 * time.Minute}

// said returns a notification of a leg of call c1, received now.
func said(key string, status calls.Status, edit ...func(*calls.StatusEvent)) calls.StatusEvent {
	return callstatetest.Event(time.Now().UTC(), key, status, edit...)
}

// TestCallBeginsWithWhatIsExpected holds that a Call's input counts like signals: a waiter is told, and a workflow that
// tracks the call is not told its own words.
func TestCallBeginsWithWhatIsExpected(t *testing.T) {
	e := newCallEnv(t)
	expected, _ := callstate.Track(callstate.New("c1"), calls.Tracking{To: "+966500000002", ReferenceID: "order-1-a1"})
	e.notify(time.Minute, said("1", calls.StatusRinging))
	e.notify(2*time.Minute, said("2", calls.StatusCompleted, func(e *calls.StatusEvent) { e.CallSID, e.To = "s2", "+966500000002" }))
	e.ExecuteWorkflow(contract.WorkflowCall.Name, contract.CallInput{
		CallKey: "c1", Edition: contract.Edition, Settings: settings, State: &expected,
		Subscribers: []calls.Subscription{{WorkflowID: "order-1"}, {WorkflowID: "call:c2"}, {WorkflowID: strings.Repeat("x", 1001)}},
	})
	require.NoError(t, e.GetWorkflowError())
	require.Equal(t, []string{"order-1 call-outcome:c1"}, e.toldTo, "ours are told in another way, and no id is longer than Temporal's")
	require.Equal(t, calls.StatusCompleted, e.told[0].Status, "of whom is expected")
	require.Len(t, e.updates, 2)
	require.Len(t, e.updates[0].Legs, 1)
}

// TestCallDoesNotEchoATracking holds the same for a tracking that comes by signal.
func TestCallDoesNotEchoATracking(t *testing.T) {
	e := newCallEnv(t)
	e.at(0, func() { e.SignalWorkflow(contract.SignalTrack.Name, calls.Tracking{ReferenceID: "order-1-a1"}) })
	e.at(time.Minute, func() { require.Empty(t, e.updates) })
	e.notify(2*time.Minute, said("1", calls.StatusCompleted))
	e.run(t, settings)
	var refs []string
	for _, u := range e.updates {
		refs = append(refs, u.ReferenceID)
	}
	require.Equal(t, []string{"order-1-a1"}, refs, "news once there is a leg")
}

func TestCallTellsASubscriberOnce(t *testing.T) {
	for name, when := range map[string]time.Duration{"before the first notification": 0, "between two": 90 * time.Second, "within grace": 30 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			e := newCallEnv(t)
			e.subscribe(when, "order-1")
			e.notify(time.Minute, said("1", calls.StatusRinging))
			e.notify(2*time.Minute, said("2", calls.StatusCompleted))
			e.notify(3*time.Minute, said("2", calls.StatusCompleted))
			state := e.run(t, settings)
			require.Equal(t, []string{"order-1 call-outcome:c1"}, e.toldTo)
			require.Equal(t, calls.StatusCompleted, e.told[0].Status)
			require.Equal(t, state.Outcome.Revision, e.told[0].Revision)
			require.Len(t, state.Notified, 1)
			require.Equal(t, "told", state.Notified[0].Result)
			require.Empty(t, e.lookups)
		})
	}
}

func TestCallTellsEveryWaiterOfAWorkflow(t *testing.T) {
	e := newCallEnv(t)
	e.at(time.Second, func() {
		for i := range 40 {
			e.SignalWorkflow(calls.SignalSubscribe, calls.Subscription{WorkflowID: "order-1", Waiter: fmt.Sprint(i)})
		}
	})
	e.notify(time.Minute, said("1", calls.StatusBusy))
	state := e.run(t, settings)
	require.Len(t, e.told, 40)
	require.Len(t, state.Notified, 1, "one line per workflow")
}

func TestCallTellsAgainWhenAskedOrRevised(t *testing.T) {
	e := newCallEnv(t)
	e.subscribe(0, "order-1")
	e.notify(time.Minute, said("1", calls.StatusFailed))
	e.subscribe(2*time.Minute, "order-1")
	completed := time.Now().UTC()
	e.notify(3*time.Minute, said("2", calls.StatusCompleted, func(e *calls.StatusEvent) { e.CompletedAt = &completed }))
	e.run(t, settings)
	require.Len(t, e.told, 3)
	require.Equal(t, e.told[0], e.told[1], "asked again, told again")
	require.Equal(t, calls.StatusCompleted, e.told[2].Status)
	require.Greater(t, e.told[2].Revision, e.told[1].Revision)
	require.True(t, e.told[2].Conflict)
}

func TestCallSurvivesASubscriberThatIsGone(t *testing.T) {
	e := newCallEnv(t)
	e.subscribe(0, "gone")
	e.subscribe(0, "order-1")
	e.notify(time.Minute, said("1", calls.StatusCompleted))
	state := e.run(t, settings)
	require.Equal(t, []string{"order-1 call-outcome:c1"}, e.toldTo)
	require.Equal(t, "not-found", state.Notified[0].Result)
}

func TestCallUnsubscribe(t *testing.T) {
	e := newCallEnv(t)
	e.subscribe(0, "order-1")
	e.at(time.Second, func() { e.SignalWorkflow(calls.SignalUnsubscribe, calls.Subscription{WorkflowID: "order-1"}) })
	e.notify(time.Minute, said("1", calls.StatusCompleted))
	e.run(t, settings)
	require.Empty(t, e.told)
}

func TestCallTellsTheWorkflowThatTheReferenceNames(t *testing.T) {
	e := newCallEnv(t)
	ref := func(ref string) func(*calls.StatusEvent) { return func(e *calls.StatusEvent) { e.ReferenceID = ref } }
	e.notify(time.Minute, said("1", calls.StatusCompleted, ref("wf:order-7")))
	e.run(t, settings)
	require.Equal(t, []string{"order-7 call-outcome:c1"}, e.toldTo)

	e = newCallEnv(t)
	e.notify(time.Minute, said("1", calls.StatusCompleted, ref("wf:outbound:order-7")))
	e.run(t, settings)
	require.Empty(t, e.told, "never one of ours")

	e = newCallEnv(t)
	e.notify(time.Minute, said("1", calls.StatusRinging, ref("order-7-a2")))
	e.notify(2*time.Minute, said("2", calls.StatusCompleted, ref("order-7-a2")))
	e.run(t, settings)
	require.Len(t, e.updates, 2, "the request's workflow gets every revision")
	require.Nil(t, e.updates[1].Evidence)
	require.Equal(t, calls.StatusCompleted, e.updates[1].Outcome.Status)
}

func TestCallStaysOpenForTheGrace(t *testing.T) {
	e := newCallEnv(t)
	start := e.Now()
	e.notify(time.Minute, said("1", calls.StatusCompleted))
	e.run(t, settings)
	require.WithinDuration(t, start.Add(time.Minute+time.Hour), e.Now(), time.Second)
}

func TestCallAsksTheLogWhenTheWebhookIsSilent(t *testing.T) {
	e := newCallEnv(t)
	start := e.Now()
	var asked []time.Duration
	e.look = func(_ contract.LookUpInput) (contract.LookUpResult, error) {
		asked = append(asked, e.Now().Sub(start).Round(time.Second))
		if len(asked) < 3 {
			return contract.LookUpResult{}, temporal.NewApplicationError("not known", contract.ErrTypeNotFound)
		}
		return contract.LookUpResult{Events: []calls.StatusEvent{said("log-1", calls.StatusNoAnswer, func(e *calls.StatusEvent) { e.Source = calls.SourceCallLog })}}, nil
	}
	e.at(0, func() {
		e.SignalWorkflow(contract.SignalTrack.Name, calls.Tracking{To: "+966500000001", Subscription: &calls.Subscription{WorkflowID: "order-1"}})
	})
	state := e.run(t, settings)
	require.Equal(t, []time.Duration{5 * time.Minute, 10 * time.Minute, 20 * time.Minute}, asked)
	require.Equal(t, "c1", e.lookups[0].ID)
	require.Equal(t, calls.StatusNoAnswer, state.Outcome.Status)
	require.Equal(t, calls.SourceCallLog, state.Outcome.Source)
	require.Equal(t, []string{"order-1 call-outcome:c1"}, e.toldTo)
}

func TestCallGivesUp(t *testing.T) {
	e := newCallEnv(t)
	start := e.Now()
	e.subscribe(0, "order-1")
	e.notify(time.Hour, said("1", calls.StatusRinging))
	state := e.run(t, settings)
	require.Equal(t, calls.StatusUnknown, state.Outcome.Status)
	require.Equal(t, calls.SourceGaveUp, state.Outcome.Source)
	require.Equal(t, []string{calls.AttentionGaveUp}, state.Attention)
	require.Len(t, e.told, 1)
	require.WithinDuration(t, start.Add(26*time.Hour), e.Now(), time.Minute, "24 h after its last event, and the grace")
}

func TestCallWaitsWhileTheProviderMayFailOver(t *testing.T) {
	second := func(e *calls.StatusEvent) { e.SecondaryCallerID = "+966115219001" }
	t.Run("it does", func(t *testing.T) {
		e := newCallEnv(t)
		e.subscribe(0, "order-1")
		e.notify(time.Minute, said("1", calls.StatusFailed, second))
		e.notify(90*time.Second, said("2", calls.StatusCompleted, second, func(e *calls.StatusEvent) { e.CallSID, e.From = "s2", "+966115219001" }))
		e.run(t, settings)
		require.Len(t, e.told, 1)
		require.Equal(t, calls.StatusCompleted, e.told[0].Status)
	})
	t.Run("it does not", func(t *testing.T) {
		e := newCallEnv(t)
		e.subscribe(0, "order-1")
		e.look = func(in contract.LookUpInput) (contract.LookUpResult, error) {
			return contract.LookUpResult{Events: []calls.StatusEvent{said("log-1", calls.StatusFailed, func(e *calls.StatusEvent) {
				e.Source, e.FailoverOver = calls.SourceCallLog, in.FailoverOver
			})}}, nil
		}
		e.notify(time.Minute, said("1", calls.StatusFailed, second))
		start := e.Now()
		var told time.Time
		e.at(3*time.Minute+time.Second, func() {
			if len(e.told) == 1 {
				told = e.Now()
			}
		})
		e.run(t, settings)
		require.Len(t, e.lookups, 1)
		require.True(t, e.lookups[0].FailoverOver)
		require.Equal(t, calls.StatusFailed, e.told[0].Status)
		require.WithinDuration(t, start.Add(3*time.Minute), told, 2*time.Second)
	})
}

func TestCallSeveralRecipients(t *testing.T) {
	other := func(e *calls.StatusEvent) { e.CallSID, e.To = "s2", "+966500000002" }
	e := newCallEnv(t)
	e.subscribe(0, "order-1")
	e.notify(time.Minute, said("1", calls.StatusRinging, other))
	e.notify(2*time.Minute, said("2", calls.StatusBusy))
	state := e.run(t, settings)
	require.Len(t, e.told, 1)
	require.True(t, e.told[0].Partial)
	require.Equal(t, calls.StatusBusy, state.Outcome.Status)

	e = newCallEnv(t)
	e.at(0, func() { e.SignalWorkflow(contract.SignalTrack.Name, calls.Tracking{To: "+966500000002"}) })
	e.notify(time.Minute, said("1", calls.StatusCompleted))
	e.notify(2*time.Minute, said("2", calls.StatusBusy, other))
	state = e.run(t, settings)
	require.Equal(t, calls.StatusBusy, state.Outcome.Status, "the expected recipient's")
	require.False(t, state.Outcome.Partial)
}

func TestCallHandsRecordingsOverOnce(t *testing.T) {
	recorded := func(url string) func(*calls.StatusEvent) { return func(e *calls.StatusEvent) { e.RecordingURL = url } }
	e := newCallEnv(t)
	e.subscribe(0, "order-1")
	e.notify(time.Minute, said("1", calls.StatusCompleted))
	e.notify(2*time.Minute, said("2", calls.StatusCompleted, recorded("https://r.example/a?sig=1")))
	e.notify(3*time.Minute, said("2", calls.StatusCompleted, recorded("https://r.example/a?sig=1")))
	e.subscribe(4*time.Minute, "order-2")
	e.run(t, settings)
	require.Len(t, e.kept, 2)
	require.Equal(t, "https://r.example/a?sig=1", e.kept[0].URL)
	require.Equal(t, []string{"order-1"}, e.kept[0].Subscribers)
	require.Empty(t, e.kept[1].URL, "it has the URL; somebody new wants to know")
	require.Equal(t, []string{"order-2"}, e.kept[1].Subscribers)
}

func TestCallTellsItsMaskingSession(t *testing.T) {
	e := newCallEnv(t)
	e.notify(time.Minute, said("1", calls.StatusCompleted, func(e *calls.StatusEvent) { e.MaskID = "m1" }))
	e.run(t, settings)
	require.Len(t, e.sessions, 1)
	require.Equal(t, "m1", e.sessions[0].MaskID)
	require.Nil(t, e.sessions[0].State.Evidence)
}

func TestCallAwaitOutcome(t *testing.T) {
	e := newCallEnv(t)
	var got calls.Outcome
	var failure error
	e.at(0, func() {
		e.UpdateWorkflow(contract.UpdateAwaitOutcome.Name, contract.UpdateAwaitOutcome.Name, &testsuite.TestUpdateCallback{
			OnAccept: func() {}, OnReject: func(err error) { failure = err },
			OnComplete: func(v any, err error) {
				failure = err
				got, _ = v.(calls.Outcome)
			},
		})
	})
	e.notify(time.Minute, said("1", calls.StatusNoAnswer))
	e.run(t, settings)
	require.NoError(t, failure)
	require.Equal(t, calls.StatusNoAnswer, got.Status)
}

func TestCallReadsWhatComesInTheLastMoment(t *testing.T) {
	e := newCallEnv(t)
	e.notify(time.Minute, said("1", calls.StatusFailed))
	completed := time.Now().UTC()
	e.notify(time.Minute+time.Hour-time.Millisecond, said("2", calls.StatusCompleted, func(e *calls.StatusEvent) { e.CompletedAt = &completed }))
	state := e.run(t, settings)
	require.Equal(t, calls.StatusCompleted, state.Outcome.Status)
}

func TestCallDetailsMaskNumbers(t *testing.T) {
	e := newCallEnv(t)
	e.notify(time.Minute, said("1", calls.StatusFailed, func(e *calls.StatusEvent) { e.FailureReason = "no route to 00966500000001" }))
	var shown string
	e.at(2*time.Minute, func() { shown = currentDetails(t, e.TestWorkflowEnvironment) })
	state := e.run(t, settings)
	require.Contains(t, shown, "FAILED")
	require.NotContains(t, shown, "500000001")
	require.Equal(t, "+966500000001", state.Legs[0].To)
}

// TestCallDetailsShowTheStateOfItsRecordings: a recording without trouble costs the call's page nothing; one that is in
// danger or lost is shown there.
func TestCallDetailsShowTheStateOfItsRecordings(t *testing.T) {
	e := newCallEnv(t)
	e.notify(time.Minute, said("1", calls.StatusCompleted, func(e *calls.StatusEvent) { e.RecordingURL = "https://rec.example.com/a.wav" }))
	var shown []string
	look := func(d time.Duration) {
		e.at(d, func() { shown = append(shown, currentDetails(t, e.TestWorkflowEnvironment)) })
	}
	tell := func(d time.Duration, r calls.Recording) {
		e.at(d, func() {
			r.CallKey, r.LegHash, r.Deadline = "c1", e.kept[0].Input().LegHash, time.Date(2026, 1, 4, 9, 0, 0, 0, time.UTC)
			e.SignalWorkflow(calls.SignalRecording("c1"), r)
		})
	}
	look(2 * time.Minute)
	tell(3*time.Minute, calls.Recording{Status: calls.RecordingPending, Alarm: true, Reason: "host-not-allowed"})
	look(4 * time.Minute)
	tell(5*time.Minute, calls.Recording{Status: calls.RecordingStored})
	look(6 * time.Minute)
	state := e.run(t, settings)
	require.Contains(t, shown[0], "| no problem reported | ")
	require.Contains(t, shown[1], "| **in danger**: host-not-allowed | 2026-01-04 09:00:00Z |")
	require.Contains(t, shown[2], "| **STORED** | ")
	require.Len(t, state.Recordings, 1)
	require.NotContains(t, strings.Join(shown, ""), "rec.example.com")
}

// TestCallDetailsShowTheProvidersWordsAsText holds that no text of the provider leaves its cell, or becomes a link or an
// image.
func TestCallDetailsShowTheProvidersWordsAsText(t *testing.T) {
	e := newCallEnv(t)
	e.notify(time.Minute, said("1", calls.StatusUnknown, func(e *calls.StatusEvent) { e.RawStatus = "HELD | [reset](https://evil.example)\n# heading" }))
	e.notify(2*time.Minute, said("2", calls.StatusFailed, func(e *calls.StatusEvent) { e.FailureReason = "![x](https://evil.example/p.png)" }))
	var first, second string
	e.at(90*time.Second, func() { first = currentDetails(t, e.TestWorkflowEnvironment) })
	e.at(150*time.Second, func() { second = currentDetails(t, e.TestWorkflowEnvironment) })
	e.run(t, settings)
	require.Contains(t, first, "UNKNOWN (`HELD ¦ [reset](https://evil.example) # heading`)")
	require.Contains(t, first, "asked after 5m of silence, and the wait ends after 24h of silence")
	require.Contains(t, second, "**FAILED**, by notification: `![x](https://evil.example/p.png)`.")
	for line := range strings.Lines(first) {
		if strings.HasPrefix(line, "| `outbound") {
			require.Equal(t, 6, strings.Count(line, "|"), line)
		}
	}
}

// TestCallOfManyLegsKeepsItsAttributesSmall holds that a call to 250 recipients, the most that the provider accepts at
// once, writes no search attribute for which the server would terminate it.
func TestCallOfManyLegsKeepsItsAttributesSmall(t *testing.T) {
	for name, sid := range map[string]func(i int) string{
		"UUIDs":        func(i int) string { return fmt.Sprintf("3f0c7a52-64a1-4b1e-9a44-%012d", i) },
		"long":         func(i int) string { return fmt.Sprintf("%0128d", i) },
		"to be hashed": func(i int) string { return fmt.Sprintf("call leg %d", i) },
	} {
		t.Run(name, func(t *testing.T) {
			e := newCallEnv(t)
			const recipients = 250
			var longest int
			var newest []string
			e.OnUpsertTypedSearchAttributes(mock.Anything).Run(func(args mock.Arguments) {
				newest, _ = args.Get(0).(temporal.SearchAttributes).GetKeywordList(calls.AttributeCallSID)
				text, err := json.Marshal(newest)
				require.NoError(t, err)
				longest = max(longest, len(text))
			}).Return(nil)
			e.at(time.Minute, func() {
				for i := range recipients {
					e.SignalWorkflow(contract.SignalCallStatus.Name, said(fmt.Sprint(i), calls.StatusCompleted, func(e *calls.StatusEvent) {
						e.CallSID, e.To = sid(i), fmt.Sprintf("+9665012%05d", i)
						begun := time.Date(2026, 11, 23, 9, 0, i, 0, time.UTC)
						e.InitiatedAt = &begun
					}))
				}
			})
			var shown string
			e.at(2*time.Minute, func() { shown = currentDetails(t, e.TestWorkflowEnvironment) })
			state := e.run(t, settings)
			require.Len(t, state.Legs, recipients)
			require.Equal(t, calls.StatusCompleted, state.Outcome.Status)
			require.Less(t, longest, 2048)
			require.Contains(t, newest, calls.Key(sid(recipients-1)), "the newest can be searched for")
			require.Less(t, len(shown), 20_000)
		})
	}
}

// TestCallOfManyRecipientsIsToldAHandfulOfTimes holds that a call to many recipients, with four statuses each, all told
// twice, reaches its end, and that subscribers, the request and the session are not told of every leg.
func TestCallOfManyRecipientsIsToldAHandfulOfTimes(t *testing.T) {
	const recipients = 100
	event := func(i int, status calls.Status) calls.StatusEvent {
		return said(fmt.Sprint(i, status), status, func(e *calls.StatusEvent) {
			e.CallSID, e.To, e.MaskID, e.ReferenceID = fmt.Sprint("s", i), fmt.Sprintf("+9665012%05d", i), "m1", "camp-a1"
			if status.Terminal() {
				ended := time.Date(2026, 11, 23, 9, 0, i, 0, time.UTC)
				e.CompletedAt = &ended
			}
		})
	}
	statuses := []calls.Status{calls.StatusQueued, calls.StatusRinging, calls.StatusAnswered, calls.StatusCompleted}
	e := newCallEnv(t)
	e.SetTestTimeout(2 * time.Minute)
	e.subscribe(0, "order-1")
	inOneRun := settings
	inOneRun.SignalsPerRun = 10_000
	at := time.Minute
	for range 2 {
		for i := range recipients {
			at += 25 * time.Millisecond
			e.at(at, func() {
				for _, s := range statuses {
					e.SignalWorkflow(contract.SignalCallStatus.Name, event(i, s))
				}
			})
		}
	}
	state := e.run(t, inOneRun)
	require.True(t, state.Final)
	require.Equal(t, calls.StatusCompleted, state.Outcome.Status)
	require.Len(t, state.Legs, recipients)
	for what, n := range map[string]int{"subscriber": len(e.told), "request": len(e.updates), "session": len(e.sessions)} {
		require.LessOrEqual(t, n, 12, what)
		require.Positive(t, n, what)
	}
	require.Equal(t, state.Outcome.Revision, e.told[len(e.told)-1].Revision, "whoever waits has the last word")
	require.Equal(t, state.Revision, e.updates[len(e.updates)-1].Revision)
}

func TestCallFinalStaysFinal(t *testing.T) {
	e := newCallEnv(t)
	var finals []bool
	look := func() {
		v, err := e.QueryWorkflow(contract.QueryCall.Name)
		require.NoError(t, err)
		var s calls.CallState
		require.NoError(t, v.Get(&s))
		finals = append(finals, s.Final)
	}
	e.subscribe(0, "order-1")
	e.notify(time.Minute, said("1", calls.StatusCompleted))
	e.at(2*time.Minute, look)
	e.notify(3*time.Minute, said("2", calls.StatusRinging, func(e *calls.StatusEvent) { e.CallSID, e.To = "s2", "+966500000002" }))
	e.at(4*time.Minute, look)
	e.notify(5*time.Minute, said("3", calls.StatusBusy, func(e *calls.StatusEvent) { e.CallSID, e.To = "s2", "+966500000002" }))
	state := e.run(t, settings)
	require.Equal(t, []bool{true, true}, finals)
	require.Len(t, e.told, 3)
	require.Equal(t, []bool{false, true, false}, []bool{e.told[0].Partial, e.told[1].Partial, e.told[2].Partial})
	require.Equal(t, calls.StatusCompleted, state.Outcome.Status)
}

// TestCallEndsWithAStatusThatNobodyKnows holds that the call log is asked at once, and that the call ends in time.
func TestCallEndsWithAStatusThatNobodyKnows(t *testing.T) {
	word := func(e *calls.StatusEvent) {
		e.RawStatus = "Teleported"
		ended := time.Now().UTC()
		e.CompletedAt = &ended
	}
	e := newCallEnv(t)
	started := e.Now()
	var asked, told time.Time
	e.look = func(contract.LookUpInput) (contract.LookUpResult, error) {
		if asked.IsZero() {
			asked = e.Now()
		}
		return contract.LookUpResult{}, temporal.NewApplicationError("not over", contract.ErrTypeNotTerminal)
	}
	e.subscribe(0, "order-1")
	e.notify(time.Minute, said("1", calls.StatusUnknown, word))
	e.at(11*time.Minute+time.Second, func() {
		if len(e.told) == 1 {
			told = e.Now()
		}
	})
	state := e.run(t, settings)
	require.WithinDuration(t, started.Add(time.Minute), asked, 5*time.Second)
	require.False(t, told.IsZero())
	require.Equal(t, calls.StatusUnknown, e.told[0].Status)
	require.Equal(t, []string{calls.AttentionUnknownStatus}, state.Attention)
}

// TestCallTellsItsRequestWhateverTheProviderSays holds that a tracked call belongs to the request that tracks it, even if a
// notification has another reference or spells it differently; the request in the notification is told as well.
func TestCallTellsItsRequestWhateverTheProviderSays(t *testing.T) {
	e := newCallEnv(t)
	e.at(0, func() {
		e.SignalWorkflow(contract.SignalTrack.Name, calls.Tracking{To: "+966500000001", ReferenceID: "order-1-a1"})
	})
	e.notify(time.Minute, said("1", calls.StatusFailed, func(e *calls.StatusEvent) { e.ReferenceID, e.To = "other-a1", "0500000001" }))
	e.run(t, settings)
	var refs []string
	for _, u := range e.updates {
		if u.Final {
			refs = append(refs, u.ReferenceID)
		}
	}
	require.Equal(t, []string{"order-1-a1", "other-a1"}, refs)
}

// TestCallTellsNobodyWhoseIDIsTooLong holds that no foreign text makes a command that Temporal refuses.
func TestCallTellsNobodyWhoseIDIsTooLong(t *testing.T) {
	for _, ref := range []string{calls.ForeignWorkflowPrefix + strings.Repeat("x", 1200), strings.Repeat("x", 1200) + "-a1", strings.Repeat("x", 995) + "-a1"} {
		e := newCallEnv(t)
		e.subscribe(0, strings.Repeat("y", 1001))
		e.notify(time.Minute, said("1", calls.StatusCompleted, func(e *calls.StatusEvent) { e.ReferenceID = ref }))
		state := e.run(t, settings)
		require.True(t, state.Final)
		require.Empty(t, e.told)
		require.Empty(t, e.updates)
		require.Empty(t, state.Notified)
	}
}

// TestCallCancelledHandsOver holds that events that come with the cancellation still reach recording and session.
func TestCallCancelledHandsOver(t *testing.T) {
	e := newCallEnv(t)
	e.at(time.Minute, func() {
		e.SignalWorkflow(contract.SignalCallStatus.Name, said("1", calls.StatusCompleted, func(e *calls.StatusEvent) {
			e.RecordingURL, e.MaskID, e.ReferenceID = "https://r.example/a", "m1", "order-1-a1"
		}))
		e.CancelWorkflow()
		e.SignalWorkflow(contract.SignalCallStatus.Name, said("2", calls.StatusBusy, func(e *calls.StatusEvent) {
			e.CallSID, e.MaskID, e.ReferenceID = "s2", "m1", "order-1-a1"
		}))
	})
	e.ExecuteWorkflow(contract.WorkflowCall.Name, contract.CallInput{CallKey: "c1", Edition: contract.Edition, Settings: settings})
	require.ErrorContains(t, e.GetWorkflowError(), "canceled")
	require.NotEmpty(t, e.sessions)
	require.True(t, slices.ContainsFunc(e.sessions, func(in contract.TellMaskingSessionInput) bool { return len(in.State.Legs) == 2 }),
		"also what came after the cancellation")
	require.Len(t, e.updates[len(e.updates)-1].Legs, 2)
	require.Len(t, e.kept, 1)
}

func TestCallResultTakesALateNotification(t *testing.T) {
	e := newCallEnv(t)
	e.notify(time.Minute, said("1", calls.StatusCompleted))
	state := e.run(t, settings)
	_, changed := callstate.Apply(state, said("1", calls.StatusCompleted))
	require.False(t, changed)
	_, changed = callstate.Apply(state, said("9", calls.StatusCompleted, func(e *calls.StatusEvent) { e.RecordingURL = "https://r.example/a" }))
	require.True(t, changed)
}

func TestCallCancelledLeavesNothingUnread(t *testing.T) {
	e := newCallEnv(t)
	e.subscribe(0, "order-1")
	e.at(time.Minute, func() {
		e.SignalWorkflow(contract.SignalCallStatus.Name, said("1", calls.StatusCompleted))
		e.CancelWorkflow()
	})
	e.ExecuteWorkflow(contract.WorkflowCall.Name, contract.CallInput{CallKey: "c1", Edition: contract.Edition, Settings: settings})
	require.True(t, temporal.IsCanceledError(errors.Unwrap(e.GetWorkflowError())) || strings.Contains(e.GetWorkflowError().Error(), "canceled"))
	require.Len(t, e.told, 1)
}
