// Package phone reads telephone numbers and hides them. It decides what counts as a readable number, how an operator sees
// one, and how text is kept free of numbers before it reaches a log, an error or Temporal. It must not know where numbers
// come from, and looks nothing up: it guesses no country for a number that does not name one.
package phone

import "strings"

// E.164 allows fifteen digits; fewer than seven is a short code, which no other network can dial.
const (
	minDigits = 7
	maxDigits = 15
)

// hidden stands for the hidden digits. Its length says nothing about the number's.
const hidden = "•••••"

// fewestBare is how many digits at least a number with country code needs if it has neither "+" nor "00". Fewer may be a
// national number: those of the Gulf countries have eight to ten digits.
const fewestBare = 11

// Normalize reads a number in any spelling that the provider is known or likely to use and returns it in E.164:
// with "+", with "00", bare digits (eleven or more) in any script, with spaces, dashes, dots, slashes or parentheses, as a
// tel or sip URI, as a spreadsheet writes it if no digit is lost, and with the 0 of the national form left in
// ("+966 (0)50…"). If s cannot be read as an international number, it returns s unchanged and false: a national number
// stays national, because no country is guessed.
func Normalize(s string) (e164 string, ok bool) {
	if Valid(s) {
		return s, true
	}
	n, ok := read(s)
	if !ok || n.masked() || !n.international && len(n.digits) < fewestBare {
		return s, false
	}
	if e164 = "+" + n.digits; Valid(e164) {
		return e164, true
	}
	return s, false
}

// Plain returns what all spellings with the same information share: E.164 if they name the country, else the digits
// without the leading 0 of national numbers. ok is false for a text that is masked, rounded, too short or no number.
func Plain(s string) (plain string, ok bool) {
	if e164, ok := Normalize(s); ok {
		return e164, true
	}
	n, ok := read(s)
	if !ok || n.masked() || n.digits == "" {
		return "", false
	}
	plain = strings.TrimLeft(n.digits, "0")
	return plain, len(plain) >= minDigits && len(plain) <= maxDigits
}

// Forms returns what Plain may return for the spellings of a number in E.164, starting with the number itself.
func Forms(e164 string) []string {
	forms := []string{e164}
	for _, national := range nationals(strings.TrimPrefix(e164, "+")) {
		if len(national) >= minDigits {
			forms = append(forms, strings.TrimLeft(national, "0"))
		}
	}
	return forms
}

// Valid reports whether s is strict E.164: "+", then 7 to 15 digits of which the first is not 0, nor the one after the
// country code of a Gulf country.
func Valid(s string) bool {
	if len(s) < 1+minDigits || len(s) > 1+maxDigits || s[0] != '+' || s[1] == '0' {
		return false
	}
	for _, c := range []byte(s[1:]) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return !TrunkZero(s)
}

// TrunkZero reports whether s would be E.164 without the 0 of the national form, left in after the country code of a Gulf
// country, as in "+9660…".
func TrunkZero(s string) bool {
	digits, plus := strings.CutPrefix(s, "+")
	code := countryCode(digits)
	return plus && code != "" && strings.HasPrefix(digits[len(code):], "0")
}

// Mask shows a number so that an operator recognises it and nobody can dial it: "+966500000005" is "+9665•••••05".
// At least five digits are always hidden. A text that cannot be read as a number is hidden completely; "" stays "".
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
