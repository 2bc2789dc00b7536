package unifonic_test

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/unifonic"
)

func TestCallLogReadsTheShapeByCallID(t *testing.T) {
	t.Parallel()
	log, err := answers(t, 200, `{"callId":"c-1","type":"ivr","retry":null,"callerId":"+966110000001","recipients":[
		{"callId":"c-1","callSid":"sid-1","parentCallSid":"sid-0","accountId":"acc","to":"+966500000001","timeStamp":1638192471,
		 "receivedAt":"2021-11-29 13:27:53","recordingUrl":"https://recordings.example.com/1","referenceId":"r-1-a1","status":"busy","duration":"0"},
		{"callId":"c-1","callSid":"","to":"966500000002","timeStamp":"","receivedAt":"","recordingUrl":"","status":"on hold","duration":""}]}`).
		CallLog(t.Context(), "c-1")
	require.NoError(t, err)
	require.Equal(t, unifonic.CallLog{CallID: "c-1", Recipients: []unifonic.CallLogEntry{
		{
			CallID: "c-1", CallSID: "sid-1", ParentCallSID: "sid-0", From: "+966110000001", To: "+966500000001",
			Status: unifonic.StatusBusy, RawStatus: "busy", DurationSeconds: new(0),
			RecordingURL: "https://recordings.example.com/1", ReferenceID: "r-1-a1",
		},
		{CallID: "c-1", From: "+966110000001", To: "+966500000002", Status: unifonic.StatusUnknown, RawStatus: "on hold"},
	}}, log)
}

func TestCallLogReadsTheShapeByReferenceID(t *testing.T) {
	t.Parallel()
	log, err := answers(t, 200, `{"referenceId":"r-1-a1","recipients":[{"callId":"c-1","callSid":"sid-1","parentCallSid":null,
		"accountId":"acc","to":"+966500000001","from":"+966110000002","timeStamp":"","receivedAt":"","recordingUrl":"","status":"completed","duration":"17"}]}`).
		CallLog(t.Context(), "r-1-a1")
	require.NoError(t, err)
	require.Equal(t, unifonic.CallLog{ReferenceID: "r-1-a1", Recipients: []unifonic.CallLogEntry{{
		CallID: "c-1", CallSID: "sid-1", From: "+966110000002", To: "+966500000001", ReferenceID: "r-1-a1",
		Status: unifonic.StatusCompleted, RawStatus: "completed", DurationSeconds: new(17),
	}}}, log)
}

func TestCallLogReadsTheWordsOfTheProvidersStatusPage(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]unifonic.Status{
		"Unreachable": unifonic.StatusFailed, "Number in Porting/Service Terminated": unifonic.StatusFailed, "Busy/NoAnswer": unifonic.StatusBusy,
		"No specified reasons. Please try again.": unifonic.StatusFailed, "Rejected or Cancelled": unifonic.StatusRejected, "Terminated": unifonic.StatusFailed,
	} {
		log, err := answers(t, 200, `{"callId":"c-1","recipients":[{"to":"+966500000001","status":"`+word+`"}]}`).CallLog(t.Context(), "c-1")
		require.NoError(t, err)
		require.Equal(t, want, log.Recipients[0].Status, word)
		require.Equal(t, word, log.Recipients[0].RawStatus)
	}
}

func TestCallLogTakesWordsForNothing(t *testing.T) {
	t.Parallel()
	for _, nothing := range nothings {
		body := strings.ReplaceAll(`{"callId":"c-1","referenceId":~,"callerId":~,"recipients":[{"callId":~,"callSid":~,"parentCallSid":~,"from":~,"to":~,
			"number":~,"recordingUrl":~,"referenceId":~,"status":"busy"}]}`, "~", nothing)
		log, err := answers(t, 200, body).CallLog(t.Context(), "c-1")
		require.NoError(t, err)
		require.Equal(t, unifonic.CallLog{CallID: "c-1", Recipients: []unifonic.CallLogEntry{
			{CallID: "c-1", Status: unifonic.StatusBusy, RawStatus: "busy"},
		}}, log, nothing)
	}
}

func TestCallLogReadsTheSmallShape(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"callId":"c-1","type":"ivr","retry":"1","callerId":"+966110000001","recipients":[{"duration":"6","status":"queued","number":"+966500000001"}]}`,
		`{"data":{"callId":"c-1","callerId":"+966110000001","recipients":[{"duration":6,"status":"QUEUED","number":"+966500000001"}]}}`,
		`{"callId":"c-1","callerId":"+966110000001","recipients":{"duration":6,"status":"Queued","number":"+966500000001"}}`,
	} {
		log, err := answers(t, 200, body).CallLog(t.Context(), "c-1")
		require.NoError(t, err)
		require.Len(t, log.Recipients, 1)
		e := log.Recipients[0]
		require.Equal(t, "c-1", e.CallID)
		require.Equal(t, "+966500000001", e.To)
		require.Equal(t, "+966110000001", e.From)
		require.Equal(t, unifonic.StatusQueued, e.Status)
		require.Equal(t, new(6), e.DurationSeconds)
	}
}

func TestCallLogNotFound(t *testing.T) {
	t.Parallel()
	for _, c := range []*unifonic.Client{
		answers(t, 404, ``), answers(t, 404, `{"message":"no such call"}`), answers(t, 404, `<html>`),
		answers(t, 200, `{"callId":"c","recipients":[]}`), answers(t, 200, `{"callId":"c","recipients":null}`),
	} {
		_, err := c.CallLog(t.Context(), "c")
		require.ErrorIs(t, err, unifonic.ErrNotFound)
	}
	c := answers(t, 200, `{"callId":"c","recipients":[{"status":"busy"}]}`)
	for _, id := range []string{"", ".", ".."} {
		_, err := c.CallLog(t.Context(), id)
		require.ErrorIs(t, err, unifonic.ErrNotFound, "%q would ask for something else", id)
	}
}

// An answer of another kind must not count as "not found": three of those may lead to another dial.
func TestCallLogThatIsNoneIsAnErrorToBeRetried(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		``, `null`, `[]`, `{}`, `{"message":"not found"}`, `{"callId":"c"}`, `{"Recipients":[]}`, `{"recipients":"none"}`, `{"recipients":["x"]}`,
		`{"recipients":0}`, `{"recipients":[]`, `<html>`,
	} {
		_, err := answers(t, 200, body).CallLog(t.Context(), "c")
		require.NotErrorIs(t, err, unifonic.ErrNotFound, body)
		var apiErr *unifonic.APIError
		require.ErrorAs(t, err, &apiErr, body)
		require.True(t, apiErr.Retryable, body)
		require.Equal(t, 200, apiErr.StatusCode)
	}
}

func TestAPIErrorOfEveryStatus(t *testing.T) {
	t.Parallel()
	for s := 300; s <= 599; s++ {
		_, err := answers(t, s, `{"message":"no"}`).Masks(t.Context(), unifonic.MaskFilter{})
		var apiErr *unifonic.APIError
		require.ErrorAs(t, err, &apiErr)
		require.Equal(t, s, apiErr.StatusCode)
		require.Equal(t, s == 408 || s == 429 || s >= 500, apiErr.Retryable, "status %d", s)
	}
}

func TestAPIErrorOfTransportFailures(t *testing.T) {
	t.Parallel()
	for name, handle := range map[string]func(net.Conn){
		"closed":         func(net.Conn) {},
		"cut in success": writes("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"),
	} {
		base, _ := rawProvider(t, handle)
		_, err := client(t, base).CallLog(t.Context(), "c")
		var apiErr *unifonic.APIError
		require.ErrorAs(t, err, &apiErr, name)
		require.True(t, apiErr.Retryable, name)
		require.ErrorContains(t, err, "read call log: ")
	}
	base, _ := rawProvider(t, writes("HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\n{"))
	_, err := client(t, base).CallLog(t.Context(), "c")
	var apiErr *unifonic.APIError
	require.ErrorAs(t, err, &apiErr)
	require.False(t, apiErr.Retryable, "the status is known, however the body ends")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = client(t, base).CallLog(ctx, "c")
	require.ErrorIs(t, err, context.Canceled)
}
