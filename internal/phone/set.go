package phone

import (
	"strings"
)

const (
	// tellingDigits is how many of a number's last digits give it away: the numbers of Qatar, Kuwait, Bahrain and Oman
	// have eight without their country code.
	tellingDigits = 8
	// opaqueDigits is the same for a UUID or long hex, which consist of digits: eight may match by chance, as in the
	// samples that end in 00000001.
	opaqueDigits = 9
)

// Set is a set of phone numbers to search texts for. The zero value is empty. A search is cheap.
type Set struct {
	tails  map[string]struct{} // the telling digits of each
	opaque map[string]struct{} // the digits that tell it in an opaque identifier
}

// NewSet makes a set of numbers in any spelling. It leaves out a text that spells no whole number.
func NewSet(numbers ...string) Set {
	s := Set{tails: map[string]struct{}{}, opaque: map[string]struct{}{}}
	seen := make(map[string]struct{}, len(numbers))
	for _, number := range numbers {
		if _, twice := seen[number]; twice || number == "" {
			continue
		}
		seen[number] = struct{}{}
		if n, ok := read(number); ok && !n.masked() && len(n.digits) >= minDigits {
			for _, digits := range [...]string{n.digits, n.written} { // a short number's tail includes the trunk 0
				s.tails[digits[max(0, len(digits)-tellingDigits):]] = struct{}{}
				s.opaque[digits[max(0, len(digits)-opaqueDigits):]] = struct{}{}
			}
		}
	}
	return s
}

// In reports whether a text contains the telling digits of one of the numbers: its last eight digits, in any script and
// also with separators between them; nine of them if the text is a UUID or long hex.
func (s Set) In(text string) bool {
	if len(s.tails) == 0 || len(text) < minDigits {
		return false
	}
	tails, digits := s.tails, tellingDigits
	if opaqueID.MatchString(text) {
		tails, digits = s.opaque, opaqueDigits
	}
	for run := range strings.FieldsFuncSeq(bare(strings.Map(asciiDigit, text)), func(r rune) bool { return r < '0' || r > '9' }) {
		for end := minDigits; end <= len(run); end++ {
			for n := minDigits; n <= digits; n++ {
				if _, told := tails[run[max(0, end-n):end]]; told {
					return true
				}
			}
		}
	}
	return false
}

// Local returns the last seven digits of a number, which are the same in every spelling that shows that many; "" if the
// text shows fewer, hides some, or spells no number. Two texts with different local digits never Compare as the Same.
func Local(number string) string {
	if Valid(number) {
		return number[len(number)-localDigits:]
	}
	s, ok := read(number)
	if !ok || s.masked() || len(s.digits) < localDigits {
		return ""
	}
	return s.digits[len(s.digits)-localDigits:]
}
