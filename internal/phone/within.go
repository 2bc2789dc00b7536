package phone

import (
	"slices"
	"strings"
)

// Holds reports whether text contains the telling digits of one of the numbers: its last eight digits, in any script and
// also with separators between them.
func Holds(text string, numbers ...string) bool { return NewSet(numbers...).In(text) }

// Within reports whether text contains the last nine digits of one of the numbers, also with separators between them. Its
// results are in the search attributes of running workflows, so they may never change; use Holds for everything else.
func Within(text string, numbers ...string) bool {
	plain := bare(text)
	return slices.ContainsFunc(numbers, func(number string) bool {
		s, ok := scan(number)
		return ok && !s.masked() && len(s.digits) >= minDigits && strings.Contains(plain, s.digits[max(0, len(s.digits)-9):])
	})
}

// bare returns a text without the separators between the digits of a number.
func bare(text string) string {
	return strings.Map(func(r rune) rune {
		if separator(r) || r == '_' || r == ':' {
			return -1
		}
		return r
	}, text)
}
