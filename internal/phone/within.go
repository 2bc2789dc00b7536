package phone

import (
	"slices"
	"strings"
)

// Holds reports whether text holds what tells one of the numbers: its last eight digits, in any script and also with
// separators between them.
func Holds(text string, numbers ...string) bool { return NewSet(numbers...).In(text) }

// Within reports whether text holds the last nine digits of one of the numbers, also with separators between them. Its
// answers stand in the search attributes of running workflows, so they may never change; Holds is the one for all else.
func Within(text string, numbers ...string) bool {
	plain := bare(text)
	return slices.ContainsFunc(numbers, func(number string) bool {
		s, ok := scan(number)
		return ok && !s.masked() && len(s.digits) >= minDigits && strings.Contains(plain, s.digits[max(0, len(s.digits)-9):])
	})
}

// bare is a text without what may stand between the digits of a number.
func bare(text string) string {
	return strings.Map(func(r rune) rune {
		if separator(r) || r == '_' || r == ':' {
			return -1
		}
		return r
	}, text)
}
