package phone

import (
	"regexp"
	"unicode/utf8"
)

var (
	// opaqueID matches ids that may have long runs of digits and tell no number: a UUID, long hex, and the forms of hashes.
	opaqueID = regexp.MustCompile(`(?i)^(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{16,}|sha256-[0-9a-f]{64}|hmac-[0-9a-f]{32})$`)
	digitRun = regexp.MustCompile(`\p{Nd}+`)
)

// Telling reports whether an identifier by itself may tell a phone number: it is no UUID, no long hex and no hash, and has
// a run of 8 to 15 digits.
func Telling(id string) bool {
	if !manyDigits(id) || opaqueID.MatchString(id) {
		return false
	}
	for _, run := range digitRun.FindAllString(id, -1) {
		if n := len([]rune(run)); n >= 8 && n <= maxDigits {
			return true
		}
	}
	return false
}

// manyDigits returns false if the bytes alone show that no run has 8 digits, as in most ids.
func manyDigits(id string) bool {
	run := 0
	for i := range len(id) {
		switch c := id[i]; {
		case c >= utf8.RuneSelf: // perhaps a digit of another script
			return true
		case c < '0' || c > '9':
			run = 0
		default:
			if run++; run >= 8 {
				return true
			}
		}
	}
	return false
}
