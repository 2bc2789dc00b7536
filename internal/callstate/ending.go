package callstate

import (
	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/phone"
)

// Ending is the outcome of a call as one of its legs says it. No outcome is made of a leg in another way: this is where
// the words of the provider lose the phone numbers that they hold. Its revision is left to the caller.
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

// toldCallID is the callId as others are told it: nothing where it tells a number, since the call key stands for it.
func toldCallID(callID string, numbers phone.Set) string {
	if phone.Telling(callID) {
		return ""
	}
	return Hidden(callID, numbers)
}

// LegOf is a leg of which nothing is known but one event.
func LegOf(e calls.StatusEvent) calls.Leg {
	l := leg{callSID: e.CallSID, direction: e.Direction, from: e.From, to: e.To, events: []*calls.StatusEvent{&e}}
	return l.view()
}

// hiddenText stands for text that holds a number in a way in which it cannot be cut out.
const hiddenText = "(hidden: it holds a phone number)"

// WithoutNumbers is text of somebody else that may leave aftercall: whatever looks like a number is masked, and where
// one of the given numbers is still in it, however it is spelled, none of the text is left.
func WithoutNumbers(text string, numbers phone.Set) string {
	text = phone.Redact(text)
	if numbers.In(text) {
		return hiddenText
	}
	return text
}

// Numbers are all phone numbers that are known of a call, and of legs that it does not list.
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

// Hidden is an identifier that somebody else chose as an operator may see it: hashed where it holds one of the numbers.
func Hidden(id string, numbers phone.Set) string {
	if numbers.In(id) {
		return calls.HashedKey(id)
	}
	return id
}

// HiddenID is an identifier of the provider's as an operator may see it: hashed where it tells a number, the call's or
// another.
func HiddenID(id string, numbers phone.Set) string {
	if phone.Telling(id) {
		return calls.HashedKey(id)
	}
	return Hidden(id, numbers)
}

// AttributeReference is the referenceId as it may stand in ids and search attributes: hashed where it holds a number of
// the call.
func AttributeReference(s calls.CallState) string {
	return calls.Key(Hidden(s.ReferenceID, Numbers(s)))
}
