package masking_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/masking"
)

const (
	number = "+966110000000" // the masking number
	caller = "+966500000001"
	callee = "+966560000002"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func at(seconds int) *time.Time {
	t := noon.Add(time.Duration(seconds) * time.Second)
	return &t
}

// inbound is an inbound leg that lasted from one second to another.
func inbound(sid string, from, to int) calls.Leg {
	return calls.Leg{
		CallSID: sid, Direction: calls.DirectionInbound, From: caller, To: number, Status: calls.StatusCompleted,
		RequestReceivedAt: at(from), CompletedAt: at(to),
	}
}

func outbound(sid string, from, to int) calls.Leg {
	return calls.Leg{
		CallSID: sid, Direction: calls.DirectionOutbound, From: number, To: callee, Status: calls.StatusCompleted,
		InitiatedAt: at(from), CompletedAt: at(to),
	}
}

// said is what a call says that has ended with the given legs.
func said(key string, legs ...calls.Leg) calls.CallState {
	s := calls.CallState{CallKey: key, Final: true, Revision: len(legs), Legs: legs}
	s.Outcome = &calls.Outcome{CallKey: key, Status: legs[0].Status, Source: calls.SourceNotification, Revision: s.Revision}
	return s
}

func storyOf(states ...calls.CallState) []calls.MaskedCall {
	var b masking.Book
	for _, s := range states {
		b.Apply(s, noon)
	}
	return b.Story()
}

// shape says who was paired with whom, and what is said of those who were not.
func shape(story []calls.MaskedCall) []string {
	var out []string
	for _, c := range story {
		line := string(c.Pairing)
		if c.Inbound != nil {
			line += " " + c.Inbound.CallSID
		}
		if c.Outbound != nil {
			line += " " + c.Outbound.CallSID
		}
		out = append(out, line)
	}
	return out
}

func with(l calls.Leg, change func(*calls.Leg)) calls.Leg {
	change(&l)
	return l
}

func TestLegsArePairedByTheStrongestEvidence(t *testing.T) {
	parent := func(sid string) func(*calls.Leg) { return func(l *calls.Leg) { l.ParentCallSID = sid } }
	unique := func(id string) func(*calls.Leg) { return func(l *calls.Leg) { l.UniqueCallID = id } }
	external := func(id string) func(*calls.Leg) { return func(l *calls.Leg) { l.ExternalCallsID = id } }
	in, out := inbound("i1", 0, 30), outbound("o1", 2, 30)
	for name, tc := range map[string]struct {
		states []calls.CallState
		want   []string
	}{
		"the outbound leg names its parent": {
			[]calls.CallState{said("a", inbound("i1", 0, 30)), said("b", with(outbound("o1", 500, 530), parent("i1")))},
			[]string{"PAIRED i1 o1"},
		},
		"the inbound leg names the other": {
			[]calls.CallState{said("a", with(inbound("i1", 0, 30), parent("o1"))), said("b", outbound("o1", 500, 530))},
			[]string{"PAIRED i1 o1"},
		},
		"each names the other": {
			[]calls.CallState{said("a", with(in, parent("o1"))), said("b", with(out, parent("i1")))},
			[]string{"PAIRED i1 o1"},
		},
		"two legs name one parent": {
			[]calls.CallState{said("a", in), said("b", with(out, parent("i1"))), said("c", with(outbound("o2", 400, 401), parent("i1")))},
			[]string{"AMBIGUOUS i1", "AMBIGUOUS o1", "AMBIGUOUS o2"},
		},
		"the parent is not known: no other leg will do": {
			[]calls.CallState{said("a", in), said("b", with(out, parent("i9")))},
			[]string{"PARTIAL i1", "PARTIAL o1"},
		},
		"the same uniqueCallId": {
			[]calls.CallState{said("a", with(in, unique("u"))), said("b", with(outbound("o1", 500, 501), unique("u")))},
			[]string{"PAIRED i1 o1"},
		},
		"the same externalCallsId": {
			[]calls.CallState{said("a", with(in, external("e"))), said("b", with(outbound("o1", 500, 501), external("e")))},
			[]string{"PAIRED i1 o1"},
		},
		"an id that all legs of the session share says nothing, the time does": {
			[]calls.CallState{
				said("a", with(inbound("i1", 0, 30), external("e"))), said("b", with(outbound("o1", 2, 30), external("e"))),
				said("c", with(inbound("i2", 60, 90), external("e"))), said("d", with(outbound("o2", 62, 90), external("e"))),
			},
			[]string{"PAIRED i1 o1", "PAIRED i2 o2"},
		},
		"legs of one call": {
			[]calls.CallState{said("a", with(in, func(l *calls.Leg) { l.RequestReceivedAt = nil }), out)},
			[]string{"PAIRED i1 o1"},
		},
		"one call key for all calls of a session": {
			[]calls.CallState{said("a", inbound("i1", 0, 30), outbound("o1", 2, 30), inbound("i2", 60, 90), outbound("o2", 62, 90))},
			[]string{"PAIRED i1 o1", "PAIRED i2 o2"},
		},
		"legs of one call at different numbers": {
			[]calls.CallState{said("a", in, with(out, func(l *calls.Leg) { l.From = "+966119999999" }))},
			[]string{"PARTIAL i1", "PARTIAL o1"},
		},
		"numbers and time": {
			[]calls.CallState{said("a", in), said("b", out)},
			[]string{"PAIRED i1 o1"},
		},
		"the outbound leg began after the inbound one had ended": {
			[]calls.CallState{said("a", in), said("b", outbound("o1", 31, 40))},
			[]string{"PARTIAL i1", "PARTIAL o1"},
		},
		"two calls in the same second": {
			[]calls.CallState{said("a", in), said("b", out), said("c", inbound("i2", 0, 30)), said("d", outbound("o2", 2, 30))},
			[]string{"AMBIGUOUS i1", "AMBIGUOUS i2", "AMBIGUOUS o1", "AMBIGUOUS o2"},
		},
		"one inbound leg, two outbound ones in its time": {
			[]calls.CallState{said("a", in), said("b", out), said("d", outbound("o2", 3, 30))},
			[]string{"AMBIGUOUS i1", "AMBIGUOUS o1", "AMBIGUOUS o2"},
		},
		"an inbound leg that never ended takes no later call": {
			[]calls.CallState{
				said("a", with(inbound("i1", 0, 0), func(l *calls.Leg) { l.CompletedAt = nil })),
				said("c", inbound("i2", 600, 630)), said("d", outbound("o2", 602, 630)),
			},
			[]string{"PARTIAL i1", "PAIRED i2 o2"},
		},
		"alone": {
			[]calls.CallState{said("a", in)},
			[]string{"PARTIAL i1"},
		},
		"one leg under two call keys is one leg": {
			[]calls.CallState{said("i1", in), said("real", in), said("b", out)},
			[]string{"PAIRED i1 o1"},
		},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, tc.want, shape(storyOf(tc.states...))) })
	}
}

func TestTheOutcomeIsThatOfTheOutboundLeg(t *testing.T) {
	busy := with(outbound("o1", 2, 9), func(l *calls.Leg) { l.Status = calls.StatusBusy })
	t.Run("two calls", func(t *testing.T) {
		c := storyOf(said("a", inbound("i1", 0, 30)), said("b", busy))[0]
		require.Equal(t, "b", c.Outcome.CallKey)
		require.Equal(t, calls.StatusBusy, c.Outcome.Status)
		require.False(t, c.Outcome.Partial)
	})
	t.Run("one call, whose outcome is that of the other leg", func(t *testing.T) {
		c := storyOf(said("a", inbound("i1", 0, 30), busy))[0]
		require.Equal(t, calls.StatusCompleted, storyOf(said("a", inbound("i1", 0, 30)))[0].Outcome.Status)
		require.Equal(t, calls.StatusBusy, c.Outcome.Status)
		require.Equal(t, 2, c.Outcome.Revision)
	})
	t.Run("not over yet", func(t *testing.T) {
		ringing := said("b", with(busy, func(l *calls.Leg) { l.Status = calls.StatusRinging }))
		ringing.Final, ringing.Outcome = false, nil
		require.Nil(t, storyOf(said("a", inbound("i1", 0, 30)), ringing)[0].Outcome)
	})
	t.Run("an inbound leg alone is not the whole story", func(t *testing.T) {
		require.True(t, storyOf(said("a", inbound("i1", 0, 30)))[0].Outcome.Partial)
	})
}

func TestRecordingsStayWithTheirLeg(t *testing.T) {
	first, second := said("a", inbound("i1", 0, 30), outbound("o1", 2, 30)), said("b", inbound("i2", 60, 90))
	first.Recordings = []calls.Recording{{CallKey: "a", Leg: "o1", Status: calls.RecordingExpired}}
	second.Recordings = []calls.Recording{{CallKey: "b", Leg: "i2", Status: calls.RecordingStored, SHA256: "ab"}}
	story := storyOf(first, second)
	require.Equal(t, first.Recordings, story[0].Recordings)
	require.Equal(t, second.Recordings, story[1].Recordings)
}

// TestLegsPairAcrossSpellings holds that two legs which met at one masking number are one call however it is spelled, and
// that nobody is called by himself.
func TestLegsPairAcrossSpellings(t *testing.T) {
	for _, spelled := range []string{"0110000000", "110000000", "00966110000000", "966110000000", "sip:+966110000000@10.0.0.1", "٠١١٠٠٠٠٠٠٠"} {
		in := with(inbound("i1", 0, 30), func(l *calls.Leg) { l.To = spelled })
		require.Equal(t, []string{"PAIRED i1 o1"}, shape(storyOf(said("a", in), said("b", outbound("o1", 2, 30)))), spelled)
		require.Equal(t, []string{"PAIRED i1 o1"}, shape(storyOf(said("a", in, outbound("o1", 2, 30)))), "under one callId: "+spelled)
	}
	for _, self := range []string{caller, "0500000001"} {
		in, out := inbound("i1", 0, 30), with(outbound("o1", 2, 30), func(l *calls.Leg) { l.To = self })
		require.Equal(t, []string{"PARTIAL i1", "PARTIAL o1"}, shape(storyOf(said("a", in), said("b", out))), self)
	}
}

// TestPartiesDecideWhereTimesDoNot holds that two calls in opposite directions at the same time are told apart.
func TestPartiesDecideWhereTimesDoNot(t *testing.T) {
	back := with(inbound("i2", 1, 50), func(l *calls.Leg) { l.From = callee })
	toCaller := with(outbound("o2", 3, 50), func(l *calls.Leg) { l.To = caller })
	got := shape(storyOf(said("a", inbound("i1", 0, 60)), said("b", outbound("o1", 2, 60)), said("c", back), said("d", toCaller)))
	require.Equal(t, []string{"PAIRED i1 o1", "PAIRED i2 o2"}, got)
}

// TestLegsOfOtherSessionsAreLeftOut holds that a call with legs of two masks shows each session its own.
func TestLegsOfOtherSessionsAreLeftOut(t *testing.T) {
	of := func(mask string) func(*calls.Leg) { return func(l *calls.Leg) { l.MaskID = mask } }
	b := masking.Book{MaskID: "m1"}
	b.Apply(said("a", with(inbound("i1", 0, 30), of("m1")), with(outbound("o1", 2, 30), of("m2"))), noon)
	require.Equal(t, []string{"PARTIAL i1"}, shape(b.Story()))
	require.Equal(t, masking.Nothing, b.Apply(said("b", with(inbound("i2", 0, 30), of("m2"))), noon))
}
