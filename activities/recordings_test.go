package activities_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	_ "gocloud.dev/blob/memblob" // mem:// URLs

	"github.com/aftercall/aftercall/activities"
	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/recordings"
	"github.com/aftercall/aftercall/internal/unifonic"
)

// wavOf is a recording of n bytes of silence.
func wavOf(n int) string {
	size := func(n int) string { return string([]byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)}) }
	return "RIFF" + size(36+n) + "WAVEfmt " + size(16) + "\x01\x00\x01\x00\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00data" + size(n) + strings.Repeat("\x00", n)
}

// recordingHost is a recording host, the activities that fetch from it, and a store in memory.
type recordingHost struct {
	*activities.Recordings
	url   string
	asked atomic.Int64
}

func newRecordingHost(t *testing.T, handler http.HandlerFunc) *recordingHost {
	t.Helper()
	h := &recordingHost{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.asked.Add(1)
		handler(w, r)
	}))
	t.Cleanup(server.Close)
	fetcher, err := recordings.NewFetcher(recordings.Options{
		AllowedHosts: []string{strings.TrimPrefix(server.URL, "http://")}, AllowHTTP: true, StallTimeout: time.Minute,
	})
	require.NoError(t, err)
	store, err := recordings.OpenStore(t.Context(), "mem://")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	h.Recordings = &activities.Recordings{Store: store, Fetcher: fetcher}
	h.url = server.URL + "/rec?signature=secret"
	return h
}

func (h *recordingHost) input(sid string) contract.DownloadRecordingInput {
	return contract.DownloadRecordingInput{
		Recording: calls.Recording{CallKey: "c1", Leg: sid, LegHash: calls.LegHash(sid), Deadline: time.Now().Add(time.Hour)}, URL: h.url,
	}
}

func (h *recordingHost) download(in contract.DownloadRecordingInput) (calls.Recording, error) {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestActivityEnvironment()
	env.RegisterActivityWithOptions(h.DownloadRecording, activity.RegisterOptions{Name: contract.ActivityDownloadRecording.Name})
	v, err := env.ExecuteActivity(contract.ActivityDownloadRecording.Name, in)
	var rec calls.Recording
	if err == nil {
		err = v.Get(&rec)
	}
	return rec, err
}

func requireFailure(t *testing.T, err error, kind, reason string, final bool) *temporal.ApplicationError {
	t.Helper()
	e, ok := errors.AsType[*temporal.ApplicationError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, kind, e.Type())
	require.Equal(t, final, e.NonRetryable())
	require.NotContains(t, err.Error(), "signature", "a URL is a secret")
	var f contract.DownloadFailure
	require.NoError(t, e.Details(&f))
	require.Equal(t, reason, f.Reason)
	require.Equal(t, 1, f.Tries)
	return e
}

func TestDownloadRecordingStoresOnce(t *testing.T) {
	t.Parallel()
	h := newRecordingHost(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, wavOf(50_000)) })
	rec, err := h.download(h.input("sid-1"))
	require.NoError(t, err)
	require.Equal(t, calls.RecordingStored, rec.Status)
	require.EqualValues(t, 50_044, rec.SizeBytes)
	again, err := h.download(h.input("sid-1"))
	require.NoError(t, err)
	require.Equal(t, rec, again)
	require.EqualValues(t, 1, h.asked.Load(), "what is stored is not fetched again")
}

func TestDownloadRecordingSaysWhatFollowsFromAFailure(t *testing.T) {
	t.Parallel()
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(code)
		}
	}
	page := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }
	elsewhere := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://169.254.169.254/", http.StatusFound)
	}
	cut := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "50044")
		_, _ = io.WriteString(w, wavOf(50_000)[:20_000])
	}
	for _, c := range []struct {
		name         string
		handler      http.HandlerFunc
		kind, reason string
		status       int
		oldEnds      bool // for a workflow from before news
		pause        time.Duration
	}{
		{"denied", status(401), contract.ErrTypeRecordingForbidden, "status-401", 401, false, time.Hour},
		{"forbidden", status(403), contract.ErrTypeRecordingForbidden, "status-403", 403, false, time.Hour},
		{"gone", status(410), contract.ErrTypeRecordingURLDead, "status-410", 410, true, time.Hour},
		{"not there", status(404), contract.ErrTypeRecordingUnavailable, "not-found", 404, false, 0},
		{"busy", status(503), contract.ErrTypeRecordingUnavailable, "status-503", 503, false, 7 * time.Second},
		{"a page", page, contract.ErrTypeRecordingNotAudio, "not-audio", 0, true, 0},
		{"elsewhere", elsewhere, contract.ErrTypeRecordingUnfetchable, "host-not-allowed", 0, false, 0},
		{"cut", cut, contract.ErrTypeRecordingUnavailable, "cut-short", 0, false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newRecordingHost(t, c.handler)
			in := h.input("sid-1")
			_, err := h.download(in)
			requireFailure(t, err, c.kind, c.reason, c.oldEnds)

			in.News = true
			_, err = h.download(in)
			e := requireFailure(t, err, c.kind, c.reason, true)
			var f contract.DownloadFailure
			require.NoError(t, e.Details(&f))
			require.Equal(t, c.status, f.HTTPStatus)
			require.WithinDuration(t, time.Now(), f.At, time.Minute)

			in.Known = []string{"status-500", c.reason}
			_, err = h.download(in)
			e = requireFailure(t, err, c.kind, c.reason, false)
			require.Equal(t, c.pause, e.NextRetryDelay())
			_, ok, err := h.Store.Meta(t.Context(), "c1", calls.LegHash("sid-1"))
			require.NoError(t, err)
			require.False(t, ok)
		})
	}
}

func TestDownloadRecordingWaitsForItsTime(t *testing.T) {
	t.Parallel()
	h := newRecordingHost(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, wavOf(10)) })
	now := time.Now()
	h.Now = func() time.Time { return now }
	in := h.input("sid-1")
	later := now.Add(time.Minute)
	in.NotBefore = &later
	_, err := h.download(in)
	e, ok := errors.AsType[*temporal.ApplicationError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, contract.ErrTypeRecordingNotYet, e.Type())
	require.Equal(t, time.Minute, e.NextRetryDelay())
	require.Zero(t, h.asked.Load())
	now = later
	_, err = h.download(in)
	require.NoError(t, err)
}

func TestF25HangingHostTakesOnlyItsOwnPlaces(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan struct{}, 8), make(chan struct{})
	h := newRecordingHost(t, func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	other := newRecordingHost(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, wavOf(10)) })
	h.Fetcher = either{h.url, h.Fetcher, other.Fetcher}
	results := make(chan error, 4)
	for _, sid := range []string{"sid-1", "sid-2", "sid-3", "sid-4"} {
		go func() {
			_, err := h.download(h.input(sid))
			results <- err
		}()
		<-arrived
	}
	_, err := h.download(h.input("sid-5"))
	e := requireFailure(t, err, contract.ErrTypeRecordingHostBusy, "host-busy", false)
	require.Positive(t, e.NextRetryDelay())

	in := h.input("sid-6")
	in.URL = other.url
	_, err = h.download(in)
	require.NoError(t, err, "another host is not affected")

	close(release)
	for range 4 {
		requireFailure(t, <-results, contract.ErrTypeRecordingUnavailable, "empty", false)
	}
	_, err = h.download(h.input("sid-5"))
	requireFailure(t, err, contract.ErrTypeRecordingUnavailable, "empty", false)
}

// either fetches one URL with one fetcher and the rest with another: hosts of a test have fetchers of their own.
type either struct {
	url         string
	this, other activities.RecordingFetcher
}

func (e either) Fetch(ctx context.Context, url string, into *os.File, progress func(int64)) (recordings.Audio, error) {
	if url == e.url {
		return e.this.Fetch(ctx, url, into, progress)
	}
	return e.other.Fetch(ctx, url, into, progress)
}

func TestF33StoreThatIsAwayIsNotTheURLsFault(t *testing.T) {
	t.Parallel()
	h := newRecordingHost(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, wavOf(10)) })
	good := h.Store
	h.Store = brokenStore{good}
	_, err := h.download(h.input("sid-1"))
	requireFailure(t, err, contract.ErrTypeRecordingStore, "store-unavailable", false)
	h.Store = good
	_, err = h.download(h.input("sid-1"))
	require.NoError(t, err)
}

type brokenStore struct{ activities.RecordingStore }

func (brokenStore) Put(context.Context, calls.Recording, []string, recordings.Audio, io.ReaderAt) (calls.Recording, error) {
	return calls.Recording{}, errors.New("no space left on device")
}

// links is a provider that says recording URLs a second time.
type links struct {
	log     unifonic.CallLog
	logErr  error
	list    []string
	listErr error
}

func (l links) CallLog(context.Context, string) (unifonic.CallLog, error) { return l.log, l.logErr }

func (l links) MaskRecordingURLs(context.Context, string) ([]string, error) { return l.list, l.listErr }

func TestRefreshRecordingURL(t *testing.T) {
	t.Parallel()
	const dead, fresh = "https://rec.example.com/a.wav?s=1", "https://rec.example.com/a.wav?s=2"
	log := func(entries ...unifonic.CallLogEntry) unifonic.CallLog { return unifonic.CallLog{Recipients: entries} }
	ofLeg := contract.RefreshRecordingURLInput{URL: dead, CallID: "c1", CallSID: "sid-1"}
	ofMasked := contract.RefreshRecordingURLInput{URL: dead, CallID: "c1", CallSID: "sid-1", MaskID: "m1"}
	for _, c := range []struct {
		name string
		api  links
		in   contract.RefreshRecordingURLInput
		want string
	}{
		{"the leg's entry", links{log: log(unifonic.CallLogEntry{CallSID: "sid-2", RecordingURL: "https://other"}, unifonic.CallLogEntry{CallSID: "sid-1", RecordingURL: fresh})}, ofLeg, fresh},
		{"another leg's entry", links{log: log(unifonic.CallLogEntry{CallSID: "sid-2", RecordingURL: fresh})}, ofLeg, ""},
		{"the same URL", links{log: log(unifonic.CallLogEntry{CallSID: "sid-1", RecordingURL: dead})}, ofLeg, ""},
		{"no URL", links{log: log(unifonic.CallLogEntry{CallSID: "sid-1"})}, ofLeg, ""},
		{"a call that is not known", links{logErr: unifonic.ErrNotFound}, ofLeg, ""},
		{"the only recipient of a leg without callSid", links{log: log(unifonic.CallLogEntry{CallSID: "sid-9", RecordingURL: fresh})}, contract.RefreshRecordingURLInput{URL: dead, CallID: "c1"}, fresh},
		{"one of several recipients of a leg without callSid", links{log: log(unifonic.CallLogEntry{RecordingURL: fresh}, unifonic.CallLogEntry{})}, contract.RefreshRecordingURLInput{URL: dead, CallID: "c1"}, ""},
		{"the session's list, other query", links{logErr: unifonic.ErrNotFound, list: []string{"https://rec.example.com/b.wav?s=2", fresh}}, ofMasked, fresh},
		{"the session's list, other paths and hosts", links{logErr: unifonic.ErrNotFound, list: []string{"https://rec.example.com/b.wav", "https://evil.example/a.wav?s=2", "http://rec.example.com/a.wav?s=2", dead}}, ofMasked, ""},
		{"no list", links{logErr: unifonic.ErrNotFound, listErr: unifonic.ErrNotFound}, ofMasked, ""},
		{"a session's own recording", links{logErr: errors.New("must not be asked"), list: []string{fresh}}, contract.RefreshRecordingURLInput{URL: dead, MaskID: "m1"}, fresh},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := (&activities.Recordings{API: c.api}).RefreshRecordingURL(t.Context(), c.in)
			require.NoError(t, err)
			require.Equal(t, c.want, got.URL)
		})
	}
	t.Run("a recording that was asked for", func(t *testing.T) {
		seek := contract.RefreshRecordingURLInput{CallID: "c1", CallSID: "sid-1", Patient: true}
		for _, entry := range []unifonic.CallLogEntry{{CallSID: "sid-1", RecordingURL: fresh}, {RecordingURL: fresh}} {
			got, err := (&activities.Recordings{API: links{log: log(entry)}}).RefreshRecordingURL(t.Context(), seek)
			require.NoError(t, err)
			require.Equal(t, fresh, got.URL)
		}
		for _, api := range []links{{log: log(unifonic.CallLogEntry{CallSID: "sid-1"})}, {logErr: unifonic.ErrNotFound}, {logErr: &unifonic.APIError{StatusCode: 401}}} {
			_, err := (&activities.Recordings{API: api}).RefreshRecordingURL(t.Context(), seek)
			failure, ok := errors.AsType[*temporal.ApplicationError](err)
			require.True(t, !ok || !failure.NonRetryable(), "%v: it is asked again", err)
			require.Error(t, err)
		}
	})
	t.Run("a provider that is away is asked again", func(t *testing.T) {
		away := &unifonic.APIError{StatusCode: 503, Retryable: true}
		for _, api := range []links{{logErr: away}, {listErr: away}} {
			_, err := (&activities.Recordings{API: api}).RefreshRecordingURL(t.Context(), ofMasked)
			require.ErrorAs(t, err, &away)
		}
	})
}
