package callstate

import (
	"cmp"
	"slices"
	"time"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/phone"
)

// leg is a leg while it is computed: its identity, and its events, best first.
type leg struct {
	callSID, direction, from, to string
	events                       []*calls.StatusEvent
}

// grouping sorts the events of a call into legs.
type grouping struct {
	*numbers
	carried  []*leg             // with a callSid
	byTo     map[string][]*leg  // those, by bucket of their recipient
	own      []*leg             // without one
	ownByTo  map[string][]*leg  // those
	spelling map[[3]string]*leg // those, by what their first event said
}

// groupLegs sorts events (best first) into legs. A callSid is one leg. An event without callSid belongs to the only leg
// with the same direction, from and to; if there is none, or more than one, it makes a provisional leg.
func groupLegs(all []calls.StatusEvent, n *numbers) []*leg {
	events := pointers(all)
	g := grouping{numbers: n, byTo: map[string][]*leg{}, ownByTo: map[string][]*leg{}, spelling: map[[3]string]*leg{}}
	g.carry(events)
	// Complete events first, so that an incomplete entry of the call log finds their leg.
	for level := 2; level >= 0; level-- {
		for _, e := range events {
			if e.CallSID == "" && g.whole(e) == level {
				g.place(e)
			}
		}
	}
	legs := append(g.carried, g.own...)
	for _, l := range legs {
		slices.SortFunc(l.events, func(a, b *calls.StatusEvent) int { return compare(b, a) })
		if n.rules != rulesOfOld {
			l.complete()
		}
	}
	slices.SortFunc(legs, compareLegs)
	return legs
}

// carry makes the legs with a callSid.
func (g *grouping) carry(events []*calls.StatusEvent) {
	bySID := map[string]*leg{}
	for _, e := range events {
		if e.CallSID == "" {
			continue
		}
		l := bySID[e.CallSID]
		if l == nil {
			l = &leg{callSID: e.CallSID}
			bySID[e.CallSID] = l
			g.carried = append(g.carried, l)
		}
		l.add(e)
	}
	for _, l := range g.carried {
		g.byTo[g.bucket(l.to)] = append(g.byTo[g.bucket(l.to)], l)
	}
}

// place gives an event without callSid to its leg.
func (g *grouping) place(e *calls.StatusEvent) {
	fits := g.fitting(g.carried, g.byTo, e)
	if len(fits) == 1 {
		fits[0].events = append(fits[0].events, e)
		return
	}
	key := [3]string{e.Direction, e.From, e.To}
	if l := g.spelling[key]; l != nil {
		l.add(e)
		return
	}
	if len(fits) == 0 && g.joins(e) {
		return
	}
	l := &leg{}
	l.add(e)
	g.own = append(g.own, l)
	g.spelling[key] = l
	g.ownByTo[g.bucket(l.to)] = append(g.ownByTo[g.bucket(l.to)], l)
}

// joins gives an event that is incomplete, or spells a number in its own way, to the only provisional leg that it fits.
func (g *grouping) joins(e *calls.StatusEvent) bool {
	if g.rules == rulesOfOld && e.Direction != "" && e.From != "" || g.whole(e) == 2 {
		return false
	}
	fits := slices.DeleteFunc(g.fitting(g.own, g.ownByTo, e), func(l *leg) bool { return l.from == "" || l.direction == "" })
	if len(fits) != 1 {
		return false
	}
	fits[0].events = append(fits[0].events, e)
	return true
}

// fitting returns the legs that an event may belong to: its direction, from and to agree with the leg's, in any spelling.
// The call log omits some of them. It stops at two legs with a callSid.
func (g *grouping) fitting(all []*leg, byTo map[string][]*leg, e *calls.StatusEvent) []*leg {
	candidates := [][]*leg{all}
	if b := g.bucket(e.To); b != "" {
		candidates = [][]*leg{byTo[b], byTo[""]}
	}
	var fits []*leg
	for _, legs := range candidates {
		for _, l := range legs {
			if (e.Direction == "" || l.direction == "" || e.Direction == l.direction) && g.fit(e.To, l.to) && g.fit(e.From, l.from) {
				if fits = append(fits, l); len(fits) > 1 && l.callSID != "" {
					return fits
				}
			}
		}
	}
	return fits
}

func pointers(events []calls.StatusEvent) []*calls.StatusEvent {
	out := make([]*calls.StatusEvent, len(events))
	for i := range events {
		out[i] = &events[i]
	}
	return out
}

func (l *leg) add(e *calls.StatusEvent) {
	l.direction = cmp.Or(l.direction, e.Direction)
	l.from = cmp.Or(l.from, e.From)
	l.to = cmp.Or(l.to, e.To)
	l.events = append(l.events, e)
}

// complete fills in the fields that any of the leg's events has, with numbers in their international spelling if there is
// one.
func (l *leg) complete() {
	l.direction = cmp.Or(l.direction, first(l, func(e *calls.StatusEvent) string { return e.Direction }))
	l.from = spelledBest(l.from, l, func(e *calls.StatusEvent) string { return e.From })
	l.to = spelledBest(l.to, l, func(e *calls.StatusEvent) string { return e.To })
}

func spelledBest(said string, l *leg, of func(*calls.StatusEvent) string) string {
	if phone.Valid(said) {
		return said
	}
	international := first(l, func(e *calls.StatusEvent) string {
		if n := of(e); phone.Valid(n) {
			return n
		}
		return ""
	})
	return cmp.Or(international, said, first(l, of))
}

// compareLegs orders legs for display: inbound first, then by their beginning.
func compareLegs(a, b *leg) int {
	return cmp.Or(
		compareBool(b.direction == calls.DirectionInbound, a.direction == calls.DirectionInbound),
		compareTime(first(a, initiatedAt), first(b, initiatedAt)),
		cmp.Compare(a.callSID, b.callSID), cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to), cmp.Compare(a.direction, b.direction),
	)
}

func initiatedAt(e *calls.StatusEvent) *time.Time { return e.InitiatedAt }

// first returns the field of the best event that has it.
func first[T comparable](l *leg, field func(*calls.StatusEvent) T) T {
	var zero T
	for _, e := range l.events {
		if v := field(e); v != zero {
			return v
		}
	}
	return zero
}

// view returns the visible leg. Its status is its best event's.
func (l *leg) view() calls.Leg {
	best := l.events[0]
	v := calls.Leg{
		CallSID: l.callSID, Direction: l.direction, From: l.from, To: l.to,
		Status: best.Status, RawStatus: best.RawStatus, Source: best.Source,
		CompletedAt:       best.CompletedAt,
		InitiatedAt:       first(l, initiatedAt),
		RequestReceivedAt: first(l, func(e *calls.StatusEvent) *time.Time { return e.RequestReceivedAt }),
		UseCase:           first(l, func(e *calls.StatusEvent) string { return e.UseCase }),
		ParentCallSID:     first(l, func(e *calls.StatusEvent) string { return e.ParentCallSID }),
		UniqueCallID:      first(l, func(e *calls.StatusEvent) string { return e.UniqueCallID }),
		ExternalCallsID:   first(l, func(e *calls.StatusEvent) string { return e.ExternalCallsID }),
		SecondaryCallerID: first(l, func(e *calls.StatusEvent) string { return e.SecondaryCallerID }),
		ReferenceID:       first(l, func(e *calls.StatusEvent) string { return e.ReferenceID }),
		MaskID:            first(l, func(e *calls.StatusEvent) string { return e.MaskID }),
	}
	if ids := l.recordingIDs(); len(ids) > 0 {
		v.RecordingID, v.MoreRecordingIDs = ids[0], slices.Clip(ids[1:])
	}
	for _, e := range l.events {
		if e.Status == best.Status {
			if v.DurationSeconds == nil {
				v.DurationSeconds = e.DurationSeconds
			}
			v.FailureReason = cmp.Or(v.FailureReason, e.FailureReason)
		}
		// A failure that the provider fails over from is a stage of the call, not another ending.
		if e.Status.Terminal() && e.Status != best.Status && !failsOver(e) {
			v.Conflict = true
		}
	}
	return v
}
