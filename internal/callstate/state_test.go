package callstate_test

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/callstate"
)

var t0 = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

func at(seconds int) *time.Time {
	t := t0.Add(time.Duration(seconds) * time.Second)
	return &t
}

// event is a notification of an outbound leg; edit makes it another one.
func event(key string, status calls.Status, edit ...func(*calls.StatusEvent)) calls.StatusEvent {
	e := calls.StatusEvent{
		EventKey: key, CallKey: "c1", CallID: "c1", Source: calls.SourceNotification, ReceivedAt: t0, Status: status,
		RawStatus: string(status), CallSID: "s1", Direction: calls.DirectionOutbound, From: "+966115219000", To: "+966500000001",
	}
	for _, f := range edit {
		f(&e)
	}
	return e
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
		"several recipients wait":        {events: []calls.StatusEvent{event("1", calls.StatusCompleted), event("2", calls.StatusBusy, sid("s2"), to(other))}, want: ""},
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

func TestEndGraceTellsPartial(t *testing.T) {
	s := applyAll(callstate.New("c1"), event("1", calls.StatusBusy), event("2", calls.StatusRinging, sid("s2"), to("+966500000002")))
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

// comparable is the state but for what tells how it came about: revisions.
func comparable(t require.TestingT, s calls.CallState) string {
	s.Revision = 0
	if s.Outcome != nil {
		o := *s.Outcome
		o.Revision, s.Outcome = 0, &o
	}
	text, err := json.Marshal(s)
	require.NoError(t, err)
	return string(text)
}

// TestAnyOrderGivesOneState is the property that the product rests on: any permutation and duplication of a set of
// events, split at any point between the live workflow and the late path, gives one final state.
func TestAnyOrderGivesOneState(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		events := rapid.SliceOfN(genEvent(), 1, 12).Draw(rt, "events")
		want := comparable(rt, applyAll(callstate.New("c1"), events...))

		seed := rapid.Uint64().Draw(rt, "seed")
		r := rand.New(rand.NewPCG(seed, seed))
		deliveries := append([]calls.StatusEvent{}, events...)
		for range r.IntN(2 * len(events)) {
			deliveries = append(deliveries, events[r.IntN(len(events))])
		}
		r.Shuffle(len(deliveries), func(i, j int) { deliveries[i], deliveries[j] = deliveries[j], deliveries[i] })

		split := r.IntN(len(deliveries) + 1)
		live := applyAll(callstate.New("c1"), deliveries[:split]...)
		stored, err := json.Marshal(live) // a closed run's result goes through JSON
		require.NoError(rt, err)
		var closed calls.CallState
		require.NoError(rt, json.Unmarshal(stored, &closed))
		require.Equal(rt, want, comparable(rt, applyAll(closed, deliveries[split:]...)))
	})
}

// TestApplyLeavesItsArgument holds what the late path relies on: it compares before and after.
func TestApplyLeavesItsArgument(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		events := rapid.SliceOfN(genEvent(), 1, 6).Draw(rt, "events")
		s := applyAll(callstate.New("c1"), events...)
		before := comparable(rt, s)
		applyAll(s, rapid.SliceOfN(genEvent(), 1, 6).Draw(rt, "more")...)
		require.Equal(rt, before, comparable(rt, s))
	})
}
