package unifonic

import (
	"strings"
	"unicode"
)

// Status is the normalised status of a leg of a call. The provider's own word is kept beside it.
type Status string

// Statuses. StatusUnknown stands for every word that is not listed here and is never an ending.
const (
	StatusQueued               Status = "QUEUED"
	StatusInitiated            Status = "INITIATED"
	StatusRinging              Status = "RINGING"
	StatusAnswered             Status = "ANSWERED"
	StatusCompleted            Status = "COMPLETED"
	StatusCompletedWithFailure Status = "COMPLETED_WITH_FAILURE"
	StatusBusy                 Status = "BUSY"
	StatusNoAnswer             Status = "NO_ANSWER"
	StatusRejected             Status = "REJECTED"
	StatusCancelled            Status = "CANCELLED"
	StatusFailed               Status = "FAILED"
	StatusUnknown              Status = "UNKNOWN"
)

// NormalizeStatus maps the provider's word to a Status, whatever its case, spaces, dashes and underscores. The wire
// spelling of several statuses is published nowhere (the provider's reference, section 2.4), hence the aliases. Words
// that name two statuses at once, such as "Rejected or Cancelled", are unknown.
func NormalizeStatus(raw string) Status {
	switch fold(raw) {
	case "QUEUED":
		return StatusQueued
	case "INITIATED":
		return StatusInitiated
	case "RINGING":
		return StatusRinging
	case "ANSWERED", "INPROGRESS":
		return StatusAnswered
	case "COMPLETED":
		return StatusCompleted
	case "COMPLETEDWITHFAILURE":
		return StatusCompletedWithFailure
	case "BUSY":
		return StatusBusy
	case "NOANSWER", "NOTANSWERED", "NOANSWERORNOTANSWERED", "UNANSWERED", "NOREPLY", "MISSED", "TIMEOUT":
		return StatusNoAnswer
	case "REJECTED":
		return StatusRejected
	case "CANCELLED", "CANCELED":
		return StatusCancelled
	case "FAILED":
		return StatusFailed
	default:
		return StatusUnknown
	}
}

// fold upper-cases ASCII letters and drops spaces, dashes and underscores. Other letters stay as they are: Unicode's
// own folding would let look-alikes pass for a status.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '-' || r == '_' || unicode.IsSpace(r):
			return -1
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		default:
			return r
		}
	}, s)
}
