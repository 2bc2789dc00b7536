package handlers_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/handlers"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/inbox"
)

func TestLists(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	at := time.Date(2026, 1, 31, 9, 0, 0, 0, time.UTC)
	for path, want := range map[string]struct{ workflow, id, body string }{
		"/v1/calls": {"Call", "call:abc", `{"items":[{"callKey":"abc","workflowId":"call:abc","status":"FAILED",
			"referenceId":"r1","attention":["conflict"],"running":true,"startedAt":"2026-01-31T09:00:00Z"}],"nextCursor":"more"}`},
		"/v1/outbound-calls": {"OutboundCall", "outbound:r1", `{"items":[{"referenceId":"r1","workflowId":"outbound:r1","status":"FAILED",
			"attempts":2,"callKey":"abc","attention":["conflict"],"running":true,"startedAt":"2026-01-31T09:00:00Z"}],"nextCursor":"more"}`},
		"/v1/masking-sessions": {"MaskingSession", "mask:7", `{"items":[{"maskId":"","workflowId":"mask:7","state":"OPEN",
			"referenceId":"r1","attention":["conflict"],"startedAt":"2026-01-31T09:00:00Z"}],"nextCursor":"more"}`},
	} {
		s.workflows.page = desk.Page{Next: "more", Items: []desk.Listed{{
			WorkflowID: want.id, CallKey: "abc", ReferenceID: "r1", Status: "FAILED", Attention: "conflict", Attempt: 2, Running: true, StartedAt: at,
		}}}
		rec := s.do(t, "GET", path, "")
		require.Equal(t, 200, rec.Code, rec.Body.String())
		require.JSONEq(t, want.body, rec.Body.String())
		require.Equal(t, want.workflow, s.workflows.listed[len(s.workflows.listed)-1])
		require.Equal(t, 50, s.workflows.filters[len(s.workflows.filters)-1].Limit)

		s.workflows.page = desk.Page{}
		require.JSONEq(t, `{"items":[]}`, s.do(t, "GET", path, "").Body.String())
	}
}

// TestACallOfWhichNothingIsHeardHasNoStatus: UNKNOWN is how a call ended, or a word that nobody knows; both have an attention.
func TestACallOfWhichNothingIsHeardHasNoStatus(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	for _, row := range []struct {
		listed desk.Listed
		status calls.Status
	}{
		{desk.Listed{Status: "UNKNOWN", Running: true}, ""},
		{desk.Listed{Status: "UNKNOWN", Running: true, Attention: calls.AttentionGaveUp}, calls.StatusUnknown},
		{desk.Listed{Status: "UNKNOWN"}, calls.StatusUnknown},
		{desk.Listed{Status: "RINGING", Running: true}, calls.StatusRinging},
	} {
		row.listed.WorkflowID = "call:abc"
		s.workflows.page = desk.Page{Items: []desk.Listed{row.listed}}
		var page handlers.List[handlers.ListedCall]
		require.NoError(t, json.Unmarshal(s.do(t, "GET", "/v1/calls", "").Body.Bytes(), &page))
		require.Equal(t, row.status, page.Items[0].Status, "%+v", row.listed)
	}
}

// TestCallsWhoseRecordingIsInDanger: the attention is the recording's, and it is the calls that are asked for.
func TestCallsWhoseRecordingIsInDanger(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	at := time.Date(2026, 1, 31, 9, 0, 0, 0, time.UTC)
	s.workflows.page = desk.Page{Items: []desk.Listed{{
		WorkflowID: "recording:abc:0123456789ab", CallKey: "abc", Recording: "PENDING", Attention: "recording-alarm", Running: true, StartedAt: at,
	}}}
	require.JSONEq(t, `{"items":[{"callKey":"abc","workflowId":"call:abc","attention":["recording-alarm"],"running":true,"startedAt":"2026-01-31T09:00:00Z"}]}`,
		s.do(t, "GET", "/v1/calls?attention=conflict,recording-alarm", "").Body.String())
	require.Equal(t, "Recording", s.workflows.filters[0].Also)
	for _, path := range []string{"/v1/calls", "/v1/calls?attention=conflict", "/v1/outbound-calls?attention=recording-alarm"} {
		s.workflows.page = desk.Page{}
		require.Equal(t, 200, s.do(t, "GET", path, "").Code)
		require.Empty(t, s.workflows.filters[len(s.workflows.filters)-1].Also, path)
	}
}

func TestListFilters(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	rec := s.do(t, "GET", "/v1/outbound-calls?status=FAILED,NOT_PLACED&attention=gave-up&referenceId=r1&since=2026-01-31T09:00:00Z&until=2026-01-31T12:00:00%2B03:00&limit=7&cursor=c", "")
	require.Equal(t, 200, rec.Code, rec.Body.String())
	f := s.workflows.filters[0]
	require.Equal(t, []string{"FAILED", "NOT_PLACED"}, f.Statuses)
	require.Equal(t, []string{"gave-up"}, f.Attention)
	require.Subset(t, f.References, []string{"r1", "r1-a1", "r1-a2", calls.HashedKey("r1")})
	require.True(t, f.Since.Equal(f.Until))
	require.Equal(t, 7, f.Limit)
	require.Equal(t, "c", f.Cursor)
	require.Equal(t, 200, s.do(t, "GET", "/v1/masking-sessions?status=CLOSED", "").Code)
	require.False(t, *s.workflows.filters[1].Running)
	require.Equal(t, 200, s.do(t, "GET", "/v1/masking-sessions?status=CLOSED,OPEN", "").Code)
	require.Nil(t, s.workflows.filters[2].Running)

	for query, field := range map[string]string{
		"calls?state=DONE": "state", "calls?status=completed": "status", "calls?status=NOT_PLACED": "status", "calls?status=": "status",
		"calls?status=BUSY&status=FAILED": "status", "calls?attention=fire": "attention", "calls?since=yesterday": "since",
		"calls?until=2026-01-31": "until", "calls?limit=0": "limit", "calls?limit=201": "limit", "calls?limit=x": "limit",
		"calls?cursor=bad": "cursor", "masking-sessions?status=COMPLETED": "status", "outbound-calls?wait=3s": "wait",
		"calls/abc/events?since=2026-01-31T09:00:00Z": "since", "calls/abc/events?cursor=x": "cursor", "calls/abc/events?limit=501": "limit",
	} {
		p := requireProblem(t, s.do(t, "GET", "/v1/"+query, ""), 422, "invalid-request")
		require.Len(t, p.Errors, 1, query)
		require.Equal(t, field, p.Errors[0].Field, query)
	}
	p := requireProblem(t, s.do(t, "GET", "/v1/calls?x=1&limit=0&status=y", ""), 422, "invalid-request")
	require.Len(t, p.Errors, 3, "all that is at fault")

	s.workflows.err = desk.ErrAway
	requireProblem(t, s.do(t, "GET", "/v1/calls", ""), 503, "temporal-unavailable")
	require.Equal(t, 401, s.do(t, "GET", "/v1/calls", "", "Authorization", "").Code)
}

func TestEvents(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	requireProblem(t, s.do(t, "GET", "/v1/calls/abc/events", ""), 404, "not-found")
	s.workflows.set("call:abc", calls.CallState{CallKey: "abc"})
	require.JSONEq(t, `{"items":[]}`, s.do(t, "GET", "/v1/calls/abc/events", "").Body.String(), "known, and nothing is kept")

	body := `{"callId":"abc","callSid":"s1","status":"COMPLETED","to":"+966500000005","recordingUrl":"https://rec.example.com/1"}`
	at := time.Date(2026, 1, 31, 9, 0, 0, 0, time.UTC)
	s.inbox.receipt = []inbox.Received{
		{EventKey: "e1", At: at, Body: []byte(body)}, {EventKey: "e1", At: at, Duplicate: true, Body: []byte("{")},
		{EventKey: "e2", At: at, Reason: inbox.ReasonLate, DeadLetterID: "dl-1"}, {EventKey: "e3", At: at, Reason: inbox.ReasonApplication},
	}
	rec := s.do(t, "GET", "/v1/calls/abc/events", "")
	list := decodeBody[handlers.List[handlers.Event]](t, rec).Items
	require.Len(t, list, 4)
	require.Equal(t, "accepted duplicate late dead-letter", fmt.Sprint(list[0].Disposition, " ", list[1].Disposition, " ", list[2].Disposition, " ", list[3].Disposition))
	require.Equal(t, base64.StdEncoding.EncodeToString([]byte(body)), list[0].BodyBase64)
	require.Equal(t, "e1 abc COMPLETED +966500000005", fmt.Sprint(list[0].Event.EventKey, " ", list[0].Event.CallKey, " ", list[0].Event.Status, " ", list[0].Event.To))
	require.NotEmpty(t, list[0].Event.RecordingURL)
	require.Len(t, s.audit, 1, "who has the URL of a recording can listen to it elsewhere")
	require.Equal(t, "reveal abc", fmt.Sprint(s.audit[0].Action, " ", s.audit[0].ID))
	reads := s.do(t, "GET", "/v1/calls/abc/events", "", "Authorization", "Bearer reads").Body.String()
	require.Contains(t, reads, "+966500000005")
	require.NotContains(t, reads, "bodyBase64", "who may not listen gets nothing that leads to a recording")
	require.NotContains(t, reads, "rec.example.com")
	require.Len(t, s.audit, 1)
	require.Nil(t, list[1].Event, "what cannot be read is shown as it came")
	require.Equal(t, "dl-1", list[2].DeadLetterID)

	page := decodeBody[handlers.List[handlers.Event]](t, s.do(t, "GET", "/v1/calls/abc/events?limit=3", ""))
	require.Equal(t, "3", page.NextCursor)
	page = decodeBody[handlers.List[handlers.Event]](t, s.do(t, "GET", "/v1/calls/abc/events?limit=3&cursor=3", ""))
	require.Len(t, page.Items, 1)
	require.Empty(t, page.NextCursor)
	s.inbox.err = errors.New("disk of +966500000005")
	requireProblem(t, s.do(t, "GET", "/v1/calls/abc/events", ""), 503, "inbox-unavailable")
	require.NotContains(t, s.log.String(), "966500000005")
}

func TestRetryOutboundCall(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	const path, body = "/v1/outbound-calls/r1/retry", `{"attempt":1,"reason":"asked for"}`
	s.workflows.updated = desk.ErrUnknown
	requireProblem(t, s.do(t, http.MethodPost, path, body), 404, "not-found")
	s.workflows.set("outbound:r1", calls.OutboundCallState{ReferenceID: "r1", State: calls.OutboundDone})
	requireProblem(t, s.do(t, http.MethodPost, path, body), 409, "wrong-state")
	s.workflows.updated = temporal.NewApplicationError("attempt 1 is not the last one: that is 2", "")
	p := requireProblem(t, s.do(t, http.MethodPost, path, body), 409, "wrong-state")
	require.Contains(t, p.Detail, "that is 2")
	s.workflows.updated = nil
	rec := s.do(t, http.MethodPost, path, body)
	require.Equal(t, 200, rec.Code, rec.Body.String())
	require.Contains(t, rec.Body.String(), `"attempts":[]`)
	require.Contains(t, s.workflows.updates, "outbound:r1 retry-now")
	for body, fields := range map[string]int{`{}`: 2, `{"attempt":0,"reason":" "}`: 2, `{"attempt":1,"reason":"x","now":true}`: 1, `{"attempt":"1","reason":"x"}`: 1, `[]`: 1} {
		require.Len(t, requireProblem(t, s.do(t, http.MethodPost, path, body), 422, "invalid-request").Errors, fields, body)
	}
}
