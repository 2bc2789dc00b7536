package unifonic

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Status is the normalised status of a leg of a call. The provider's own word is kept beside it.
type Status string

// Statuses. StatusUnknown stands for every word that is not listed here; it never ends a call.
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

// words are the provider's words, folded, and other sources' words for the same. The wire spelling of several statuses is
// published nowhere (the provider's reference, section 2.4), so there are many. A word for two endings counts as the one
// after which nobody is called back by mistake.
var words = wordsOf(map[Status][]string{
	StatusQueued:               {"QUEUED"},
	StatusInitiated:            {"INITIATED"},
	StatusRinging:              {"RINGING"},
	StatusAnswered:             {"ANSWERED", "IN_PROGRESS"},
	StatusCompleted:            {"COMPLETED"},
	StatusCompletedWithFailure: {"COMPLETED_WITH_FAILURE"},
	StatusBusy:                 {"BUSY", "BUSY/NO_ANSWER"},
	StatusNoAnswer: {
		"NO_ANSWER", "NOT_ANSWERED", "NO_ANSWER_OR_NOT_ANSWERED", "NO_ANSWER/NOT_ANSWERED", "UNANSWERED", "NO_REPLY", "MISSED",
		"TIMEOUT", "TIMED_OUT", "EXPIRED",
	},
	StatusRejected: {
		"REJECTED", "DECLINED", "REJECTED_OR_CANCELLED", "REJECTED_OR_CANCELED", "REJECTED/CANCELLED", "REJECTED/CANCELED",
	},
	StatusCancelled: {"CANCELLED", "CANCELED", "CANCEL"},
	StatusFailed: {
		"FAILED", "FAIL", "UNREACHABLE", "CONGESTION", "TERMINATED", "NUMBER_IN_PORTING/SERVICE_TERMINATED", "NUMBER_IN_PORTING",
		"SERVICE_TERMINATED", "NO_SPECIFIED_REASONS",
	},
})

func wordsOf(lists map[Status][]string) map[string]Status {
	folded := map[string]Status{}
	for status, list := range lists {
		for _, word := range list {
			folded[fold(word)] = status
		}
	}
	return folded
}

// noReasons is the start of the provider's word "No specified reasons. Please try again."; its rest varies.
var noReasons = fold("NO_SPECIFIED_REASONS")

// StatusWords are words for statuses besides the built-in ones, which they override. The zero value has none.
type StatusWords struct{ added map[string]Status }

// NewStatusWords reads entries such as "HANGUP=COMPLETED". The word's case, spaces, dashes and underscores do not
// matter. The error names an entry that is not a word and a Status, or whose status is UNKNOWN.
func NewStatusWords(entries []string) (StatusWords, error) {
	w := StatusWords{added: map[string]Status{}}
	for _, entry := range entries {
		word, name, _ := strings.Cut(entry, "=")
		status := Status(strings.ToUpper(strings.TrimSpace(name)))
		if fold(word) == "" || !slices.Contains(statuses, status) {
			return StatusWords{}, fmt.Errorf("%q must be WORD=STATUS, with one of the statuses %v", entry, statuses)
		}
		w.added[fold(word)] = status
	}
	return w, nil
}

// statuses lists every status that a word can stand for.
var statuses = []Status{
	StatusQueued, StatusInitiated, StatusRinging, StatusAnswered, StatusCompleted, StatusCompletedWithFailure, StatusBusy,
	StatusNoAnswer, StatusRejected, StatusCancelled, StatusFailed,
}

// Normalize maps a word to a Status, or to StatusUnknown if it is not known.
func (w StatusWords) Normalize(raw string) Status {
	word := fold(raw)
	if s, ok := w.added[word]; ok {
		return s
	}
	if s, ok := words[word]; ok {
		return s
	}
	if strings.HasPrefix(word, noReasons) {
		return StatusFailed
	}
	return StatusUnknown
}

// normalize maps a word and reports it if it is unknown. A text that says nothing is no word.
func normalize(w StatusWords, unknown func(word string), raw string) Status {
	s := w.Normalize(raw)
	if s == StatusUnknown && unknown != nil && !saysNothing(raw) {
		unknown(raw)
	}
	return s
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
