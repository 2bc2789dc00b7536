package callstate

import (
	"cmp"
	"slices"
	"time"

	"github.com/aftercall/aftercall/calls"
)

// leg is a leg while it is being derived: what identifies it, and the events that belong to it, best first.
type leg struct {
	callSID, direction, from, to string
	events                       []calls.StatusEvent
}

// matches reports whether an event without callSid may belong to the leg: what the event says of direction, from and
// to is the leg's. The call log leaves some of them out.
func (l *leg) matches(e calls.StatusEvent) bool {
	return alike(e.Direction, l.direction) && alike(e.From, l.from) && alike(e.To, l.to)
}

func alike(said, is string) bool { return said == "" || is == "" || said == is }

// groupLegs sorts events (best first) into legs. A leg is its callSid. An event without one belongs to the only leg
// with the same direction, from and to; where there is none, or more than one, it makes a provisional leg.
func groupLegs(events []calls.StatusEvent) []*leg {
	var legs []*leg
	for _, e := range events {
		if e.CallSID == "" {
			continue
		}
		i := slices.IndexFunc(legs, func(l *leg) bool { return l.callSID == e.CallSID })
		if i < 0 {
			legs = append(legs, &leg{callSID: e.CallSID})
			i = len(legs) - 1
		}
		legs[i].add(e)
	}
	carried := len(legs)
	// Whole triples first, so that an entry of the call log that lacks some of it finds the leg they make.
	for _, whole := range []bool{true, false} {
		for _, e := range events {
			if e.CallSID == "" && whole == (e.Direction != "" && e.From != "" && e.To != "") {
				legs = place(legs, carried, e)
			}
		}
	}
	for _, l := range legs {
		slices.SortFunc(l.events, func(a, b calls.StatusEvent) int { return compare(b, a) })
	}
	slices.SortFunc(legs, compareLegs)
	return legs
}

// place gives an event without callSid to its leg. The first carried legs have a callSid.
func place(legs []*leg, carried int, e calls.StatusEvent) []*leg {
	var fits []*leg
	for _, l := range legs[:carried] {
		if l.matches(e) {
			fits = append(fits, l)
		}
	}
	if len(fits) == 1 {
		fits[0].events = append(fits[0].events, e)
		return legs
	}
	var own []*leg
	for _, l := range legs[carried:] {
		if l.direction == e.Direction && l.from == e.From && l.to == e.To {
			l.add(e)
			return legs
		}
		if l.matches(e) && l.from != "" && l.direction != "" {
			own = append(own, l)
		}
	}
	if len(fits) == 0 && len(own) == 1 && (e.Direction == "" || e.From == "") {
		own[0].events = append(own[0].events, e)
		return legs
	}
	l := &leg{}
	l.add(e)
	return append(legs, l)
}

func (l *leg) add(e calls.StatusEvent) {
	l.direction = cmp.Or(l.direction, e.Direction)
	l.from = cmp.Or(l.from, e.From)
	l.to = cmp.Or(l.to, e.To)
	l.events = append(l.events, e)
}

// compareLegs is the order in which legs are shown: inbound first, then by when they began.
func compareLegs(a, b *leg) int {
	return cmp.Or(
		compareBool(b.direction == calls.DirectionInbound, a.direction == calls.DirectionInbound),
		compareTime(first(a, initiatedAt), first(b, initiatedAt)),
		cmp.Compare(a.callSID, b.callSID), cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to), cmp.Compare(a.direction, b.direction),
	)
}

func initiatedAt(e calls.StatusEvent) *time.Time { return e.InitiatedAt }

// first is the first field that is set, along the leg's events from the best to the worst.
func first[T comparable](l *leg, field func(calls.StatusEvent) T) T {
	var zero T
	for _, e := range l.events {
		if v := field(e); v != zero {
			return v
		}
	}
	return zero
}

// view is the leg as it is shown. Its status is that of its best event.
func (l *leg) view() calls.Leg {
	best := l.events[0]
	v := calls.Leg{
		CallSID: l.callSID, Direction: l.direction, From: l.from, To: l.to,
		Status: best.Status, RawStatus: best.RawStatus, Source: best.Source,
		CompletedAt:       best.CompletedAt,
		InitiatedAt:       first(l, initiatedAt),
		RequestReceivedAt: first(l, func(e calls.StatusEvent) *time.Time { return e.RequestReceivedAt }),
		UseCase:           first(l, func(e calls.StatusEvent) string { return e.UseCase }),
		ParentCallSID:     first(l, func(e calls.StatusEvent) string { return e.ParentCallSID }),
		UniqueCallID:      first(l, func(e calls.StatusEvent) string { return e.UniqueCallID }),
		ExternalCallsID:   first(l, func(e calls.StatusEvent) string { return e.ExternalCallsID }),
		SecondaryCallerID: first(l, func(e calls.StatusEvent) string { return e.SecondaryCallerID }),
		ReferenceID:       first(l, func(e calls.StatusEvent) string { return e.ReferenceID }),
		RecordingID:       first(l, func(e calls.StatusEvent) string { return calls.RecordingIdentity(e.RecordingURL) }),
	}
	for _, e := range l.events {
		if e.Status == best.Status {
			if v.DurationSeconds == nil {
				v.DurationSeconds = e.DurationSeconds
			}
			v.FailureReason = cmp.Or(v.FailureReason, e.FailureReason)
		}
		// A failure that the provider fails over from by itself is a stage of the call, not another ending of it.
		if e.Status.Terminal() && e.Status != best.Status && !failsOver(e) {
			v.Conflict = true
		}
	}
	return v
}

// failsOver reports whether the event is a failure after which the provider may dial again from the secondary caller
// ID on its own.
func failsOver(e calls.StatusEvent) bool {
	return e.Status == calls.StatusFailed && e.Source == calls.SourceNotification &&
		e.SecondaryCallerID != "" && e.SecondaryCallerID != e.From
}

// settleFailovers marks the legs whose failure is not final: no leg from the secondary caller ID has ended, and the
// call log has not confirmed the failure after the time for failing over.
func settleFailovers(legs []*leg, views []calls.Leg) {
	for i, l := range legs {
		if views[i].Status != calls.StatusFailed {
			continue
		}
		j := slices.IndexFunc(l.events, failsOver)
		if j < 0 {
			continue
		}
		secondary := l.events[j].SecondaryCallerID
		over := slices.ContainsFunc(views, func(v calls.Leg) bool {
			return v.From == secondary && v.To == l.to && v.Status.Terminal()
		})
		for _, other := range legs {
			over = over || alike(other.to, l.to) && slices.ContainsFunc(other.events, func(e calls.StatusEvent) bool {
				return e.FailoverOver && e.Status == calls.StatusFailed
			})
		}
		views[i].Provisional = !over
	}
}
