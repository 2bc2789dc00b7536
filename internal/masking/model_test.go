package masking_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/masking"
)

// session is what really happened in a session, and what was told of it.
type session struct {
	updates []calls.CallState
	want    []string // the story, without its order
	legs    int      // legs of which at least one update was told
}

// drawSession makes up a session of up to twenty calls. Calls that only their times tell apart are an hour apart,
// except twins, which nothing tells apart.
func drawSession(t *rapid.T) session {
	var s session
	for n, hour := rapid.IntRange(1, 20).Draw(t, "calls"), 0; n > 0; hour++ {
		kind := rapid.SampledFrom([]string{"parent", "reverse", "unique", "external", "one-key", "time", "twins", "crossing"}).Draw(t, "kind")
		size := 1
		if (kind == "twins" || kind == "crossing") && n > 1 {
			size = 2
		}
		n -= size
		s.add(t, kind, hour, size)
	}
	return s
}

// add tells of calls that took place in one hour.
func (s *session) add(t *rapid.T, kind string, hour, size int) {
	var ins, outs []string
	for i := range size {
		in, out := fmt.Sprintf("in-%d-%d", hour, i), fmt.Sprintf("out-%d-%d", hour, i)
		a, b := inbound(in, 3600*hour, 3600*hour+30), outbound(out, 3600*hour+2, 3600*hour+30)
		switch kind {
		case "parent", "crossing":
			b.ParentCallSID = in
		case "reverse":
			a.ParentCallSID = out
		case "unique":
			a.UniqueCallID, b.UniqueCallID = in, in
		case "external":
			a.ExternalCallsID, b.ExternalCallsID = in, in
		}
		heardIn, heardOut := rapid.IntRange(0, 9).Draw(t, "in") > 1, rapid.IntRange(0, 9).Draw(t, "out") > 1
		if heardIn {
			ins = append(ins, in)
		}
		if heardOut {
			outs = append(outs, out)
		}
		s.tell(t, kind, a, b, heardIn, heardOut)
		if kind == "twins" {
			continue
		}
		switch {
		case heardIn && heardOut:
			s.want = append(s.want, "PAIRED "+in+" "+out)
		case heardIn:
			s.want = append(s.want, "PARTIAL "+in)
		case heardOut:
			s.want = append(s.want, "PARTIAL "+out)
		}
	}
	if kind == "twins" {
		s.want = append(s.want, twins(ins, outs)...)
	}
}

// twins is what can be said of legs between which nothing decides.
func twins(ins, outs []string) (want []string) {
	if len(ins) == 1 && len(outs) == 1 {
		return []string{"PAIRED " + ins[0] + " " + outs[0]}
	}
	word := "AMBIGUOUS "
	if len(ins) == 0 || len(outs) == 0 {
		word = "PARTIAL "
	}
	for _, sid := range slices.Concat(ins, outs) {
		want = append(want, word+sid)
	}
	return want
}

// tell adds the updates that one call or two make of two legs: each first while it lasts, then when it is over.
func (s *session) tell(t *rapid.T, kind string, a, b calls.Leg, heardIn, heardOut bool) {
	ringing := func(l calls.Leg) calls.Leg {
		return with(l, func(l *calls.Leg) { l.Status, l.CompletedAt = calls.StatusRinging, nil })
	}
	update := func(key string, revision int, final bool, legs ...calls.Leg) {
		state := said(key, legs...)
		state.Revision, state.Final = revision, final
		if !final {
			state.Outcome = nil
		}
		s.updates = append(s.updates, state)
	}
	var legs []calls.Leg
	if heardIn {
		legs = append(legs, a)
	}
	if heardOut {
		legs = append(legs, b)
	}
	s.legs += len(legs)
	if kind == "one-key" && len(legs) > 0 {
		key := "call-" + a.CallSID
		update(key, 1, false, ringing(legs[0]))
		update(key, 2, true, legs...)
		return
	}
	for _, l := range legs {
		if rapid.Bool().Draw(t, "ringing") {
			update(l.CallSID, 1, false, ringing(l))
		}
		update(l.CallSID, 2, true, l)
	}
}

// deliveries are the updates in any order, each once or more often.
func (s session) deliveries(t *rapid.T) []calls.CallState {
	var out []calls.CallState
	for _, u := range s.updates {
		out = append(out, slices.Repeat([]calls.CallState{u}, rapid.IntRange(1, 3).Draw(t, "times"))...)
	}
	return rapid.Permutation(out).Draw(t, "order")
}

func TestTheStoryIsTheModelsWhateverTheOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSession(t)
		inOrder, shuffled := storyOf(s.updates...), storyOf(s.deliveries(t)...)
		require.ElementsMatch(t, s.want, shape(inOrder))
		require.Equal(t, inOrder, shuffled)
		legs := 0
		for _, c := range shuffled {
			if c.Inbound != nil {
				legs++
			}
			if c.Outbound != nil {
				legs++
			}
		}
		require.Equal(t, s.legs, legs, "a leg was dropped or told twice")
	})
}

func TestTwoStatesOfOneRevisionGiveOneStory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		legs := []calls.Leg{inbound("i1", 0, 30), inbound("i1", 0, 31), with(inbound("i1", 0, 30), func(l *calls.Leg) { l.Status = calls.StatusBusy })}
		var states []calls.CallState
		for _, l := range legs {
			states = append(states, said("a", l))
		}
		states[2].Final = rapid.Bool().Draw(t, "final")
		require.Equal(t, storyOf(states...), storyOf(rapid.Permutation(states).Draw(t, "order")...))
	})
}

func TestNoLegIsDroppedHoweverStrangeTheLinks(t *testing.T) {
	ids := rapid.SampledFrom([]string{"", "x", "y", "i0", "i1", "o0", "o1"})
	rapid.Check(t, func(t *rapid.T) {
		var states []calls.CallState
		for i := range rapid.IntRange(1, 8).Draw(t, "legs") {
			l := inbound(fmt.Sprint("i", i), 10*i, 10*i+15)
			if rapid.Bool().Draw(t, "outbound") {
				l = outbound(fmt.Sprint("o", i), 10*i, 10*i+15)
			}
			l.ParentCallSID, l.UniqueCallID, l.ExternalCallsID = ids.Draw(t, "parent"), ids.Draw(t, "unique"), ids.Draw(t, "external")
			states = append(states, said(fmt.Sprint("k", rapid.IntRange(0, 9).Draw(t, "key")*100+i), l))
		}
		var b masking.Book
		for _, s := range rapid.Permutation(states).Draw(t, "order") {
			b.Apply(s, noon)
		}
		story := b.Story()
		require.Equal(t, storyOf(states...), story)
		seen := map[string]int{}
		for _, c := range story {
			require.Equal(t, c.Pairing == calls.PairingPaired, c.Inbound != nil && c.Outbound != nil)
			for _, l := range []*calls.Leg{c.Inbound, c.Outbound} {
				if l != nil {
					seen[l.CallSID]++
				}
			}
		}
		require.Len(t, seen, len(states))
		for sid, n := range seen {
			require.Equal(t, 1, n, sid)
		}
	})
}
