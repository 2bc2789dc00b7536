// Package phone reads telephone numbers and hides them. It owns what counts as a readable number, how one is shown to
// an operator, and how text is kept free of numbers before it reaches a log, an error or Temporal. It must not know
// where numbers come from nor look anything up: no country is guessed for a number that does not name one.
package phone

import (
	"slices"
	"strings"
	"unicode"
)

// E.164 allows fifteen digits; fewer than seven is a short code, which no other network can dial.
const (
	minDigits = 7
	maxDigits = 15
)

// hidden stands for the digits that are not shown. Its length says nothing of the number's.
const hidden = "•••••"

// Normalize reads a number in any of the spellings the provider is known or likely to use (with "+", with "00", bare
// digits, with spaces, dashes, dots, slashes or parentheses) and returns it in E.164. When it cannot be read as an
// international number it returns s as it is and false.
func Normalize(s string) (e164 string, ok bool) {
	digits, plus := strip(s)
	if !plus {
		digits = strings.TrimPrefix(digits, "00")
	}
	if e164 = "+" + digits; Valid(e164) {
		return e164, true
	}
	return s, false
}

// strip returns the bare digits of s and whether a "+" leads them; nothing when s holds what is not part of a number.
func strip(s string) (digits string, plus bool) {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9':
			b.WriteRune(r)
		case r == '+' && !plus && b.Len() == 0:
			plus = true
		case separator(r):
		default:
			return "", false
		}
	}
	return b.String(), plus
}

// separator reports whether people or programs put r between the digits of a number. Format characters (Cf) are the
// invisible marks that turn the writing direction, which come along when a number is pasted from Arabic text.
func separator(r rune) bool {
	return strings.ContainsRune("-.()/", r) || unicode.IsSpace(r) || unicode.In(r, unicode.Cf, unicode.Pd)
}

// Valid reports whether s is strict E.164: "+", then 7 to 15 digits of which the first is not 0.
func Valid(s string) bool {
	if len(s) < 1+minDigits || len(s) > 1+maxDigits || s[0] != '+' || s[1] == '0' {
		return false
	}
	for _, c := range []byte(s[1:]) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// Within reports whether text holds the last nine digits of one of the numbers, also with separators between them.
func Within(text string, numbers ...string) bool {
	plain := strings.Map(func(r rune) rune {
		if separator(r) || r == '_' || r == ':' {
			return -1
		}
		return r
	}, text)
	return slices.ContainsFunc(numbers, func(number string) bool {
		digits, _ := strip(number)
		return len(digits) >= minDigits && strings.Contains(plain, digits[max(0, len(digits)-9):])
	})
}

// Mask shows a number so that an operator recognises it and nobody can dial it: "+966500000005" is "+9665•••••05".
// At least five digits are always hidden. What cannot be read as a number is hidden as a whole; "" stays "".
func Mask(s string) string {
	if s == "" {
		return ""
	}
	e164, ok := Normalize(s)
	if !ok {
		return hidden
	}
	last := len(e164) - 2
	switch digits := len(e164) - 1; {
	case digits >= 11:
		return e164[:5] + hidden + e164[last:]
	case digits >= 9:
		return e164[:3] + hidden + e164[last:]
	default:
		return hidden + e164[last:]
	}
}
