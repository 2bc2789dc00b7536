package callstate_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/callstate"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/masking"
	"github.com/aftercall/aftercall/internal/outbound"
)

// spelled draws a way to write a number of eight digits or more, given as country code and national number.
func spelled(t *rapid.T, code, national string) string {
	digits := rapid.SampledFrom([]string{"+" + code + national, "00" + code + national, code + national, national, "0" + national, "+" + code + "(0)" + national}).Draw(t, "form")
	var b strings.Builder
	separators := rapid.SampledFrom([][]string{{""}, {"", " "}, {"", "-"}, {"", ".", " "}, {"", " - "}, {"", " ", "\u200f"}, {"", "/", ")("}}).Draw(t, "separators")
	zero := rapid.SampledFrom([]rune{'0', '0', '٠', '۰', '０'}).Draw(t, "script")
	for _, r := range digits {
		if r >= '0' && r <= '9' {
			r = zero + r - '0'
		}
		b.WriteRune(r)
		b.WriteString(rapid.SampledFrom(separators).Draw(t, "separator"))
	}
	return fmt.Sprintf(rapid.SampledFrom([]string{"%s", "sip:%s@10.0.0.1", "tel:%s", "<%s>", "%s;ext=1"}).Draw(t, "wrapped"), b.String())
}

// requireNoNumber fails where a text holds the last eight digits of a number, in whatever script and whatever stands
// between them.
func requireNoNumber(t require.TestingT, text string, nationals ...string) {
	digits := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsDigit(r):
			for _, zero := range []rune{'0', '٠', '۰', '０'} {
				if r >= zero && r <= zero+9 {
					return '0' + r - zero
				}
			}
			return r
		case unicode.IsLetter(r):
			return r
		default:
			return -1
		}
	}, text)
	for _, n := range nationals {
		require.NotContains(t, digits, n[max(0, len(n)-8):], text)
	}
}

// TestNoOutcomeHoldsANumber holds the promise under which outcomes leave for workflows that are not ours: whatever
// package makes one, no number of the events that it was made of is in it, however it is spelled.
func TestNoOutcomeHoldsANumber(t *testing.T) {
	parties := [][2]string{{"966", "500000001"}, {"974", "55123456"}, {"966", "115219000"}, {"971", "501234567"}, {"44", "2071234567"}}
	var nationals []string
	for _, p := range parties {
		nationals = append(nationals, p[1])
	}
	rapid.Check(t, func(rt *rapid.T) {
		state := callstate.New("c1")
		var events []calls.StatusEvent
		for i := range rapid.IntRange(1, 4).Draw(rt, "events") {
			number := func(label string) string {
				p := rapid.SampledFrom(parties).Draw(rt, label)
				return "+" + p[0] + p[1]
			}
			wild := func(label string) string {
				p := rapid.SampledFrom(parties).Draw(rt, label)
				return rapid.SampledFrom([]string{"", "no route to ", "call-", "x:"}).Draw(rt, "before") + spelled(rt, p[0], p[1]) +
					rapid.SampledFrom([]string{"", " today", "-a1"}).Draw(rt, "after")
			}
			e := event(fmt.Sprint(i), rapid.SampledFrom([]calls.Status{calls.StatusFailed, calls.StatusBusy, calls.StatusUnknown, calls.StatusRinging}).Draw(rt, "status"),
				sid(fmt.Sprint("s", i)), from(number("from")), to(number("to")), completed(i))
			e.Direction = rapid.SampledFrom([]string{calls.DirectionInbound, calls.DirectionOutbound}).Draw(rt, "direction")
			e.FailureReason, e.RawStatus, e.MaskID = wild("reason"), wild("word"), "m1"
			if rapid.Bool().Draw(rt, "telling") {
				e.CallID = wild("callId")
			}
			// What is in the text is a number of the events: the text may name any of these parties.
			e.SecondaryCallerID = number("secondary")
			events = append(events, e)
		}
		for i, p := range parties { // all of them are parties of this call
			events = append(events, event("p"+p[1], calls.StatusRinging, sid(fmt.Sprint("p", i)), to("+"+p[0]+p[1]), from("+"+p[0]+p[1])))
		}
		state = applyAll(state, events...)
		state, _ = callstate.GiveUp(state)
		check := func(o *calls.Outcome) {
			if o != nil {
				requireNoNumber(rt, fmt.Sprintf("%s %s", o.FailureReason, o.CallID), nationals...)
			}
		}
		check(state.Outcome)
		for _, l := range state.Legs {
			check(new(callstate.Ending(state, l)))
		}
		var book masking.Book
		book.Apply(state, t0)
		for _, c := range book.Story() {
			check(c.Outcome)
		}
		if o := outboundOutcome(state, events); o != nil {
			requireNoNumber(rt, o.FailureReason, nationals...)
			requireNoNumber(rt, o.CallID, state.Legs[0].To, state.Legs[0].From)
		}
	})
}

// outboundOutcome is what a request says of a call that went to the recipient of the call's first leg.
func outboundOutcome(s calls.CallState, events []calls.StatusEvent) *calls.Outcome {
	m := outbound.New(contract.OutboundCallInput{Request: calls.OutboundCallRequest{
		ReferenceID: "order-1", To: s.Legs[0].To, CallerID: s.Legs[0].From,
	}}, t0)
	m.Handle(t0, outbound.Started{})
	m.Handle(t0, outbound.Verdict{Attempt: 1, Placement: calls.PlacementUnknown, Reason: "no answer about " + s.Legs[0].To})
	m.Handle(t0.Add(time.Minute), outbound.Ticked{})
	m.Handle(t0.Add(time.Minute), outbound.LookedUp{Attempt: 1, Purpose: outbound.Settle, Answer: outbound.Found, Events: events})
	m.Handle(t0.Add(100*time.Hour), outbound.Ticked{})
	o := m.Outcome()
	if o == nil {
		return nil
	}
	return &o.Outcome
}
