package unifonic_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/unifonic"
)

func TestNormalizeStatus(t *testing.T) {
	t.Parallel()
	for want, words := range map[unifonic.Status][]string{
		unifonic.StatusQueued:               {"QUEUED", "queued", "Queued", " queued "},
		unifonic.StatusInitiated:            {"INITIATED", "initiated"},
		unifonic.StatusRinging:              {"RINGING", "ringing"},
		unifonic.StatusAnswered:             {"ANSWERED", "answered", "IN_PROGRESS", "in-progress", "In Progress"},
		unifonic.StatusCompleted:            {"COMPLETED", "completed", "Completed"},
		unifonic.StatusCompletedWithFailure: {"COMPLETED_WITH_FAILURE", "Completed with Failure", "completed-with-failure", "completedWithFailure"},
		unifonic.StatusBusy:                 {"BUSY", "busy", "Busy"},
		unifonic.StatusNoAnswer: {
			"NO_ANSWER", "NOANSWER", "No Answer", "no-answer", "Not Answered", "NOT_ANSWERED", "No Answer or Not Answered",
			"UNANSWERED", "NO_REPLY", "noreply", "MISSED", "TIMEOUT", "time-out",
		},
		unifonic.StatusRejected:  {"REJECTED", "rejected"},
		unifonic.StatusCancelled: {"CANCELLED", "cancelled", "CANCELED", "Canceled"},
		unifonic.StatusFailed:    {"FAILED", "failed"},
		unifonic.StatusUnknown: {
			"", "UNKNOWN", "TERMINATED", "Busy/NoAnswer", "Rejected or Cancelled", "VOICEMAIL", "Unreachable", "ON_HOLD",
			"bu\u017fy", "ＢＵＳＹ", "COMPLETED.", "null",
		},
	} {
		for _, word := range words {
			require.Equal(t, want, unifonic.NormalizeStatus(word), "%q", word)
		}
	}
}

func TestUnknownStatusIsKeptVerbatim(t *testing.T) {
	t.Parallel()
	n := parse(t, `{"callId":"c","status":"On Hold (v2)"}`)
	require.Equal(t, "On Hold (v2)", n.RawStatus)
	require.Equal(t, unifonic.StatusUnknown, n.Status)
}
