package handlers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/handlers"
	"github.com/aftercall/aftercall/internal/access"
	"github.com/aftercall/aftercall/internal/audit"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/ids"
	"github.com/aftercall/aftercall/internal/inbox"
	"github.com/aftercall/aftercall/internal/intake"
	"github.com/aftercall/aftercall/internal/openapitest"
	"github.com/aftercall/aftercall/internal/recordings"
)

const apiKey = "s3cret"

// fakeWorkflows answers with the states it is given.
type fakeWorkflows struct {
	mu       sync.Mutex
	states   map[string]any
	closed   map[string]bool
	err      error         // of every question
	changed  chan struct{} // closed at every change; ends a wait
	states0  atomic.Int32  // questions asked
	awaits   atomic.Int32  // waits under way or over
	updates  []string
	updated  error
	result   any
	resulted error
	told     []string
	tellErr  error
	page     desk.Page
	filters  []desk.Filter
	listed   []string
}

func newFakeWorkflows() *fakeWorkflows {
	return &fakeWorkflows{states: map[string]any{}, closed: map[string]bool{}, changed: make(chan struct{})}
}

func (f *fakeWorkflows) set(id string, state any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.states[id] = state
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *fakeWorkflows) Query(_ context.Context, id, _ string, into any) (bool, error) {
	f.states0.Add(1)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return false, f.err
	}
	s, ok := f.states[id]
	if !ok {
		return false, desk.ErrUnknown
	}
	return f.closed[id], copyInto(s, into)
}

func copyInto(from, into any) error {
	b, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, into)
}

func (f *fakeWorkflows) AwaitOutcome(ctx context.Context, id string) error {
	f.awaits.Add(1)
	f.mu.Lock()
	state, ok := f.states[id]
	changed := f.changed
	f.mu.Unlock()
	if !ok {
		return desk.ErrUnknown
	}
	var known struct{ Outcome json.RawMessage }
	if err := copyInto(state, &known); err != nil || known.Outcome != nil {
		return err
	}
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *fakeWorkflows) Update(_ context.Context, id, name string, _ ...any) error {
	f.updates = append(f.updates, id+" "+name)
	return f.updated
}

func (f *fakeWorkflows) RetryRecording(ctx context.Context, id string) error {
	return f.Update(ctx, id, contract.UpdateRetryNow.Name)
}

func (f *fakeWorkflows) RetryRecordings(_ context.Context, pending bool, limit int, cursor []byte) (int, int, []byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.updates = append(f.updates, fmt.Sprintf("all %v %d %s", pending, limit, cursor))
	if len(cursor) > 0 {
		return 1, 2, nil, f.updated
	}
	return limit, 0, []byte("more"), f.updated
}

func (f *fakeWorkflows) RetryCallback(ctx context.Context, id string) error {
	return f.Update(ctx, id, contract.UpdateRetryCallback.Name)
}

func (f *fakeWorkflows) RetryCallbacks(ctx context.Context, limit int, cursor []byte) (int, int, []byte, error) {
	return f.RetryRecordings(ctx, false, limit, cursor)
}

func (f *fakeWorkflows) Result(ctx context.Context, _ string, into any) error {
	if f.resulted != nil {
		return f.resulted
	}
	if f.result == nil {
		<-ctx.Done()
		return ctx.Err()
	}
	return copyInto(f.result, into)
}

func (f *fakeWorkflows) Signal(_ context.Context, id, signal string, _ any) error {
	f.told = append(f.told, id+" "+signal)
	return f.tellErr
}

func (f *fakeWorkflows) List(_ context.Context, workflowType string, filter desk.Filter) (desk.Page, error) {
	f.listed, f.filters = append(f.listed, workflowType), append(f.filters, filter)
	if filter.Cursor == "bad" {
		return desk.Page{}, desk.ErrCursor
	}
	return f.page, f.err
}

// fakeStarter remembers what was started.
type fakeStarter struct {
	owner    string
	isNew    bool
	closed   bool
	err      error
	outbound []intake.Outbound
	tracked  []calls.Tracking
	masks    []intake.Masking

	subscribed []calls.Subscription
	callbacks  []string // subject and URL
}

func (f *fakeStarter) PlaceCall(ctx context.Context, asked intake.Outbound, fault error) (bool, error) {
	f.owner = desk.Owner(ctx)
	if fault != nil {
		return false, fault
	}
	f.outbound = append(f.outbound, asked)
	return f.isNew, f.err
}

func (f *fakeStarter) Track(_ context.Context, _ string, t calls.Tracking) (bool, error) {
	f.tracked = append(f.tracked, t)
	if f.closed {
		return false, desk.ErrClosed
	}
	return f.isNew, f.err
}

func (f *fakeStarter) Subscribe(_ context.Context, _ string, s calls.Subscription) error {
	f.subscribed = append(f.subscribed, s)
	if f.closed {
		return desk.ErrClosed
	}
	return f.err
}

func (f *fakeStarter) Callback(_ context.Context, subject, url string, _ []string) (string, error) {
	f.callbacks = append(f.callbacks, subject+" "+url)
	return calls.CallbackWorkflowID(subject, "aaaaaaaaaaaa"), f.err
}

func (f *fakeStarter) OpenMaskingSession(_ context.Context, asked intake.Masking) (bool, error) {
	f.masks = append(f.masks, asked)
	return f.isNew, f.err
}

// fakeDesk is both.
type fakeDesk struct {
	*fakeWorkflows
	*fakeStarter
}

func (fakeDesk) CallKey(_ context.Context, id string) (string, error) { return calls.Key(id), nil }

func (fakeDesk) Reference(_ context.Context, key string, _ func(string) string) (string, string, error) {
	return ids.Namer{}.References(key)[0], "former", nil
}

func (fakeDesk) SessionID(_ context.Context, maskID string) (string, error) {
	return calls.MaskingSessionWorkflowID(maskID), nil
}

// fakeStore holds recordings in memory.
type fakeStore struct {
	recs  []calls.Recording
	bytes []byte
	err   error
}

func (f *fakeStore) Meta(_ context.Context, callKey, legHash string) (calls.Recording, bool, error) {
	for _, r := range f.recs {
		if r.CallKey == callKey && r.LegHash == legHash {
			return r, true, f.err
		}
	}
	return calls.Recording{}, false, f.err
}

func (f *fakeStore) List(context.Context, string) ([]calls.Recording, error) { return f.recs, f.err }

func (f *fakeStore) Remove(_ context.Context, callKey, legHash string) (calls.Recording, error) {
	for i, r := range f.recs {
		if r.CallKey == callKey && r.LegHash == legHash {
			f.recs[i].Status = calls.RecordingDeleted
			return f.recs[i], f.err
		}
	}
	return calls.Recording{}, recordings.ErrNotStored
}

func (f *fakeStore) Open(ctx context.Context, callKey, legHash string) (*recordings.Stored, error) {
	r, ok, err := f.Meta(ctx, callKey, legHash)
	if err != nil || !ok {
		return nil, errors.Join(err, recordings.ErrNotStored)
	}
	return &recordings.Stored{Recording: r, ReadSeekCloser: nopCloser{bytes.NewReader(f.bytes)}}, nil
}

type nopCloser struct{ io.ReadSeeker }

func (nopCloser) Close() error { return nil }

// fakeInbox is an inbox in memory.
type fakeInbox struct {
	mu      sync.Mutex
	stored  []inbox.Notification
	refused []inbox.Refused
	dead    []inbox.DeadLetter
	err     error
	filter  inbox.Filter
	receipt []inbox.Received
	done    []string
}

func (f *fakeInbox) Append(_ context.Context, n inbox.Notification) (inbox.Receipt, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return inbox.Receipt{}, f.err
	}
	for _, known := range f.stored {
		if known.EventKey == n.EventKey {
			return inbox.Receipt{Duplicate: true}, nil
		}
	}
	f.stored = append(f.stored, n)
	return inbox.Receipt{}, nil
}

func (f *fakeInbox) AppendDeadLetter(_ context.Context, r inbox.Refused) (string, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refused = append(f.refused, r)
	return inbox.DeadLetterID(r.Body), false, f.err
}

func (f *fakeInbox) DeadLetters(_ context.Context, filter inbox.Filter) ([]inbox.DeadLetter, error) {
	f.filter = filter
	return f.dead, f.err
}

func (f *fakeInbox) DeadLetter(_ context.Context, id string) (inbox.DeadLetter, error) {
	for _, d := range f.dead {
		if d.ID == id {
			return d, f.err
		}
	}
	return inbox.DeadLetter{}, inbox.ErrNotFound
}

func (f *fakeInbox) Requeue(_ context.Context, id string, _ inbox.Reparse) error {
	f.done = append(f.done, "requeue "+id)
	return f.err
}

func (f *fakeInbox) Mend(_ context.Context, id string, body []byte, _ inbox.Reparse) error {
	f.done = append(f.done, "mend "+id+" "+string(body))
	return f.err
}

func (f *fakeInbox) Receipts(_ context.Context, _ string, skip, limit int) ([]inbox.Received, error) {
	rest := f.receipt[min(skip, len(f.receipt)):]
	return rest[:min(limit, len(rest))], f.err
}

func (f *fakeInbox) Drop(_ context.Context, id string) error {
	f.done = append(f.done, "drop "+id)
	return f.err
}

func (f *fakeInbox) SealedWith(context.Context) (map[string]int, error) {
	return map[string]int{"": 1, "first": 2}, f.err
}

func (f *fakeInbox) Stats(context.Context) (inbox.Stats, error) {
	return inbox.Stats{Pending: 2, OldestPending: 1500 * time.Millisecond}, f.err
}

// patience is how long a test waits for what takes moments.
const patience = 30 * time.Second

// system is the public listener with fakes behind it.
type system struct {
	engine    *gin.Engine
	workflows *fakeWorkflows
	starter   *fakeStarter
	store     *fakeStore
	inbox     *fakeInbox
	log       *bytes.Buffer
	woken     atomic.Int32
	stop      context.CancelFunc
	audit     []audit.Entry
	grants    *access.Grants
	unhealthy error
}

func newSystem(t *testing.T, change ...func(*handlers.WebhookOptions, *handlers.APIOptions)) *system {
	t.Helper()
	stopping, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	s := &system{
		workflows: newFakeWorkflows(), starter: &fakeStarter{isNew: true}, store: &fakeStore{}, inbox: &fakeInbox{},
		log: &bytes.Buffer{}, stop: stop,
	}
	var locked sync.Mutex
	log := slog.New(slog.NewTextHandler(writerFunc(func(p []byte) (int, error) {
		locked.Lock()
		defer locked.Unlock()
		return s.log.Write(p)
	}), &slog.HandlerOptions{Level: slog.LevelDebug}))
	logIn := &handlers.LogIn{Log: log, Grants: access.NewGrants([]string{"old:one", "new:two:three", "ünï:pässwörd"},
		[]string{"shop:" + apiKey, "lab:other", "desk:reads:read", "ear:hears:listen", "hand:calls:call", "broom:erases:erase", "siren:hurries:call+urgent"})}
	s.grants = logIn.Grants
	w := handlers.WebhookOptions{
		Inbox: s.inbox, Log: log, Wake: func() { s.woken.Add(1) },
		LogIn: logIn,
	}
	a := handlers.APIOptions{
		LogIn: logIn, Audit: func(e audit.Entry) { s.audit = append(s.audit, e) },
		Desk: fakeDesk{s.workflows, s.starter}, Recordings: s.store, Receipts: s.inbox, Stopping: stopping, Log: log,
	}
	for _, c := range change {
		c(&w, &a)
	}
	var err error
	s.engine, err = handlers.NewEngine(handlers.EngineOptions{Log: log})
	require.NoError(t, err)
	handlers.MountWebhook(s.engine, w)
	handlers.MountAPI(s.engine, a)
	handlers.MountHealth(s.engine, []handlers.Check{
		{Name: "inbox", Required: true, Run: func(context.Context) error { return s.unhealthy }},
		{Name: "temporal", Run: func(context.Context) error { return errors.New("away") }},
	})
	return s
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// do sends a request to /v1 with the API key.
func (s *system) do(t *testing.T, method, path, body string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+apiKey)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return s.answer(t, r)
}

// answer answers a request, and holds the answer to the description.
func (s *system) answer(t *testing.T, r *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	rec := httptest.NewRecorder()
	s.engine.ServeHTTP(rec, r)
	openapitest.Check(t, r.Method, r.URL.EscapedPath(), rec.Code, rec.Header(), rec.Body.Bytes())
	return rec
}

// notify sends a notification with a credential.
func (s *system) notify(t *testing.T, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/webhooks/unifonic", strings.NewReader(body))
	r.SetBasicAuth("old", "one")
	return s.answer(t, r)
}

func decodeBody[T any](t *testing.T, rec *httptest.ResponseRecorder) T {
	t.Helper()
	var v T
	require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &v), rec.Body.String())
	return v
}

// requireProblem checks the status, the type and that the problem is complete.
func requireProblem(t *testing.T, rec *httptest.ResponseRecorder, status int, name string) handlers.Problem {
	t.Helper()
	require.Equal(t, status, rec.Code, rec.Body.String())
	require.Equal(t, "application/problem+json", rec.Header().Get("Content-Type"))
	p := decodeBody[handlers.Problem](t, rec)
	require.Equal(t, "/problems/"+name, p.Type)
	require.Equal(t, status, p.Status)
	require.NotEmpty(t, p.Title)
	require.NotEmpty(t, p.Detail)
	if status == http.StatusServiceUnavailable {
		require.NotEmpty(t, rec.Header().Get("Retry-After"))
	}
	return p
}
