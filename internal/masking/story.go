package masking

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/callstate"
)

// Story returns the calls of the session in order of their beginning; calls with an unknown beginning come last. It has
// every leg exactly once.
func (b *Book) Story() []calls.MaskedCall {
	legs := b.legs()
	pair(legs, b.Literal)
	story := []calls.MaskedCall{}
	for _, l := range legs {
		switch {
		case l.partner == nil && l.inbound:
			story = append(story, b.call(l, nil))
		case l.partner == nil:
			story = append(story, b.call(nil, l))
		case l.inbound:
			story = append(story, b.call(l, l.partner))
		}
	}
	slices.SortStableFunc(story, func(a, c calls.MaskedCall) int {
		x, y := Began(a), Began(c)
		switch {
		case x != nil && y != nil:
			return cmp.Or(x.Compare(*y), cmp.Compare(rank(a), rank(c)))
		case x != nil:
			return -1
		case y != nil:
			return 1
		default:
			return cmp.Compare(rank(a), rank(c))
		}
	})
	return story
}

// rank orders calls that began at the same time.
func rank(c calls.MaskedCall) string {
	parts := []string{c.InboundKey, c.OutboundKey}
	for _, l := range Sides(c) {
		parts = append(parts, l.Key())
	}
	return strings.Join(parts, "|")
}

// Began returns when a masked call began, by the provider's clock, or nil.
func Began(c calls.MaskedCall) *time.Time {
	for _, l := range Sides(c) {
		if at := cmp.Or(l.RequestReceivedAt, l.InitiatedAt, l.CompletedAt); at != nil {
			return at
		}
	}
	return nil
}

// call returns the masked call of one leg or two.
func (b *Book) call(in, out *leg) calls.MaskedCall {
	c := calls.MaskedCall{Pairing: calls.PairingPaired, Recordings: []calls.Recording{}}
	switch {
	case in == nil || out == nil:
		c.Pairing = calls.PairingPartial
		if (in != nil && in.ambiguous) || (out != nil && out.ambiguous) {
			c.Pairing = calls.PairingAmbiguous
		}
	}
	if in != nil {
		c.Inbound, c.InboundKey = &in.Leg, in.callKey
		c.Recordings = append(c.Recordings, b.recordings(in)...)
		c.Outcome = b.outcome(in)
	}
	if out != nil {
		c.Outbound, c.OutboundKey = &out.Leg, out.callKey
		c.Recordings = append(c.Recordings, b.recordings(out)...)
		c.Outcome = b.outcome(out)
	}
	return c
}

// outcome returns how a call ended, by its outbound leg if there is one, since it tells whether the called party was
// reached. The outcome of an inbound leg alone is partial.
func (b *Book) outcome(l *leg) *calls.Outcome {
	e := b.Entries[l.callKey]
	var o calls.Outcome
	switch {
	case e.State.Outcome != nil && !e.Shared:
		o = *e.State.Outcome
	case l.Status.Terminal() && !l.Provisional: // the outcome of the whole call may be that of another leg
		o = callstate.Ending(e.State, l.Leg)
		o.Revision = e.State.Revision
	case e.State.Outcome != nil:
		o = *e.State.Outcome
	default:
		return nil
	}
	o.Partial = o.Partial || l.inbound
	return &o
}

// recordings returns a leg's recordings. All recordings of a call with a single leg are that leg's.
func (b *Book) recordings(l *leg) []calls.Recording {
	e := b.Entries[l.callKey]
	var out []calls.Recording
	for _, r := range e.State.Recordings {
		if !e.Shared || callstate.RecordingOf(r, l.Leg) {
			out = append(out, r)
		}
	}
	return out
}

// Count adds a masked call to the totals. A leg that stayed alone counts as a call.
func Count(t calls.MaskingTotals, c calls.MaskedCall) calls.MaskingTotals {
	t.Calls++
	switch c.Pairing {
	case calls.PairingPaired:
		t.Paired++
	case calls.PairingPartial:
		t.Partial++
	case calls.PairingAmbiguous:
		t.Ambiguous++
	}
	if c.Outcome != nil && c.Outcome.Status == calls.StatusCompleted {
		t.Completed++
	}
	return t
}
