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
		unifonic.StatusBusy:                 {"BUSY", "busy", "Busy", "Busy/NoAnswer", "BUSY/NOANSWER", "busy/no-answer"},
		unifonic.StatusNoAnswer: {
			"NO_ANSWER", "NOANSWER", "No Answer", "no-answer", "Not Answered", "NOT_ANSWERED", "No Answer or Not Answered",
			"UNANSWERED", "NO_REPLY", "noreply", "MISSED", "TIMEOUT", "time-out", "Timed out", "EXPIRED",
			"No Answer/Not Answered",
		},
		unifonic.StatusRejected: {
			"REJECTED", "rejected", "declined", "Rejected or Cancelled", "REJECTED_OR_CANCELLED", "Rejected/Cancelled", "rejected or canceled",
		},
		unifonic.StatusCancelled: {"CANCELLED", "cancelled", "CANCELED", "Canceled", "cancel"},
		unifonic.StatusFailed: {
			"FAILED", "failed", "fail", "Unreachable", "congestion", "Terminated", "Number in Porting/Service Terminated", "Number in porting",
			"NUMBER_IN_PORTING/SERVICE_TERMINATED", "service-terminated", "No specified reasons. Please try again.", "NO_SPECIFIED_REASONS",
		},
		unifonic.StatusUnknown: {
			"", "UNKNOWN", "VOICEMAIL", "hangup", "ended", "Busy or Failed", "ON_HOLD",
			"bu\u017fy", "ＢＵＳＹ", "COMPLETED.", "null",
		},
	} {
		for _, word := range words {
			require.Equal(t, want, unifonic.StatusWords{}.Normalize(word), "%q", word)
		}
	}
}

func TestUnknownStatusIsKeptVerbatim(t *testing.T) {
	t.Parallel()
	n := parse(t, `{"callId":"c","status":"On Hold (v2)"}`)
	require.Equal(t, "On Hold (v2)", n.RawStatus)
	require.Equal(t, unifonic.StatusUnknown, n.Status)
}

func TestStatusWords(t *testing.T) {
	t.Parallel()
	w, err := unifonic.NewStatusWords([]string{"HANG_UP=COMPLETED", " switched off = no_answer ", "Busy=REJECTED"})
	require.NoError(t, err)
	for word, want := range map[string]unifonic.Status{
		"hang-up": unifonic.StatusCompleted, "HANGUP": unifonic.StatusCompleted, "SwitchedOff": unifonic.StatusNoAnswer,
		"busy": unifonic.StatusRejected, "failed": unifonic.StatusFailed, "ended": unifonic.StatusUnknown,
	} {
		require.Equal(t, want, w.Normalize(word), word)
	}
	for _, entry := range []string{"", "HANGUP", "HANGUP=", "=FAILED", "- =FAILED", "HANGUP=UNKNOWN", "HANGUP=OVER", "HANGUP=NOT_PLACED"} {
		_, err := unifonic.NewStatusWords([]string{entry})
		require.ErrorContains(t, err, "WORD=STATUS", entry)
	}
}

func TestUnknownStatusIsReported(t *testing.T) {
	t.Parallel()
	w, err := unifonic.NewStatusWords([]string{"HANGUP=COMPLETED"})
	require.NoError(t, err)
	var unknown []string
	p := unifonic.Parser{Statuses: w, Unknown: func(word string) { unknown = append(unknown, word) }}
	for body, want := range map[string]unifonic.Status{
		`{"callId":"c","status":"HangUp"}`: unifonic.StatusCompleted, `{"callId":"c","status":"ended"}`: unifonic.StatusUnknown,
		`{"callId":"c"}`: unifonic.StatusUnknown, `{"callId":"c","status":"null"}`: unifonic.StatusUnknown,
	} {
		n, err := p.Notification([]byte(body))
		require.NoError(t, err)
		require.Equal(t, want, n.Status, body)
	}
	require.Equal(t, []string{"ended"}, unknown, "a status that says nothing is no word")
}
