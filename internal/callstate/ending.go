package callstate

import (
	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/phone"
)

// Ending returns the outcome of a call according to one of its legs. Every outcome of a leg is made here, because here the
// provider's words lose their phone numbers. The caller sets the revision.
func Ending(s calls.CallState, l calls.Leg) calls.Outcome {
	numbers := Numbers(s, l)
	o := calls.Outcome{
		CallKey: s.CallKey, CallID: toldCallID(s.CallID, numbers), Status: l.Status, FailureReason: WithoutNumbers(l.FailureReason, numbers),
		Source: l.Source, Conflict: l.Conflict, CompletedAt: l.CompletedAt,
	}
	if l.DurationSeconds != nil {
		o.DurationSeconds = *l.DurationSeconds
	}
	return o
}

// toldCallID returns the callId for others. It returns "" for one that holds a number, since the call key stands for it.
func toldCallID(callID string, numbers phone.Set) string {
	if phone.Telling(callID) {
		return ""
	}
	return Hidden(callID, numbers)
}

// LegOf returns the leg of a single event.
func LegOf(e calls.StatusEvent) calls.Leg {
	l := leg{callSID: e.CallSID, direction: e.Direction, from: e.From, to: e.To, events: []*calls.StatusEvent{&e}}
	return l.view()
}

// hiddenText replaces a text whose number cannot be cut out.
const hiddenText = "(hidden: it holds a phone number)"

// WithoutNumbers returns foreign text that may leave aftercall. It masks everything that looks like a number. If one of the
// given numbers is still in the text, in any spelling, it hides the whole text.
func WithoutNumbers(text string, numbers phone.Set) string {
	text = phone.Redact(text)
	if numbers.In(text) {
		return hiddenText
	}
	return text
}

// Numbers returns all known phone numbers of a call, also of legs that it does not list.
func Numbers(s calls.CallState, legs ...calls.Leg) phone.Set {
	numbers := []string{s.SecondaryCallerID}
	if s.Evidence != nil {
		numbers = append(numbers, s.Evidence.ExpectedTo)
		for _, e := range s.Evidence.Events {
			numbers = append(numbers, e.From, e.To, e.SecondaryCallerID)
		}
	}
	for _, l := range append(legs, s.Legs...) {
		numbers = append(numbers, l.From, l.To, l.SecondaryCallerID)
	}
	return phone.NewSet(numbers...)
}

// Hidden returns a foreign identifier as operators may see it. It hashes an identifier that holds one of the numbers.
func Hidden(id string, numbers phone.Set) string {
	if numbers.In(id) {
		return calls.HashedKey(id)
	}
	return id
}

// HiddenID returns the provider's identifier as operators may see it. It hashes an identifier that holds any phone number.
func HiddenID(id string, numbers phone.Set) string {
	if phone.Telling(id) {
		return calls.HashedKey(id)
	}
	return Hidden(id, numbers)
}

// AttributeReference returns the referenceId for ids and search attributes. It hashes a referenceId that holds a number of
// the call.
func AttributeReference(s calls.CallState) string {
	return calls.Key(Hidden(s.ReferenceID, Numbers(s)))
}
