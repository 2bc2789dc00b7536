package callstate

import (
	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/phone"
)

// Rules say how evidence is read. A run keeps the rules that it began with, so that its history replays.
const (
	rulesOfOld   = 0 // a number is its spelling; a second recipient takes the outcome back
	rulesRead    = 1 // numbers are compared, final stays final; all evidence is kept up to its hard bounds
	rulesCurrent = 2 // what is superseded is not kept beyond a softer bound
)

// numbers compares phone numbers by the rules of a state. It remembers what it has compared: a call may have hundreds
// of legs, and few spellings are quick to read.
type numbers struct {
	rules int
	known map[[2]string]phone.Match
	local map[string]string
}

func newNumbers(rules int) *numbers {
	return &numbers{rules: rules, known: map[[2]string]phone.Match{}, local: map[string]string{}}
}

// match tells whether two texts spell one number.
func (n *numbers) match(a, b string) phone.Match {
	switch {
	case a == "" || b == "":
		return phone.CannotTell
	case n.rules == rulesOfOld, phone.Valid(a) && phone.Valid(b):
		if a == b {
			return phone.Same
		}
		return phone.Different
	}
	m, known := n.known[[2]string{a, b}]
	if !known {
		m = phone.Compare(a, b)
		n.known[[2]string{a, b}] = m
	}
	return m
}

// same reports whether two texts are known to spell one number, or are the same text.
func (n *numbers) same(a, b string) bool { return a == b || n.match(a, b) == phone.Same }

// fit reports whether nothing speaks against two texts spelling one number.
func (n *numbers) fit(a, b string) bool { return a == b || n.match(a, b) != phone.Different }

// whole reports whether an event says all that identifies its leg: 2 where its numbers are international ones, 1 where
// they may be spelled in any way, 0 where something is not said.
func (n *numbers) whole(e *calls.StatusEvent) int {
	switch {
	case e.Direction == "" || e.From == "" || e.To == "":
		return 0
	case n.rules == rulesOfOld, phone.Valid(e.From) && phone.Valid(e.To):
		return 2
	default:
		return 1
	}
}

// bucket is what two numbers share if they are the same: their last digits. It is "" for what shows too few of them,
// which may be the same as any.
func (n *numbers) bucket(number string) string {
	if n.rules == rulesOfOld {
		return number
	}
	b, known := n.local[number]
	if !known {
		b = phone.Local(number)
		n.local[number] = b
	}
	return b
}
