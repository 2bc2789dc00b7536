package callstate

import (
	"slices"

	"github.com/aftercall/aftercall/calls"
)

// outcome is how the call ended, or nil while that is not known. Its revision is left to the caller.
func outcome(s calls.CallState) *calls.Outcome {
	legs, several := candidates(s)
	complete := slices.ContainsFunc(s.Evidence.Events, func(e calls.StatusEvent) bool { return e.LogComplete })
	waiting := several && !complete && !s.Evidence.GraceOver
	if best := bestLeg(legs, false); best != nil && !waiting {
		o := new(Ending(s, *best))
		o.Partial = several && !complete
		return o
	}
	if !s.Evidence.GaveUp {
		return nil
	}
	o := new(Ending(s, calls.Leg{Status: calls.StatusUnknown}))
	if best := bestLeg(legs, true); best != nil { // failed, and nobody said whether the provider failed over
		o = new(Ending(s, *best))
	}
	o.Source = calls.SourceGaveUp
	return o
}

// candidates are the legs whose ending can be the call's, and whether they are of several recipients: those to the
// expected recipient where one is expected; else the outbound ones, or all where there is none (the inbound leg of a
// masked call rings nobody).
func candidates(s calls.CallState) (legs []calls.Leg, several bool) {
	if to := s.Evidence.ExpectedTo; to != "" {
		return filter(s.Legs, func(l calls.Leg) bool { return l.To == to }), false
	}
	legs = filter(s.Legs, func(l calls.Leg) bool { return l.Direction != calls.DirectionInbound })
	if len(legs) == 0 {
		legs = s.Legs
	}
	for _, l := range legs {
		several = several || l.To != legs[0].To
	}
	return legs, several
}

func filter(legs []calls.Leg, keep func(calls.Leg) bool) []calls.Leg {
	var out []calls.Leg
	for _, l := range legs {
		if keep(l) {
			out = append(out, l)
		}
	}
	return out
}

// bestLeg is the leg that decides, by the rule for two endings of one leg.
func bestLeg(legs []calls.Leg, provisional bool) *calls.Leg {
	var best *calls.Leg
	for i, l := range legs {
		if l.Status.Terminal() && l.Provisional == provisional && (best == nil || compare(asEvent(l), asEvent(*best)) > 0) {
			best = &legs[i]
		}
	}
	return best
}

// asEvent makes legs comparable as events are. The leg's key stands for the event key.
func asEvent(l calls.Leg) calls.StatusEvent {
	return calls.StatusEvent{
		Status: l.Status, Source: l.Source, CompletedAt: l.CompletedAt, InitiatedAt: l.InitiatedAt, EventKey: l.Key(),
	}
}
