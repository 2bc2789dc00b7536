package phone

import "regexp"

var (
	// opaqueID is what holds long runs of digits and tells no number: a UUID, long hex, and the forms that hashes take.
	opaqueID = regexp.MustCompile(`(?i)^(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{16,}|sha256-[0-9a-f]{64}|hmac-[0-9a-f]{32})$`)
	digitRun = regexp.MustCompile(`\p{Nd}+`)
)

// Telling reports whether an identifier may tell a phone number, judged by itself: it is no UUID, no long hex and no hash,
// and has a run of 8 to 15 digits.
func Telling(id string) bool {
	if opaqueID.MatchString(id) {
		return false
	}
	for _, run := range digitRun.FindAllString(id, -1) {
		if n := len([]rune(run)); n >= 8 && n <= maxDigits {
			return true
		}
	}
	return false
}
