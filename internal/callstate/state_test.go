package callstate_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/callstate"
	"github.com/aftercall/aftercall/internal/callstate/callstatetest"
)

var t0 = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

func at(seconds int) *time.Time {
	t := t0.Add(time.Duration(seconds) * time.Second)
	return &t
}

// event is a notification of an outbound leg; edit makes it another one.
func event(key string, status calls.Status, edit ...func(*calls.StatusEvent)) calls.StatusEvent {
	return callstatetest.Event(t0, key, status, edit...)
}

func completed(sec int) func(*calls.StatusEvent) {
	return func(e *calls.StatusEvent) { e.CompletedAt = at(sec) }
}
func sid(s string) func(*calls.StatusEvent)  { return func(e *calls.StatusEvent) { e.CallSID = s } }
func to(s string) func(*calls.StatusEvent)   { return func(e *calls.StatusEvent) { e.To = s } }
func from(s string) func(*calls.StatusEvent) { return func(e *calls.StatusEvent) { e.From = s } }
func secondary(s string) func(*calls.StatusEvent) {
	return func(e *calls.StatusEvent) { e.SecondaryCallerID = s }
}
func inbound(e *calls.StatusEvent) { e.Direction = calls.DirectionInbound }
func logged(e *calls.StatusEvent)  { e.Source, e.From, e.Direction = calls.SourceCallLog, "", "" }

func applyAll(s calls.CallState, events ...calls.StatusEvent) calls.CallState {
	for _, e := range events {
		s, _ = callstate.Apply(s, e)
	}
	return s
}

func TestOutcome(t *testing.T) {
	const second, other = "+966115219001", "+966500000002"
	confirmed := func(e *calls.StatusEvent) { logged(e); e.FailoverOver = true }
	for name, tc := range map[string]struct {
		events []calls.StatusEvent
		expect string // expected recipient
		want   calls.Status
		check  func(*testing.T, calls.CallState)
	}{
		"nothing":                     {want: ""},
		"not terminal":                {events: []calls.StatusEvent{event("1", calls.StatusRinging)}, want: ""},
		"unknown is never terminal":   {events: []calls.StatusEvent{event("1", calls.StatusUnknown, completed(9))}, want: ""},
		"terminal":                    {events: []calls.StatusEvent{event("1", calls.StatusBusy, completed(9))}, want: calls.StatusBusy},
		"terminal is not overwritten": {events: []calls.StatusEvent{event("1", calls.StatusBusy), event("2", calls.StatusAnswered, completed(99))}, want: calls.StatusBusy},
		"completedAt wins over none": {
			events: []calls.StatusEvent{event("1", calls.StatusCompleted), event("2", calls.StatusFailed, completed(1))}, want: calls.StatusFailed,
			check: func(t *testing.T, s calls.CallState) {
				require.True(t, s.Legs[0].Conflict)
				require.True(t, s.Outcome.Conflict)
				require.Equal(t, []string{calls.AttentionConflict}, s.Attention)
			},
		},
		"later completedAt wins":         {events: []calls.StatusEvent{event("1", calls.StatusCompleted, completed(1)), event("2", calls.StatusBusy, completed(2))}, want: calls.StatusBusy},
		"notification before call log":   {events: []calls.StatusEvent{event("1", calls.StatusFailed), event("2", calls.StatusCompleted, logged)}, want: calls.StatusFailed},
		"order of statuses":              {events: []calls.StatusEvent{event("1", calls.StatusFailed), event("2", calls.StatusNoAnswer)}, want: calls.StatusNoAnswer},
		"best leg of one recipient":      {events: []calls.StatusEvent{event("1", calls.StatusFailed, completed(1)), event("2", calls.StatusCompleted, sid("s2"), completed(2))}, want: calls.StatusCompleted},
		"provider may fail over":         {events: []calls.StatusEvent{event("1", calls.StatusFailed, completed(1), secondary(second))}, want: ""},
		"secondary equal to from":        {events: []calls.StatusEvent{event("1", calls.StatusFailed, completed(1), secondary("+966115219000"))}, want: calls.StatusFailed},
		"busy does not fail over":        {events: []calls.StatusEvent{event("1", calls.StatusBusy, completed(1), secondary(second))}, want: calls.StatusBusy},
		"provider failed over":           {events: []calls.StatusEvent{event("1", calls.StatusFailed, completed(1), secondary(second)), event("2", calls.StatusCompleted, sid("s2"), from(second), secondary(second), completed(2))}, want: calls.StatusCompleted},
		"provider failed over and fails": {events: []calls.StatusEvent{event("1", calls.StatusFailed, completed(1), secondary(second)), event("2", calls.StatusFailed, sid("s2"), from(second), secondary(second), completed(2))}, want: calls.StatusFailed},
		"log too early":                  {events: []calls.StatusEvent{event("1", calls.StatusFailed, secondary(second)), event("2", calls.StatusFailed, logged)}, want: ""},
		"log confirms the failure":       {events: []calls.StatusEvent{event("1", calls.StatusFailed, secondary(second)), event("2", calls.StatusFailed, confirmed)}, want: calls.StatusFailed},
		"several recipients wait":        {events: []calls.StatusEvent{event("1", calls.StatusRinging, sid("s2"), to(other)), event("2", calls.StatusCompleted), event("3", calls.StatusBusy, sid("s2"), to(other))}, want: ""},
		"expected recipient":             {events: []calls.StatusEvent{event("1", calls.StatusCompleted), event("2", calls.StatusBusy, sid("s2"), to(other))}, expect: other, want: calls.StatusBusy},
		"expected recipient not heard":   {events: []calls.StatusEvent{event("1", calls.StatusCompleted)}, expect: other, want: ""},
		"several recipients, log complete": {
			events: []calls.StatusEvent{event("1", calls.StatusCompleted), event("2", calls.StatusBusy, sid("s2"), to(other), func(e *calls.StatusEvent) { e.LogComplete = true })},
			want:   calls.StatusCompleted, check: func(t *testing.T, s calls.CallState) { require.False(t, s.Outcome.Partial) },
		},
		"inbound leg alone":     {events: []calls.StatusEvent{event("1", calls.StatusCompleted, inbound)}, want: calls.StatusCompleted},
		"outbound leg decides":  {events: []calls.StatusEvent{event("1", calls.StatusCompleted, inbound), event("2", calls.StatusNoAnswer, sid("s2"), from("+966500000001"), to(other))}, want: calls.StatusNoAnswer},
		"log without direction": {events: []calls.StatusEvent{event("1", calls.StatusQueued), event("2", calls.StatusNoAnswer, logged, sid(""))}, want: calls.StatusNoAnswer, check: func(t *testing.T, s calls.CallState) { require.Len(t, s.Legs, 1) }},
	} {
		t.Run(name, func(t *testing.T) {
			s := callstate.New("c1")
			if tc.expect != "" {
				s, _ = callstate.Track(s, calls.Tracking{To: tc.expect})
			}
			s = applyAll(s, tc.events...)
			require.Equal(t, tc.want != "", s.Final)
			if s.Final {
				require.Equal(t, tc.want, s.Outcome.Status)
				require.LessOrEqual(t, s.Outcome.Revision, s.Revision)
			}
			if tc.check != nil {
				tc.check(t, s)
			}
		})
	}
}

func TestProvisionalLegIsAdopted(t *testing.T) {
	early := event("1", calls.StatusQueued, sid(""))
	for name, events := range map[string][]calls.StatusEvent{
		"before": {early, event("2", calls.StatusCompleted)},
		"after":  {event("2", calls.StatusCompleted), early},
	} {
		t.Run(name, func(t *testing.T) {
			s := applyAll(callstate.New("c1"), events...)
			require.Len(t, s.Legs, 1)
			require.Equal(t, "s1", s.Legs[0].CallSID)
			require.Equal(t, calls.StatusCompleted, s.Legs[0].Status)
		})
	}
	s := applyAll(callstate.New("c1"), early, event("2", calls.StatusCompleted), event("3", calls.StatusBusy, sid("s2")))
	require.Len(t, s.Legs, 3, "two legs would fit: it stays on its own")
}

func TestLateRecordingURLUpdates(t *testing.T) {
	plain := event("1", calls.StatusCompleted, completed(5))
	with := event("2", calls.StatusCompleted, completed(5), func(e *calls.StatusEvent) { e.RecordingURL = "https://r.example/a?sig=1" })
	s := applyAll(callstate.New("c1"), plain)
	require.Empty(t, callstate.Recordings(s))
	first := s.Outcome.Revision
	s, changed := callstate.Apply(s, with)
	require.True(t, changed)
	require.Equal(t, first, s.Outcome.Revision, "the outcome is the same: nobody is told again")
	urls := callstate.Recordings(s)
	require.Len(t, urls, 1)
	require.Equal(t, "https://r.example/a?sig=1", urls[0].URL)
	require.Len(t, s.Recordings, 1)
	require.Equal(t, at(5).Add(72*time.Hour), s.Recordings[0].Deadline)
	s, changed = callstate.Apply(s, plain)
	require.False(t, changed, "a redelivery without the URL takes nothing back")
	require.Len(t, callstate.Recordings(s), 1)
}

func TestEachPathOfALegIsARecording(t *testing.T) {
	recorded := func(key, url string, sec int) calls.StatusEvent {
		return event(key, calls.StatusCompleted, completed(5), func(e *calls.StatusEvent) {
			e.RecordingURL, e.ReceivedAt = url, *at(sec)
			seventeen := 17
			e.DurationSeconds = &seventeen
		})
	}
	first, again, second := recorded("3", "https://r.example/a?sig=1", 6), recorded("1", "https://r.example/a?sig=2", 8), recorded("2", "https://r.example/b", 7)
	alone := callstate.Recordings(applyAll(callstate.New("c1"), first, again))
	require.Len(t, alone, 2)
	for _, r := range alone {
		require.Empty(t, r.Path)
		require.Equal(t, 17, r.Seconds)
	}
	for _, order := range [][]calls.StatusEvent{{first, again, second}, {second, again, first}, {again, second, first}} {
		s := applyAll(callstate.New("c1"), order...)
		paths := map[string]string{}
		for _, r := range callstate.Recordings(s) {
			paths[r.URL] = r.Path
			require.Zero(t, r.Seconds, "nobody knows how long a part is")
		}
		other := calls.RecordingIdentity("https://r.example/b")[:12]
		require.Equal(t, map[string]string{first.RecordingURL: "", again.RecordingURL: "", second.RecordingURL: other}, paths)
		var ids []string
		for _, r := range s.Recordings {
			ids = append(ids, r.ID)
		}
		require.ElementsMatch(t, []string{calls.LegHash("s1"), calls.LegHash("s1") + "-" + other}, ids)
		require.Equal(t, []string{calls.RecordingIdentity(first.RecordingURL), calls.RecordingIdentity(second.RecordingURL)}, s.Legs[0].RecordingIDs())
	}
}

func TestSameEventUnderAnotherKeyChangesNothing(t *testing.T) {
	s := applyAll(callstate.New("c1"), event("1", calls.StatusCompleted, completed(5)))
	again := event("9", calls.StatusCompleted, completed(5))
	again.ReceivedAt = t0.Add(time.Hour)
	next, changed := callstate.Apply(s, again)
	require.False(t, changed)
	require.Equal(t, s.Revision, next.Revision)
	require.Equal(t, s.Outcome, next.Outcome)
}

func TestRevisionOfTheOutcome(t *testing.T) {
	s := applyAll(callstate.New("c1"), event("1", calls.StatusFailed, completed(1)))
	require.Equal(t, 1, s.Outcome.Revision)
	s, changed := callstate.Apply(s, event("2", calls.StatusCompleted, completed(2)))
	require.True(t, changed)
	require.Equal(t, calls.StatusCompleted, s.Outcome.Status)
	require.Equal(t, 2, s.Outcome.Revision)
}

func TestGiveUp(t *testing.T) {
	s, changed := callstate.GiveUp(callstate.New("c1"))
	require.True(t, changed)
	require.Equal(t, calls.StatusUnknown, s.Outcome.Status)
	require.Equal(t, calls.SourceGaveUp, s.Outcome.Source)
	require.Equal(t, []string{calls.AttentionGaveUp}, s.Attention)
	s = applyAll(s, event("1", calls.StatusCompleted, completed(1)))
	require.Equal(t, calls.StatusCompleted, s.Outcome.Status, "the truth comes late, and wins")
	require.Empty(t, s.Attention)

	s = applyAll(callstate.New("c1"), event("1", calls.StatusFailed, secondary("+966115219001")))
	s, _ = callstate.GiveUp(s)
	require.Equal(t, calls.StatusFailed, s.Outcome.Status)
	require.Equal(t, calls.SourceGaveUp, s.Outcome.Source)
}

// TestFinalStaysFinal holds that an outcome that was given is never taken back: what comes to light later makes it a
// part of the truth, or another outcome, at a higher revision.
func TestFinalStaysFinal(t *testing.T) {
	const second, other = "+966115219001", "+966500000002"
	for name, tc := range map[string]struct {
		first, then, end calls.StatusEvent
		partial          bool
		outcome          calls.Status // in the end
	}{
		"a second recipient": {event("1", calls.StatusCompleted), event("2", calls.StatusRinging, sid("s2"), to(other)),
			event("3", calls.StatusBusy, sid("s2"), to(other)), true, calls.StatusCompleted},
		"the outbound leg after the inbound one": {event("1", calls.StatusCompleted, sid("in"), inbound), event("2", calls.StatusRinging),
			event("3", calls.StatusNoAnswer), true, calls.StatusNoAnswer},
		"the provider may fail over": {event("1", calls.StatusFailed, completed(1)), event("2", calls.StatusFailed, completed(2), secondary(second)),
			event("3", calls.StatusCompleted, sid("s2"), from(second), completed(9)), false, calls.StatusCompleted},
	} {
		t.Run(name, func(t *testing.T) {
			s := applyAll(callstate.New("c1"), tc.first)
			require.True(t, s.Final)
			require.False(t, s.Outcome.Partial)
			told := *s.Outcome
			s = applyAll(s, tc.then)
			require.True(t, s.Final)
			require.Equal(t, tc.partial, s.Outcome.Partial)
			require.Equal(t, told.Status, s.Outcome.Status)
			require.Greater(t, s.Outcome.Revision, told.Revision)
			s = applyAll(s, tc.end)
			require.True(t, s.Final)
			require.False(t, s.Outcome.Partial)
			require.Equal(t, tc.outcome, s.Outcome.Status)
			require.Greater(t, s.Outcome.Revision, told.Revision)
			given, changed := callstate.GiveUp(s)
			require.False(t, changed)
			require.Equal(t, s.Outcome, given.Outcome)
		})
	}
}

func TestSeveralRecipientsAtTheEndOfGraceArePartial(t *testing.T) {
	s := applyAll(callstate.New("c1"), event("1", calls.StatusRinging, sid("s2"), to("+966500000002")), event("2", calls.StatusBusy))
	s = applyAll(s, event("3", calls.StatusNoAnswer, sid("s2"), to("+966500000002")))
	require.False(t, s.Final, "there may be more recipients")
	s, _ = callstate.EndGrace(s)
	require.True(t, s.Outcome.Partial)
	again, changed := callstate.Apply(s, event("3", calls.StatusNoAnswer, sid("s2"), to("+966500000002")))
	require.False(t, changed)
	require.True(t, again.Outcome.Partial)
}

// TestTheIDsDecideWhoseCallItIs holds that a number hides no outcome, however the provider spells it.
func TestTheIDsDecideWhoseCallItIs(t *testing.T) {
	const expected = "+966500000001"
	for name, tc := range map[string]struct {
		to       string
		mismatch bool
	}{
		"E.164": {expected, false}, "00": {"00966500000001", false}, "national": {"0500000001", false}, "subscriber": {"500000001", false},
		"Arabic-Indic": {"+٩٦٦٥٠٠٠٠٠٠٠١", false}, "sip": {"sip:+966500000001@10.0.0.1", false}, "tel": {"tel:+966-50-000-0001", false},
		"trunk zero": {"+966 (0)50 000 0001", false}, "masked": {"+9665****0001", false}, "absent": {"", false}, "spreadsheet": {"9.66E+11", false},
		"anonymous": {"anonymous", false}, "another": {"+966500000002", true}, "another, national": {"0500000002", true},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := callstate.Track(callstate.New("c1"), calls.Tracking{To: expected, ReferenceID: "order-1-a1"})
			s = applyAll(s, event("1", calls.StatusCompleted, to(tc.to)))
			require.True(t, s.Final)
			require.Equal(t, calls.StatusCompleted, s.Outcome.Status)
			require.Equal(t, tc.mismatch, slices.Contains(s.Attention, calls.AttentionNumberMismatch))
		})
	}
	t.Run("a call placed elsewhere waits for the expected recipient", func(t *testing.T) {
		s, _ := callstate.Track(callstate.New("c1"), calls.Tracking{To: expected})
		s = applyAll(s, event("1", calls.StatusCompleted, to("+966500000002")))
		require.False(t, s.Final)
		require.True(t, callstate.EndedForSome(s))
		require.Equal(t, []string{calls.AttentionNumberMismatch}, s.Attention)
		s, _ = callstate.EndGrace(s)
		require.Equal(t, calls.StatusCompleted, s.Outcome.Status)
	})
	t.Run("our reference before what a notification says", func(t *testing.T) {
		s, _ := callstate.Track(callstate.New("c1"), calls.Tracking{To: expected, ReferenceID: "order-1-a1"})
		s = applyAll(s, event("1", calls.StatusCompleted, func(e *calls.StatusEvent) { e.ReferenceID = "ORDER-1-A1" }))
		require.Equal(t, "order-1-a1", s.ReferenceID)
	})
}

// TestALegIsOneHoweverItIsSpelled holds that what the call log or another notification spells otherwise, or leaves out,
// completes the leg and makes no second one.
func TestALegIsOneHoweverItIsSpelled(t *testing.T) {
	source := func(e *calls.StatusEvent) { e.Source = calls.SourceCallLog }
	for name, tc := range map[string]struct{ one, other calls.StatusEvent }{
		"the log says the number":          {event("1", calls.StatusRinging, to("")), event("2", calls.StatusCompleted, logged, sid(""))},
		"the log says all, without an id":  {event("1", calls.StatusRinging, sid(""), to("")), event("2", calls.StatusCompleted, sid(""), source)},
		"the log spells nationally":        {event("1", calls.StatusRinging, sid("")), event("2", calls.StatusCompleted, logged, sid(""), to("0500000001"))},
		"the webhook spells nationally":    {event("1", calls.StatusRinging, sid(""), to("0500000001")), event("2", calls.StatusCompleted, logged, sid(""))},
		"the callSid comes with E.164":     {event("1", calls.StatusRinging, sid(""), to("٠٥٠٠٠٠٠٠٠١")), event("2", calls.StatusCompleted)},
		"two notifications without an id":  {event("1", calls.StatusRinging, sid(""), to("0500000001")), event("2", calls.StatusCompleted, sid(""))},
		"the callSid comes from the log":   {event("1", calls.StatusRinging, sid("")), event("2", calls.StatusCompleted, logged)},
		"the caller spells otherwise":      {event("1", calls.StatusRinging, sid(""), from("0115219000")), event("2", calls.StatusCompleted)},
		"the number is hidden at one time": {event("1", calls.StatusRinging, sid(""), to("+9665****0001")), event("2", calls.StatusCompleted)},
	} {
		t.Run(name, func(t *testing.T) {
			s := applyAll(callstate.New("c1"), tc.one, tc.other)
			require.Len(t, s.Legs, 1)
			require.Equal(t, calls.StatusCompleted, s.Legs[0].Status)
			require.Equal(t, "+966500000001", s.Legs[0].To)
			require.Equal(t, s.Legs, applyAll(callstate.New("c1"), tc.other, tc.one).Legs)
		})
	}
	s := applyAll(callstate.New("c1"), event("1", calls.StatusRinging, sid("")), event("2", calls.StatusCompleted, sid("s2"), to("+966500000002")))
	require.Len(t, s.Legs, 2, "another number is another leg")
}

// TestFailoverNeedsTheSecondLegsEnd holds that a failure which the provider may fail over from is final only when a leg
// from the secondary number to the same recipient has ended.
func TestFailoverNeedsTheSecondLegsEnd(t *testing.T) {
	const second, other = "+966115219001", "+966500000002"
	failed := event("1", calls.StatusFailed, completed(1), secondary(second))
	require.False(t, applyAll(callstate.New("c1"), failed, event("2", calls.StatusRinging, sid("s2"), from(second))).Final, "it rings")
	require.False(t, applyAll(callstate.New("c1"), event("0", calls.StatusRinging, sid("s3"), to(other)), failed,
		event("2", calls.StatusFailed, sid("s2"), from(second), to(other))).Final, "another recipient")
	s := applyAll(callstate.New("c1"), failed, event("2", calls.StatusFailed, sid("s2"), from("0115219001"), completed(2)))
	require.True(t, s.Final, "spelled nationally")
	require.Equal(t, calls.StatusFailed, s.Outcome.Status)
}

// TestTheFirstTrackerCounts holds that a second expectation of a call changes nothing but whom it concerns.
func TestTheFirstTrackerCounts(t *testing.T) {
	s, _ := callstate.Track(callstate.New("c1"), calls.Tracking{To: "+966500000001", ReferenceID: "order-1-a1"})
	s, _ = callstate.Track(s, calls.Tracking{To: "+966500000002", ReferenceID: "order-2"})
	require.Equal(t, "+966500000001", s.Evidence.ExpectedTo)
	require.Equal(t, "order-1-a1", s.ReferenceID)
	require.Equal(t, []string{"order-2"}, s.Evidence.MoreRefs)
}

func TestAnUnknownStatusEndsInTime(t *testing.T) {
	word := func(e *calls.StatusEvent) { e.RawStatus = "Teleported" }
	s := applyAll(callstate.New("c1"), event("1", calls.StatusUnknown, word))
	require.Equal(t, []string{calls.AttentionUnknownStatus}, s.Attention)
	require.False(t, callstate.EndedUnknown(s), "it may go on")
	s = applyAll(s, event("2", calls.StatusUnknown, word, completed(1)))
	require.True(t, callstate.EndedUnknown(s))
	require.False(t, s.Final)
	s, _ = callstate.EndUnknown(s)
	require.True(t, s.Final)
	require.Equal(t, calls.StatusUnknown, s.Outcome.Status)
	require.Equal(t, calls.SourceNotification, s.Outcome.Source)
	require.Equal(t, []string{calls.AttentionUnknownStatus}, s.Attention)
	s = applyAll(s, event("3", calls.StatusBusy, logged, completed(1)))
	require.Equal(t, calls.StatusBusy, s.Outcome.Status, "the truth comes late, and wins")
	require.Empty(t, s.Attention)
}

// TestManyLegsStayWithinBounds holds that a state stays a payload that Temporal takes, whatever is sent.
func TestManyLegsStayWithinBounds(t *testing.T) {
	long := strings.Repeat("x", 60_000)
	for name, edit := range map[string]func(i int, e *calls.StatusEvent){
		"500 recipients": func(i int, e *calls.StatusEvent) {
			e.CallSID, e.To = fmt.Sprint("s", i/4), fmt.Sprintf("+9665%08d", i/4)
		},
		"5,000 legs without ids": func(i int, e *calls.StatusEvent) { e.CallSID, e.To = "", fmt.Sprintf("+9665%08d", i) },
		"endless texts": func(i int, e *calls.StatusEvent) {
			e.CallSID, e.RawStatus, e.FailureReason, e.ReferenceID, e.UniqueCallID, e.RecordingURL =
				fmt.Sprint(i)+long, long, fmt.Sprint(i)+long, long, long, "https://r.example/"+fmt.Sprint(i)+long[:7000]
		},
	} {
		t.Run(name, func(t *testing.T) {
			events := make([]calls.StatusEvent, 5_000)
			for i := range events {
				events[i] = event(fmt.Sprint(i), calls.StatusCompleted, completed(i))
				edit(i, &events[i])
			}
			s, _ := callstate.Apply(callstate.New("c1"), events...)
			require.LessOrEqual(t, len(s.Legs), 300)
			require.True(t, name == "endless texts" || s.MoreLegs > 0)
			text, err := json.Marshal(s)
			require.NoError(t, err)
			require.Less(t, len(text), 1_900_000)
			s.Evidence = nil
			text, err = json.Marshal(s)
			require.NoError(t, err)
			require.Less(t, len(text), 1_000_000, "as it is sent to other workflows")
		})
	}
}

// TestADocumentedCallStaysBelowTheWarning holds that a call of as many recipients as the provider takes, of whom every
// status is told, is a payload that Temporal does not warn of, and that all that matters of it is kept.
func TestADocumentedCallStaysBelowTheWarning(t *testing.T) {
	s := callstate.New("c1")
	for i := range 250 {
		for j, status := range []calls.Status{calls.StatusInitiated, calls.StatusRinging, calls.StatusAnswered, calls.StatusCompleted} {
			s, _ = callstate.Apply(s, documented(i, j, status))
		}
	}
	text, err := json.Marshal(s)
	require.NoError(t, err)
	require.Less(t, len(text), 512<<10)
	require.Len(t, s.Legs, 250)
	require.True(t, s.Final)
	for _, l := range s.Legs {
		require.Equal(t, calls.StatusCompleted, l.Status)
		require.NotNil(t, l.InitiatedAt)
	}
}

// documented is a notification of a recipient's leg with all that the provider documents.
func documented(recipient, n int, status calls.Status) calls.StatusEvent {
	id := func(what string) string { return fmt.Sprintf("%s-4f1c-9d3e-%012d", what, recipient) }
	e := event(fmt.Sprintf("v1-%064d", recipient*10+n), status, sid(id("c0ffee00")), to(fmt.Sprintf("+9665012%05d", recipient)))
	e.CallID, e.UniqueCallID, e.ExternalCallsID, e.ApplicationID, e.AccountID = "9f3c4c1e-4f1c-9d3e-8a77-000000000001", id("0badcafe"), id("feedface"), id("00000001"), id("00000002")
	e.UseCase, e.CampaignID, e.ReferenceID = "IVR", "campaign-2026-11", "camp-1"
	e.InitiatedAt, e.RequestReceivedAt = at(recipient), at(recipient)
	if status.Terminal() {
		e.CompletedAt = at(recipient + 30)
		seconds := 17
		e.DurationSeconds = &seconds
	}
	return e
}

func TestEndGraceTellsPartial(t *testing.T) {
	s := applyAll(callstate.New("c1"), event("2", calls.StatusRinging, sid("s2"), to("+966500000002")), event("1", calls.StatusBusy))
	require.False(t, s.Final)
	s, _ = callstate.EndGrace(s)
	require.True(t, s.Final)
	require.True(t, s.Outcome.Partial)
	require.Equal(t, calls.StatusBusy, s.Outcome.Status)
}

func TestRecordingDeadline(t *testing.T) {
	for name, tc := range map[string]struct {
		completedAt *time.Time
		from        time.Time
	}{
		"after completedAt":  {at(-60), *at(-60)},
		"missing":            {nil, t0},
		"epoch":              {new(time.Unix(0, 0).UTC()), t0},
		"a skewed clock":     {at(60), *at(60)},
		"in the future":      {at(3600), t0},
		"80 hours ago":       {at(-80 * 3600), *at(-80 * 3600)},
		"longer than a year": {at(-400 * 24 * 3600), t0},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tc.from.Add(72*time.Hour), callstate.RecordingDeadline(tc.completedAt, t0))
		})
	}
}

func TestAnEventWithoutASourceIsANotification(t *testing.T) {
	s := applyAll(callstate.New("c1"), event("1", calls.StatusCompleted, func(e *calls.StatusEvent) { e.Source = "" }))
	require.Equal(t, calls.SourceNotification, s.Outcome.Source)
}

func TestAttributeReferenceHidesNumbers(t *testing.T) {
	s := applyAll(callstate.New("c1"), event("1", calls.StatusCompleted, func(e *calls.StatusEvent) { e.ReferenceID = "order-500000001" }))
	require.NotContains(t, callstate.AttributeReference(s), "500000001")
	s = applyAll(callstate.New("c1"), event("1", calls.StatusCompleted, func(e *calls.StatusEvent) { e.ReferenceID = "order-7" }))
	require.Equal(t, "order-7", callstate.AttributeReference(s))
	s, _ = callstate.Track(callstate.New("c1"), calls.Tracking{To: "+966500000001", ReferenceID: "wf:order-500-000-001"})
	require.True(t, calls.HashedOnly(callstate.AttributeReference(s)), "before the first notification")
}

// genEvent draws events of one call in which everything that can differ does, and often repeats.
func genEvent() *rapid.Generator[calls.StatusEvent] {
	statuses := []calls.Status{
		calls.StatusQueued, calls.StatusInitiated, calls.StatusRinging, calls.StatusAnswered, calls.StatusCompleted, calls.StatusCompletedWithFailure,
		calls.StatusBusy, calls.StatusNoAnswer, calls.StatusRejected, calls.StatusCancelled, calls.StatusFailed, calls.StatusUnknown,
	}
	numbers := []string{"+966500000001", "+966500000002", "+966115219000"}
	return rapid.Custom(func(t *rapid.T) calls.StatusEvent {
		e := calls.StatusEvent{
			EventKey: rapid.StringMatching(`[a-f0-9]{2}`).Draw(t, "key"), CallKey: "c1", CallID: rapid.SampledFrom([]string{"", "c1"}).Draw(t, "callId"),
			Source:     rapid.SampledFrom([]calls.Source{calls.SourceNotification, calls.SourceCallLog}).Draw(t, "source"),
			ReceivedAt: t0.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "received")) * time.Minute),
			Status:     rapid.SampledFrom(statuses).Draw(t, "status"),
			CallSID:    rapid.SampledFrom([]string{"", "s1", "s2"}).Draw(t, "sid"),
			Direction:  rapid.SampledFrom([]string{"", calls.DirectionInbound, calls.DirectionOutbound, calls.DirectionOutbound}).Draw(t, "direction"),
			From:       rapid.SampledFrom(append(numbers, "")).Draw(t, "from"), To: rapid.SampledFrom(append(numbers, "")).Draw(t, "to"),
			FailureReason: rapid.SampledFrom([]string{"", "", "carrier"}).Draw(t, "reason"),
			RecordingURL:  rapid.SampledFrom([]string{"", "", "https://r.example/a", "https://r.example/b"}).Draw(t, "url"),
			ReferenceID:   rapid.SampledFrom([]string{"", "r1"}).Draw(t, "ref"),
			FailoverOver:  rapid.Bool().Draw(t, "failoverOver"), LogComplete: rapid.Bool().Draw(t, "complete"),
		}
		e.SecondaryCallerID = rapid.SampledFrom([]string{"", numbers[2]}).Draw(t, "secondary")
		if rapid.Bool().Draw(t, "completed") {
			e.CompletedAt = at(rapid.IntRange(0, 3).Draw(t, "completedAt"))
		}
		if rapid.Bool().Draw(t, "hasDuration") {
			e.DurationSeconds = new(rapid.IntRange(0, 2).Draw(t, "duration"))
		}
		return e
	})
}

// settled is what the order of events may not change: all but revisions, and but for when the outcome was first given,
// which a second recipient or a leg that is still open only makes a part of the truth.
func settled(t require.TestingT, s calls.CallState) string {
	s.Revision, s.Final = 0, false
	evidence := *s.Evidence
	evidence.Early, s.Evidence = false, &evidence
	if s.Outcome != nil {
		o := *s.Outcome
		o.Revision, o.Partial, s.Outcome = 0, false, &o
	}
	text, err := json.Marshal(s)
	require.NoError(t, err)
	return string(text)
}

// TestAnyOrderGivesOneState is the property that the product rests on: any permutation and duplication of a set of
// events, taken one by one or several at a time, and split at any point between the live workflow and the late path,
// gives one state. What was final stays final, with an outcome.
func TestAnyOrderGivesOneState(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		events := rapid.SliceOfN(genEvent(), 1, 12).Draw(rt, "events")
		want, _ := callstate.Apply(callstate.New("c1"), events...)

		seed := rapid.Uint64().Draw(rt, "seed")
		r := rand.New(rand.NewPCG(seed, seed))
		deliveries := append([]calls.StatusEvent{}, events...)
		for range r.IntN(2 * len(events)) {
			deliveries = append(deliveries, events[r.IntN(len(events))])
		}
		r.Shuffle(len(deliveries), func(i, j int) { deliveries[i], deliveries[j] = deliveries[j], deliveries[i] })

		split := r.IntN(len(deliveries) + 1)
		got := callstate.New("c1")
		final := false
		for i := 0; i < len(deliveries); {
			n := 1 + r.IntN(3)
			if i <= split && split < i+n {
				stored, err := json.Marshal(got) // a closed run's result, and the next run's input, go through JSON
				require.NoError(rt, err)
				got = calls.CallState{}
				require.NoError(rt, json.Unmarshal(stored, &got))
			}
			got, _ = callstate.Apply(got, deliveries[i:min(i+n, len(deliveries))]...)
			require.False(rt, final && !got.Final, "final stays final")
			require.Equal(rt, got.Final, got.Outcome != nil)
			final, i = got.Final, i+n
		}
		if !want.Final && got.Final { // it was told before it turned out that there is more: that stays
			require.True(rt, got.Outcome.Partial || anyProvisional(got) || allEnded(got))
			got.Outcome, got.Attention = want.Outcome, want.Attention
		}
		require.Equal(rt, settled(rt, want), settled(rt, got))
	})
}

// allEnded reports whether every leg that can decide has ended: then what was told is whole after all. An inbound leg
// rings nobody, so it decides only where there is no other.
func allEnded(s calls.CallState) bool {
	inbound := func(l calls.Leg) bool { return l.Direction == calls.DirectionInbound }
	only := !slices.ContainsFunc(s.Legs, func(l calls.Leg) bool { return !inbound(l) })
	return !slices.ContainsFunc(s.Legs, func(l calls.Leg) bool { return (only || !inbound(l)) && !l.Status.Terminal() })
}

func anyProvisional(s calls.CallState) bool {
	for _, l := range s.Legs {
		if l.Provisional {
			return true
		}
	}
	return false
}

// TestApplyLeavesItsArgument holds what the late path relies on: it compares before and after.
func TestApplyLeavesItsArgument(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		events := rapid.SliceOfN(genEvent(), 1, 6).Draw(rt, "events")
		s := applyAll(callstate.New("c1"), events...)
		before := settled(rt, s)
		applyAll(s, rapid.SliceOfN(genEvent(), 1, 6).Draw(rt, "more")...)
		require.Equal(rt, before, settled(rt, s))
	})
}
