package callstate

import (
	"slices"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/phone"
)

// settle sets the outcome, as far as it is known, of a state with computed legs. before is the previous state: a final call
// stays final. The caller sets the outcome's revision.
func settle(s *calls.CallState, before calls.CallState, n *numbers) {
	legs, several, foreign := candidates(*s, n)
	complete := slices.ContainsFunc(s.Evidence.Events, func(e calls.StatusEvent) bool { return e.LogComplete })
	over := !slices.ContainsFunc(legs, func(l calls.Leg) bool { return !ended(l, *s.Evidence) })
	wasFinal := before.Final && n.rules != rulesOfOld
	waiting := (several || foreign) && !complete && !s.Evidence.GraceOver && !wasFinal // for the other legs

	ending := endingLeg(legs, *s.Evidence)
	switch {
	case ending != nil && !waiting:
		s.Outcome = new(Ending(*s, *ending))
		s.Outcome.Partial = several && partial(*s, *ending, complete, over)
	case s.Evidence.GaveUp && (!wasFinal || before.Outcome.Source == calls.SourceGaveUp):
		s.Outcome = gaveUp(*s, legs)
	case wasFinal:
		s.Outcome = stays(*s, before, legs)
	}
	s.Final = s.Outcome != nil
	noteEarly(s, n, !several || !over)
	s.Attention = attention(*s, n)
}

// partial reports whether the ending of one of several recipients is not the whole outcome.
func partial(s calls.CallState, ending calls.Leg, complete, over bool) bool {
	return ending.Status.Terminal() && !complete && (!s.Evidence.Early || !over)
}

// noteEarly records whether an outcome was told before all recipients' legs were known to have ended.
func noteEarly(s *calls.CallState, n *numbers, early bool) {
	if s.Final && n.rules != rulesOfOld {
		s.Evidence.Early = s.Evidence.Early || early
	}
}

// endingLeg returns the leg that decides how the call ended, or nil.
func endingLeg(legs []calls.Leg, ev calls.Evidence) *calls.Leg {
	if best := bestLeg(legs, false); best != nil {
		return best
	}
	return unknownEnd(legs, ev)
}

// gaveUp returns the outcome of a call without a final status in time.
func gaveUp(s calls.CallState, legs []calls.Leg) *calls.Outcome {
	outcome := Ending(s, calls.Leg{Status: calls.StatusUnknown})
	if best := bestLeg(legs, true); best != nil { // failed, and it is unknown whether the provider failed over
		outcome = Ending(s, *best)
	}
	outcome.Source = calls.SourceGaveUp
	return &outcome
}

// stays returns the outcome of a call that was told before a running leg came to light: the told outcome stays, as partial.
func stays(s, before calls.CallState, legs []calls.Leg) *calls.Outcome {
	if best := bestLeg(legs, true); best != nil { // the provider may fail over: the failure stands until it has
		return new(Ending(s, *best))
	}
	o := *before.Outcome
	known := Numbers(s)
	o.CallID, o.FailureReason, o.Partial = toldCallID(s.CallID, known), WithoutNumbers(o.FailureReason, known), true
	return &o
}

// ended reports whether a leg is over, as far as it will ever be known.
func ended(l calls.Leg, ev calls.Evidence) bool {
	return l.Status.Terminal() || ev.UnknownOver && l.Status == calls.StatusUnknown && l.CompletedAt != nil
}

// EndedUnknown reports whether a deciding leg has ended with an unknown status, so that only the call log can tell what it
// means.
func EndedUnknown(s calls.CallState) bool {
	if s.Evidence == nil || s.Evidence.Rules == rulesOfOld || s.Final {
		return false
	}
	legs, _, _ := candidates(s, newNumbers(s.Evidence.Rules))
	return slices.ContainsFunc(legs, func(l calls.Leg) bool { return l.Status == calls.StatusUnknown && l.CompletedAt != nil })
}

// EndedForSome reports whether a leg that may decide has ended although the call has no outcome: the call waits for the
// other legs until its grace is over.
func EndedForSome(s calls.CallState) bool {
	if s.Final || s.Evidence == nil {
		return false
	}
	if s.Evidence.Rules == rulesOfOld {
		return s.Evidence.ExpectedTo == "" && slices.ContainsFunc(s.Legs, func(l calls.Leg) bool {
			return l.Status.Terminal() && !l.Provisional && l.Direction != calls.DirectionInbound
		})
	}
	legs, _, _ := candidates(s, newNumbers(s.Evidence.Rules))
	return bestLeg(legs, false) != nil
}

// unknownEnd returns the leg that ended with an unknown status, once the time for finding out is over.
func unknownEnd(legs []calls.Leg, ev calls.Evidence) *calls.Leg {
	for i, l := range legs {
		if !l.Status.Terminal() && ended(l, ev) {
			return &legs[i]
		}
	}
	return nil
}

// candidates are the legs whose ending can be the call's, and whether they are of several recipients: those to the
// expected recipient where one is expected; else the outbound ones, or all where there is none (the inbound leg of a
// masked call rings nobody). A number that is written so that it cannot be read hides no leg. Where all legs go to one
// number that is surely another than the expected one, they are the call's all the same if we placed it ourselves, since
// the ids have said so; else they are foreign: the expected recipient's may still come.
func candidates(s calls.CallState, n *numbers) (legs []calls.Leg, several, foreign bool) {
	expected := s.Evidence.ExpectedTo
	if expected != "" && n.rules == rulesOfOld {
		return filter(s.Legs, func(l calls.Leg) bool { return l.To == expected }), false, false
	}
	legs = filter(s.Legs, func(l calls.Leg) bool { return l.Direction != calls.DirectionInbound })
	if len(legs) == 0 {
		legs = s.Legs
	}
	several = severalRecipients(legs, n)
	if expected == "" {
		return legs, several, false
	}
	for _, wanted := range []phone.Match{phone.Same, phone.CannotTell} {
		if fit := filter(legs, func(l calls.Leg) bool { return n.match(l.To, expected) == wanted }); len(fit) > 0 {
			return fit, false, false
		}
	}
	if several {
		return nil, false, false
	}
	_, _, own := calls.ParseAttemptReferenceID(s.Evidence.TrackedRef)
	return legs, false, !own
}

// severalRecipients reports whether legs go to more than one number.
func severalRecipients(legs []calls.Leg, n *numbers) bool {
	if len(legs) == 0 {
		return false
	}
	one := legs[0].To
	if i := slices.IndexFunc(legs, func(l calls.Leg) bool { return phone.Valid(l.To) }); i >= 0 && n.rules != rulesOfOld {
		one = legs[i].To
	}
	return slices.ContainsFunc(legs, func(l calls.Leg) bool {
		if n.rules == rulesOfOld {
			return l.To != one
		}
		return !n.fit(l.To, one)
	})
}

// mismatch reports whether the call went to one recipient, who is certainly not the expected one.
func mismatch(s calls.CallState, n *numbers) bool {
	if s.Evidence.ExpectedTo == "" {
		return false
	}
	legs, _, _ := candidates(s, n)
	return len(legs) > 0 && !slices.ContainsFunc(legs, func(l calls.Leg) bool { return n.fit(l.To, s.Evidence.ExpectedTo) })
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

// bestLeg returns the leg that decides, by the rule for two endings of one leg.
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
func asEvent(l calls.Leg) *calls.StatusEvent {
	return &calls.StatusEvent{
		Status: l.Status, Source: l.Source, CompletedAt: l.CompletedAt, InitiatedAt: l.InitiatedAt, EventKey: l.Key(),
	}
}
