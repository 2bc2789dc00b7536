package handlers_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/recordings"
)

func TestRecordingIsWaitedFor(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	began := time.Now()
	requireProblem(t, s.do(t, "GET", "/v1/recordings/abc?wait=1500ms", ""), 404, "not-found")
	require.GreaterOrEqual(t, time.Since(began), 1500*time.Millisecond)
	requireProblem(t, s.do(t, "GET", "/v1/recordings/abc?wait=soon", ""), 422, "invalid-request")

	s.workflows.set("call:abc", calls.CallState{CallKey: "abc", Recordings: []calls.Recording{{CallKey: "abc", LegHash: calls.LegHash("s1"), Status: calls.RecordingPending}}})
	id := calls.RecordingWorkflowID("abc", "s1")
	s.workflows.set(id, calls.Recording{CallKey: "abc", LegHash: calls.LegHash("s1"), Status: calls.RecordingPending})
	stored := time.AfterFunc(200*time.Millisecond, func() {
		s.workflows.set(id, calls.Recording{CallKey: "abc", LegHash: calls.LegHash("s1"), Status: calls.RecordingStored})
	})
	defer stored.Stop()
	began = time.Now()
	rec := decodeBody[calls.Recording](t, s.do(t, "GET", "/v1/recordings/abc?wait=30s", ""))
	require.Equal(t, calls.RecordingStored, rec.Status)
	require.Less(t, time.Since(began), 20*time.Second)

	s.workflows.set(id, calls.Recording{CallKey: "abc", LegHash: calls.LegHash("s1"), Status: calls.RecordingPending})
	s.stop()
	began = time.Now()
	rec = decodeBody[calls.Recording](t, s.do(t, "GET", "/v1/recordings/abc?wait=30s", ""))
	require.Equal(t, calls.RecordingPending, rec.Status, "a shutdown ends the wait with what is known")
	require.Less(t, time.Since(began), 20*time.Second)
}

func TestStoredRecordingIsDeleted(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.workflows.set("call:abc", calls.CallState{CallKey: "abc", Recordings: []calls.Recording{{CallKey: "abc", LegHash: calls.LegHash("s1"), Status: calls.RecordingPending}}})
	requireProblem(t, s.do(t, "DELETE", "/v1/recordings/abc", ""), 403, "missing-scope")
	erase := func(id string) *httptest.ResponseRecorder {
		return s.do(t, "DELETE", "/v1/recordings/"+id, "", "Authorization", "Bearer erases")
	}
	requireProblem(t, erase("none"), 404, "not-found")
	requireProblem(t, erase("abc"), 409, "wrong-state")
	s.store.recs = []calls.Recording{{CallKey: "abc", LegHash: calls.LegHash("s1"), Status: calls.RecordingStored}}
	for range 2 {
		require.Equal(t, calls.RecordingDeleted, decodeBody[calls.Recording](t, erase("abc")).Status)
	}
	requireProblem(t, s.do(t, "GET", "/v1/recordings/abc/audio", ""), 404, "not-found")
	requireProblem(t, s.do(t, "POST", "/v1/recordings/abc/retry", ""), 409, "wrong-state")
}

func TestDamagedRecordingIsNotServed(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.store.err = recordings.ErrDamaged
	requireProblem(t, s.do(t, "GET", "/v1/recordings/abc/audio?recording="+calls.LegHash("s1"), ""), 500, "recording-damaged")
}

func TestManyRecordingsAreRetried(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	type answer struct {
		Retried, Failed int
		NextCursor      string
	}
	requireProblem(t, s.do(t, "POST", "/v1/recordings?status=stored", ""), 422, "invalid-request")
	requireProblem(t, s.do(t, "POST", "/v1/recordings?status=pending&cursor=%25", ""), 422, "invalid-request")
	res := s.do(t, "POST", "/v1/recordings?status=expired", "")
	require.Equal(t, 202, res.Code)
	first := decodeBody[answer](t, res)
	require.Equal(t, 100, first.Retried)
	last := decodeBody[answer](t, s.do(t, "POST", "/v1/recordings?status=pending&cursor="+first.NextCursor, ""))
	require.Equal(t, answer{Retried: 1, Failed: 2}, last)
	require.Equal(t, []string{"all false 100 ", "all true 100 more"}, s.workflows.updates)
}
