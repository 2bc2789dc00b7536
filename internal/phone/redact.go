package phone

import (
	"net/netip"
	"regexp"
)

var (
	// anyNumber is seven digits or more of any script, with at most two separators between any two of them.
	anyNumber = regexp.MustCompile(`\+?\p{Nd}(?:[\s\p{Cf}\p{Pd}.()/]{0,2}\p{Nd}){6,}`)
	// harmless looks like a number and is none: the date of an ISO time, with the hour where a space or T follows.
	harmless = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}(?: \d{1,2})?$`)
)

// Redact masks every number in free text, such as an error message of the provider or the reason it gives for a
// failure: all that has seven digits or more, also with separators between them. Dates and IPv4 addresses stay, ids
// made of digits do not.
func Redact(text string) string {
	return anyNumber.ReplaceAllStringFunc(text, func(s string) string {
		if harmless.MatchString(s) {
			return s
		}
		if _, err := netip.ParseAddr(s); err == nil {
			return s
		}
		return Mask(s)
	})
}
