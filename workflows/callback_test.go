package workflows_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/aftercall/aftercall/activities"
	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/callbacks"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/workflows"
)

// callbackEnv is a Callback workflow in a test environment that skips time, with an HTTP receiver.
type callbackEnv struct {
	*testsuite.TestWorkflowEnvironment
	t     *testing.T
	id    string
	start time.Time
	url   string
	known calls.RecordingResult // the answer of HearRecordings

	mu     sync.Mutex
	answer func(m posted) int // a status
	posts  []posted
	heard  []string
}

// posted is a post that the receiver got.
type posted struct {
	id   string
	kind string
	at   time.Duration // since the start
	data struct {
		Revision int    `json:"revision"`
		Status   string `json:"status"`
		LegHash  string `json:"legHash"`
	}
	taken bool
}

var callbackSecret = "whsec_" + base64.StdEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef"))

const callbackSubject = "outbound:order-1"

func newCallbackEnv(t *testing.T) *callbackEnv {
	t.Helper()
	e := &callbackEnv{id: calls.CallbackWorkflowID(callbackSubject, "aaaaaaaaaaaa"), t: t, start: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}
	e.TestWorkflowEnvironment = newEnv(e.id)
	e.SetTestTimeout(time.Minute)
	e.SetStartTime(e.start)
	verifier, err := standardwebhooks.NewWebhook(callbackSecret)
	require.NoError(t, err)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		var body struct {
			Type string          `json:"type"`
			Data json.RawMessage `json:"data"`
		}
		p := posted{id: r.Header.Get(standardwebhooks.HeaderWebhookID), at: e.Now().Sub(e.start)}
		err = errors.Join(err, verifier.Verify(text, r.Header), json.Unmarshal(text, &body))
		p.kind = body.Type
		if err = errors.Join(err, json.Unmarshal(body.Data, &p.data)); err != nil {
			t.Errorf("not a callback: %v", err)
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		status := http.StatusNoContent
		if e.answer != nil {
			status = e.answer(p)
		}
		p.taken = status < 300
		e.posts = append(e.posts, p)
		w.WriteHeader(status)
	}))
	t.Cleanup(receiver.Close)
	e.url = receiver.URL + "/hook"
	sender, err := callbacks.New(callbacks.Options{
		Hosts: []string{strings.TrimPrefix(receiver.URL, "http://")}, AllowHTTP: true, Secrets: []string{callbackSecret},
	})
	require.NoError(t, err)
	deliver := &activities.Callbacks{Sender: sender}
	e.RegisterActivityWithOptions(deliver.DeliverCallback, activity.RegisterOptions{Name: contract.ActivityDeliverCallback.Name})
	e.RegisterActivityWithOptions(func(_ context.Context, req calls.SubscribeRequest) (calls.RecordingResult, error) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.heard = append(e.heard, req.CallID+" "+req.WorkflowID)
		return e.known, nil
	}, activity.RegisterOptions{Name: contract.ActivityHearRecordings.Name})
	return e
}

// tell sends the signal of an OutboundCall.
func (e *callbackEnv) tell(revision int, status calls.Status) {
	e.SignalWorkflow(calls.SignalOutboundOutcome("order-1"), calls.OutboundOutcome{
		ReferenceID: "order-1", Outcome: calls.Outcome{CallKey: "c1", Status: status, Revision: revision},
	})
}

func (e *callbackEnv) tellRecording(leg string, status calls.RecordingStatus) {
	e.SignalWorkflow(calls.SignalRecording("c1"), calls.Recording{CallKey: "c1", LegHash: leg, Status: status})
}

func (e *callbackEnv) after(d time.Duration, f func()) { e.RegisterDelayedCallback(f, d) }

// run runs the workflow to its end.
func (e *callbackEnv) run() (contract.CallbackState, error) {
	e.t.Helper()
	return e.runWith(contract.CallbackInput{Subject: callbackSubject, URL: e.url})
}

func (e *callbackEnv) runWith(in contract.CallbackInput) (s contract.CallbackState, err error) {
	e.t.Helper()
	e.ExecuteWorkflow(workflows.CallbackWorkflow, in)
	require.True(e.t, e.IsWorkflowCompleted())
	if err = e.GetWorkflowError(); err == nil {
		require.NoError(e.t, e.GetWorkflowResult(&s))
		return s, nil
	}
	return e.now(), err
}

// now queries the state.
func (e *callbackEnv) now() (s contract.CallbackState) {
	e.t.Helper()
	v, err := e.QueryWorkflow(calls.QueryState)
	require.NoError(e.t, err)
	require.NoError(e.t, v.Get(&s))
	return s
}

// taken returns the posts that the receiver accepted.
func (e *callbackEnv) taken() []posted {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(e.posts), func(p posted) bool { return !p.taken })
}

func (e *callbackEnv) tries() []posted {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.posts)
}

func TestCallbackIsDeliveredAndTheWorkflowEnds(t *testing.T) {
	e := newCallbackEnv(t)
	e.after(time.Hour, func() { e.tell(1, calls.StatusCompleted) })
	s, err := e.run()
	require.NoError(t, err)
	require.Less(t, e.Now().Sub(e.start), time.Hour+time.Minute)
	got := e.taken()
	require.Len(t, got, 1)
	require.Equal(t, "outbound-outcome", got[0].kind)
	require.Equal(t, "COMPLETED", got[0].data.Status)
	require.Regexp(t, `^msg_[0-9a-f]{32}$`, got[0].id)
	require.Equal(t, 1, s.Count)
	require.Empty(t, s.Pending)
	require.Empty(t, s.Attention)
	require.Equal(t, []string{"c1 " + e.id}, e.heard, "of the recordings of the call too")
}

func TestReceiverThatIsAwayForAnHourGetsEverythingOnceItIsBack(t *testing.T) {
	e := newCallbackEnv(t)
	e.answer = func(p posted) int {
		if p.at < time.Hour+10*time.Minute {
			return http.StatusServiceUnavailable
		}
		return http.StatusOK
	}
	e.after(time.Minute, func() { e.tell(1, calls.StatusFailed) })
	e.after(20*time.Minute, func() { e.tell(2, calls.StatusCompleted) })
	e.after(30*time.Minute, func() { e.tellRecording("leg-1", calls.RecordingStored) })
	e.after(31*time.Minute, func() { e.tellRecording("leg-2", calls.RecordingStored) })
	s, err := e.run()
	require.NoError(t, err)
	var outcomes []int
	recordings := map[string]int{}
	ids := map[string]bool{}
	for _, p := range e.taken() {
		ids[p.id] = true
		if p.kind == contract.CallbackOutbound {
			outcomes = append(outcomes, p.data.Revision)
			continue
		}
		recordings[p.data.LegHash]++
	}
	require.Equal(t, []int{1, 2}, outcomes, "in the order of their revisions")
	require.Equal(t, map[string]int{"leg-1": 1, "leg-2": 1}, recordings)
	require.Len(t, ids, 4)
	require.Equal(t, 4, s.Count)
	require.Less(t, e.Now().Sub(e.start), 2*time.Hour, "soon after it is back")
	tries := map[string]int{}
	for _, p := range e.tries() {
		tries[p.id]++
	}
	require.Len(t, tries, 4, "the same webhook-id at every try")
}

func TestCallbackThatIsLateRaisesAttentionAndIsGivenUpAfterADay(t *testing.T) {
	e := newCallbackEnv(t)
	e.answer = func(posted) int { return http.StatusInternalServerError }
	e.after(0, func() { e.tell(1, calls.StatusCompleted) })
	e.after(20*time.Minute, func() { require.Empty(t, e.now().Attention) })
	e.after(2*time.Hour, func() {
		require.Equal(t, []string{calls.AttentionCallback}, e.now().Attention)
		details := currentDetails(t, e.TestWorkflowEnvironment)
		require.Contains(t, details, "**Late**")
		require.Contains(t, details, "status-500")
		require.NotContains(t, details, "/hook", "the path may be a secret")
	})
	e.after(23*time.Hour, func() { require.False(t, e.now().Pending[0].GivenUp) })
	e.after(25*time.Hour, func() {
		m := e.now().Pending[0]
		require.True(t, m.GivenUp)
		require.Equal(t, "status-500", m.LastTry.Reason)
		require.Equal(t, 500, m.LastTry.HTTPStatus)
		require.Contains(t, currentDetails(t, e.TestWorkflowEnvironment), "**Given up**")
	})
	s, err := e.run()
	failed, ok := errors.AsType[*temporal.ApplicationError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, contract.ErrTypeCallbackUndelivered, failed.Type())
	require.Len(t, s.Pending, 1, "what the next run is begun with")
	last := e.tries()[len(e.tries())-1].at
	require.Greater(t, last, 23*time.Hour)
	require.Less(t, last, 24*time.Hour+time.Minute)
	require.Greater(t, e.Now().Sub(e.start), 35*24*time.Hour)
}

func TestCallbackIsSentAgainByAnOperator(t *testing.T) {
	e := newCallbackEnv(t)
	back := false
	e.answer = func(posted) int {
		if back {
			return http.StatusOK
		}
		return http.StatusGone
	}
	e.after(0, func() { e.tell(1, calls.StatusCompleted) })
	e.after(time.Minute, func() {
		require.True(t, e.now().Pending[0].GivenUp, "410 is a last word")
		require.Len(t, e.tries(), 1)
		e.mu.Lock()
		back = true
		e.mu.Unlock()
	})
	e.after(time.Hour, func() {
		e.UpdateWorkflow(contract.UpdateRetryCallback.Name, "", &testsuite.TestUpdateCallback{
			OnAccept:   func() {},
			OnReject:   func(err error) { t.Errorf("refused: %v", err) },
			OnComplete: func(_ any, err error) { require.NoError(t, err) },
		})
	})
	s, err := e.run()
	require.NoError(t, err)
	require.Len(t, e.taken(), 1)
	require.Empty(t, s.Attention)
	require.Less(t, e.Now().Sub(e.start), time.Hour+time.Minute)
}

func TestNothingUndeliveredIsNotSentAgain(t *testing.T) {
	e := newCallbackEnv(t)
	refused := false
	e.after(time.Minute, func() {
		e.UpdateWorkflow(contract.UpdateRetryCallback.Name, "", &testsuite.TestUpdateCallback{
			OnAccept: func() { t.Error("accepted") }, OnReject: func(error) { refused = true }, OnComplete: func(any, error) {},
		})
		e.tell(1, calls.StatusCompleted)
	})
	_, err := e.run()
	require.NoError(t, err)
	require.True(t, refused)
}

func TestRevisionsThatComeInAnyOrderGoOutInOrder(t *testing.T) {
	e := newCallbackEnv(t)
	e.answer = func(p posted) int {
		if p.at < 30*time.Second {
			return http.StatusBadGateway
		}
		return http.StatusOK
	}
	e.after(0, func() {
		e.tell(3, calls.StatusCompleted)
		e.tell(1, calls.StatusFailed)
	})
	e.after(2*time.Second, func() { e.tell(2, calls.StatusBusy) })
	e.after(3*time.Second, func() { e.tell(3, calls.StatusCompleted) }) // told twice
	_, err := e.run()
	require.NoError(t, err)
	var got []int
	for _, p := range e.taken() {
		got = append(got, p.data.Revision)
	}
	require.Equal(t, []int{1, 2, 3}, got)
}

func TestRevisionThatComesAfterAHigherOneIsLeftOut(t *testing.T) {
	e := newCallbackEnv(t)
	e.after(0, func() {
		e.tell(1, calls.StatusBusy)
		e.tell(2, calls.StatusCompleted)
		e.tell(2, calls.StatusCompleted)
	})
	s, err := e.runWith(contract.CallbackInput{Subject: callbackSubject, URL: e.url, Count: 1, Delivered: []contract.CallbackMark{
		{Thing: calls.SignalOutboundOutcome("order-1"), ID: "msg_1", Revision: 1},
	}})
	require.NoError(t, err)
	require.Len(t, e.taken(), 1)
	require.Equal(t, 2, e.taken()[0].data.Revision)
	require.Equal(t, 2, s.Count)
}

// TestThingThatIsNotTakenHoldsUpNoOther: a receiver that refuses one message gets all others.
func TestThingThatIsNotTakenHoldsUpNoOther(t *testing.T) {
	e := newCallbackEnv(t)
	e.answer = func(p posted) int {
		if p.kind == contract.CallbackOutbound && p.at < 5*time.Hour {
			return http.StatusUnprocessableEntity
		}
		return http.StatusOK
	}
	e.after(0, func() { e.tell(1, calls.StatusCompleted) })
	e.after(time.Minute, func() { e.tellRecording("leg-1", calls.RecordingStored) })
	_, err := e.run()
	require.NoError(t, err)
	got := e.taken()
	require.Len(t, got, 2)
	require.Equal(t, contract.CallbackRecording, got[0].kind)
	require.Less(t, got[0].at, 2*time.Minute)
	require.Equal(t, contract.CallbackOutbound, got[1].kind)
}

func TestRecordingThatHasEndedBeforeTheOutcomeIsToldIsCalledBackToo(t *testing.T) {
	e := newCallbackEnv(t)
	e.known = calls.RecordingResult{Recording: &calls.Recording{CallKey: "c1", LegHash: "leg-1", Status: calls.RecordingStored}}
	e.after(0, func() { e.tell(1, calls.StatusCompleted) })
	e.after(time.Millisecond, func() { e.tellRecording("leg-1", calls.RecordingStored) })
	_, err := e.run()
	require.NoError(t, err)
	kinds := map[string]int{}
	for _, p := range e.taken() {
		kinds[p.kind]++
	}
	require.Equal(t, map[string]int{"outbound-outcome": 1, "recording": 1}, kinds, "once, whoever tells it")
}

func TestCallbackThatIsToldNothingEnds(t *testing.T) {
	e := newCallbackEnv(t)
	s, err := e.run()
	require.NoError(t, err)
	require.Zero(t, s.Count)
	require.Equal(t, 35*24*time.Hour, e.Now().Sub(e.start).Truncate(time.Hour))
	e = newCallbackEnv(t)
	e.after(time.Minute, func() { e.SignalWorkflow(calls.SignalUnsubscribe, calls.Subscription{WorkflowID: e.id}) })
	_, err = e.run()
	require.NoError(t, err)
	require.Less(t, e.Now().Sub(e.start), time.Hour, "nobody will tell it")
}

func TestCallbackOfNewsFindsTheReceiverBack(t *testing.T) {
	e := newCallbackEnv(t)
	e.answer = func(p posted) int {
		if p.at < 48*time.Hour {
			return http.StatusServiceUnavailable
		}
		return http.StatusOK
	}
	e.after(0, func() { e.tell(1, calls.StatusBusy) })
	e.after(50*time.Hour, func() { e.tell(2, calls.StatusCompleted) })
	_, err := e.run()
	require.NoError(t, err)
	require.Len(t, e.taken(), 2, "what was given up goes first")
	require.Equal(t, 1, e.taken()[0].data.Revision)
}

func TestMoreCallbacksThanCanWaitAreDroppedAndSaid(t *testing.T) {
	e := newCallbackEnv(t)
	in := contract.CallbackInput{Subject: callbackSubject, URL: e.url}
	for i := range 2_000 {
		in.Pending = append(in.Pending, contract.CallbackMessage{
			ID: "msg_" + strings.Repeat("a", i%30), Type: contract.CallbackOutbound, Thing: "outbound-outcome:order-1", Revision: i + 1,
			At: e.start, Since: e.start, GivenUp: true, Data: json.RawMessage(`{"referenceId":"order-1","revision":1}`),
		})
	}
	e.after(time.Minute, func() { e.tellRecording("leg-1", calls.RecordingStored) })
	e.after(time.Hour, func() {
		require.Equal(t, 1, e.now().Dropped)
		require.Equal(t, []string{calls.AttentionCallback}, e.now().Attention)
		e.CancelWorkflow()
	})
	_, err := e.runWith(in)
	require.Error(t, err)
	require.Empty(t, e.tries())
}
