package callstate

import (
	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/phone"
)

// Rules define how evidence is read. A run keeps the rules that it began with, so that its history replays.
const (
	rulesOfOld   = 0 // numbers are compared by spelling; a second recipient withdraws the outcome
	rulesRead    = 1 // numbers are compared, final stays final; all evidence is kept up to its hard bounds
	rulesCurrent = 2 // superseded events are kept only up to a softer bound
)

// numbers compares phone numbers by the rules of a state. It caches comparisons: a call may have hundreds of legs, and
// reading a number is slow.
type numbers struct {
	rules int
	known map[[2]string]phone.Match
	local map[string]string
}

func newNumbers(rules int) *numbers {
	return &numbers{rules: rules, known: map[[2]string]phone.Match{}, local: map[string]string{}}
}

// match tells whether two texts spell the same number.
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

// same reports whether two texts certainly spell the same number, or are equal.
func (n *numbers) same(a, b string) bool { return a == b || n.match(a, b) == phone.Same }

// fit reports whether two texts may spell the same number.
func (n *numbers) fit(a, b string) bool { return a == b || n.match(a, b) != phone.Different }

// whole returns how completely an event identifies its leg: 2 with international numbers, 1 with numbers in any spelling, 0
// if something is missing.
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

// bucket returns the last digits of a number, which equal numbers share. It returns "" for a number with too few visible
// digits, which may equal any.
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
