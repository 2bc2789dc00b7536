package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/devstack/stack"
	"github.com/aftercall/aftercall/handlers"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/simulator"
)

// receiver receives callbacks and verifies them.
type receiver struct {
	*httptest.Server
	secret string

	mu     sync.Mutex
	status int // of its responses
	got    []callback
}

// callback is a received callback.
type callback struct {
	id, kind string
	taken    bool
	raw      string
	data     struct {
		ReferenceID string `json:"referenceId"`
		CallKey     string `json:"callKey"`
		MaskID      string `json:"maskId"`
		Status      string `json:"status"`
		Revision    int    `json:"revision"`
	}
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{secret: "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("s", 32))), status: http.StatusOK}
	verifier, err := standardwebhooks.NewWebhook(r.secret)
	require.NoError(t, err)
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		text, err := io.ReadAll(req.Body)
		c := callback{id: req.Header.Get(standardwebhooks.HeaderWebhookID), raw: string(text)}
		var body struct {
			Type string          `json:"type"`
			Data json.RawMessage `json:"data"`
		}
		if err == nil {
			err = verifier.Verify(text, req.Header)
		}
		if err == nil {
			err = json.Unmarshal(text, &body)
		}
		if err == nil {
			err = json.Unmarshal(body.Data, &c.data)
		}
		if err != nil {
			t.Errorf("not a callback: %v", err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		c.kind, c.taken = body.Type, r.status < 300
		r.got = append(r.got, c)
		w.WriteHeader(r.status)
	}))
	t.Cleanup(r.Close)
	return r
}

// options configure a stack to send callbacks to the receiver.
func (r *receiver) options(o *stack.Options) {
	o.Config.CallbackHosts = []string{strings.TrimPrefix(r.URL, "http://")}
	o.Config.CallbackSecrets, o.Config.CallbackAllowHTTP = []string{r.secret}, true
}

func (r *receiver) answer(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

// taken returns the accepted callbacks of a kind.
func (r *receiver) taken(kind string) []callback {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.got), func(c callback) bool { return !c.taken || c.kind != kind })
}

// await waits until the receiver has accepted a callback of a kind that is as wanted.
func (r *receiver) await(t *testing.T, kind string, wanted func(callback) bool) callback {
	t.Helper()
	var found callback
	require.Eventually(t, func() bool {
		taken := r.taken(kind)
		i := slices.IndexFunc(taken, wanted)
		if i >= 0 {
			found = taken[i]
		}
		return i >= 0
	}, time.Minute, 20*time.Millisecond, "no %s was called back", kind)
	return found
}

// callbackOf returns the id of the only callback of a subject.
func callbackOf(t *testing.T, s *stack.Stack, subject string) string {
	t.Helper()
	var id string
	require.Eventually(t, func() bool {
		_, answer := request(t, s, http.MethodGet, "/v1/callbacks?limit=200", nil)
		var page handlers.List[handlers.ListedCallback]
		require.NoError(t, json.Unmarshal(answer, &page))
		i := slices.IndexFunc(page.Items, func(l handlers.ListedCallback) bool { return l.Subject == subject })
		if i >= 0 {
			id = page.Items[i].CallbackID
		}
		return i >= 0
	}, time.Minute, 50*time.Millisecond, "%s has no callback", subject)
	return id
}

// calledBack makes a request name a URL, and a workflow if one is given.
func calledBack(url, workflowID string) func(*calls.OutboundCallRequest) {
	return func(r *calls.OutboundCallRequest) { r.Notify = &calls.Notify{URL: url, WorkflowID: workflowID} }
}

func showCallback(t *testing.T, s *stack.Stack, id string) (v handlers.Callback) {
	t.Helper()
	status, answer := request(t, s, http.MethodGet, "/v1/callbacks/"+url.PathEscape(id), nil)
	require.Equal(t, http.StatusOK, status, "%s", answer)
	require.NoError(t, json.Unmarshal(answer, &v))
	return v
}

// TestCallbacks: a URL in a request, for a call or for a masking session receives callbacks, also about the recording.
func TestCallbacks(t *testing.T) {
	r := newReceiver(t)
	s := start(t, func(o *stack.Options) {
		r.options(o)
		o.Config.CallGrace = 3 * time.Second
	})
	hook := r.URL + "/hook?token=secret"
	t.Run("of a request, with its recording", func(t *testing.T) {
		t.Parallel()
		ref := placeCall(t, s, "+966500000105", func(q *calls.OutboundCallRequest) { q.Notify, q.CallRecording = &calls.Notify{URL: hook}, true })
		got := r.await(t, "outbound-outcome", func(c callback) bool { return c.data.ReferenceID == ref })
		require.Equal(t, "COMPLETED", got.data.Status)
		require.NotContains(t, got.raw, "966500000105")
		r.await(t, "recording", func(c callback) bool { return c.data.CallKey == got.data.CallKey && c.data.Status == "STORED" })
		id := callbackOf(t, s, calls.OutboundCallWorkflowID(ref))
		require.Eventually(t, func() bool { return showCallback(t, s, id).Status == handlers.CallbackDelivered }, time.Minute, 50*time.Millisecond)
		v := showCallback(t, s, id)
		require.Equal(t, strings.TrimPrefix(r.URL, "http://"), v.Host)
		require.Equal(t, 2, v.Delivered)
		state := getOutbound(t, s, ref, "0s")
		require.True(t, slices.ContainsFunc(state.Notified, func(n calls.Notified) bool { return n.WorkflowID == id && n.Result == calls.NotifiedTold }))
	})
	t.Run("of a request that tells a workflow too", func(t *testing.T) {
		t.Parallel()
		ref := placeCall(t, s, "+966500000101", calledBack(hook, "nobody"))
		r.await(t, "outbound-outcome", func(c callback) bool { return c.data.ReferenceID == ref && c.data.Status == "BUSY" })
		require.Eventually(t, func() bool { return len(getOutbound(t, s, ref, "0s").Notified) == 2 }, time.Minute, 50*time.Millisecond)
		id := callbackOf(t, s, calls.OutboundCallWorkflowID(ref))
		require.LessOrEqual(t, costOfWhole(t, s, id).events, int64(20), "it costs 17 events: docs/performance.md")
	})
	t.Run("of a call that was placed elsewhere, open and over", func(t *testing.T) {
		t.Parallel()
		id := newID("elsewhere")
		body := fmt.Appendf(nil, `{"to":"+966500000000","notify":{"url":%q}}`, hook)
		status, answer := request(t, s, http.MethodPut, "/v1/calls/"+id, body)
		require.Equal(t, http.StatusCreated, status, "%s", answer)
		require.Equal(t, http.StatusOK, notify(t, s, notification(id, map[string]any{"to": "+966500000000"})))
		r.await(t, "call-outcome", func(c callback) bool { return c.data.CallKey == id })
		awaitOver(t, s, calls.CallWorkflowID(id))
		status, answer = request(t, s, http.MethodPut, "/v1/calls/"+id, fmt.Appendf(nil, `{"notify":{"url":%q}}`, hook+"2"))
		require.Equal(t, http.StatusOK, status, "%s", answer)
		require.Eventually(t, func() bool {
			return len(slices.DeleteFunc(r.taken("call-outcome"), func(c callback) bool { return c.data.CallKey != id })) == 2
		}, time.Minute, 50*time.Millisecond, "a call that is over is told at once")
	})
	t.Run("of a masking session", func(t *testing.T) {
		t.Parallel()
		status, m := openMask(t, s, calls.MaskingSessionRequest{From: rider, To: driver, Notify: &calls.Notify{URL: hook, WorkflowID: "nobody"}})
		require.Equal(t, http.StatusCreated, status)
		placed, err := s.Simulator().PlaceMaskedCall(simulator.MaskedCall{MaskID: m.MaskID, From: rider})
		require.NoError(t, err)
		r.await(t, "call-outcome", func(c callback) bool {
			return c.data.CallKey == placed[0].OutboundCallID && c.data.Status == "COMPLETED"
		})
		status, _ = askMask(t, s, http.MethodDelete, m.MaskID, nil)
		require.Equal(t, http.StatusOK, status)
		r.await(t, "masking-closed", func(c callback) bool { return c.data.MaskID == m.MaskID })
	})
	t.Run("refused for a host that is not allowed", func(t *testing.T) {
		t.Parallel()
		status, answer := request(t, s, http.MethodPut, "/v1/calls/"+newID("refused"), []byte(`{"notify":{"url":"https://shop.example.com/hook"}}`))
		require.Equal(t, http.StatusUnprocessableEntity, status)
		require.Contains(t, string(answer), "AFTERCALL_CALLBACK_HOSTS")
		require.Contains(t, string(answer), "notify.url")
	})
}

// TestCallbackOutlivesRestarts: news from while the receiver, and then aftercall itself, was away arrives.
func TestCallbackOutlivesRestarts(t *testing.T) {
	r := newReceiver(t)
	s := start(t, r.options)
	r.answer(http.StatusServiceUnavailable)
	ref := placeCall(t, s, "+966500000100", calledBack(r.URL, ""))
	id := callbackOf(t, s, calls.OutboundCallWorkflowID(ref))
	require.Eventually(t, func() bool { return len(showCallback(t, s, id).Undelivered) == 1 }, time.Minute, 50*time.Millisecond)
	require.NoError(t, s.StopApp())
	r.answer(http.StatusOK)
	require.NoError(t, s.StartApp(t.Context()))
	r.await(t, "outbound-outcome", func(c callback) bool { return c.data.ReferenceID == ref })
}

// TestUndeliveredCallbackIsSeenAndSentAgain: lists, attention, doctor and the commands show it.
func TestUndeliveredCallbackIsSeenAndSentAgain(t *testing.T) {
	r := newReceiver(t)
	s := start(t, r.options)
	aftercall := commands(t, s, s.Credentials().APIKey)
	r.answer(http.StatusGone) // a final answer, so that the test need not wait for an hour
	ref := placeCall(t, s, "+966500000100", calledBack(r.URL+"/hook?token=secret", ""))
	var id string
	require.Eventually(t, func() bool {
		_, answer := request(t, s, http.MethodGet, "/v1/callbacks?status=OPEN&attention="+calls.AttentionCallback+"&referenceId="+ref, nil)
		var page handlers.List[handlers.ListedCallback]
		require.NoError(t, json.Unmarshal(answer, &page))
		if len(page.Items) == 1 {
			id = page.Items[0].CallbackID
		}
		return id != ""
	}, time.Minute, 50*time.Millisecond)
	v := showCallback(t, s, id)
	require.Equal(t, handlers.CallbackUndelivered, v.Status)
	require.Equal(t, "status-410", v.Undelivered[0].LastTry.Reason)
	out, err := aftercall("callback", "list", "--attention", calls.AttentionCallback)
	require.NoError(t, err, out)
	require.Contains(t, out, "1 callback")
	out, err = aftercall("callback", "show", id)
	require.NoError(t, err, out)
	require.Contains(t, out, "status-410")
	require.NotContains(t, out, "token")
	out, _ = aftercall("doctor")
	require.Contains(t, out, "whoever is called back")

	r.answer(http.StatusOK)
	out, err = aftercall("callback", "retry", "--all-undelivered")
	require.NoError(t, err, out)
	require.Contains(t, out, "1 callback")
	r.await(t, "outbound-outcome", func(c callback) bool { return c.data.ReferenceID == ref })
	require.Eventually(t, func() bool { return showCallback(t, s, id).Status == handlers.CallbackDelivered }, time.Minute, 50*time.Millisecond)
	status, answer := request(t, s, http.MethodPost, "/v1/callbacks/"+url.PathEscape(id)+"/retry", nil)
	require.Equal(t, http.StatusConflict, status, "%s", answer)
	status, _ = request(t, s, http.MethodPost, "/v1/callbacks/callback:outbound:nobody:aaaaaaaaaaaa/retry", nil)
	require.Equal(t, http.StatusNotFound, status)
	status, _ = request(t, s, http.MethodGet, "/v1/callbacks/outbound:"+ref, nil)
	require.Equal(t, http.StatusNotFound, status, "no other workflow is shown here")

	// One that somebody has ended is started again.
	r.answer(http.StatusGone)
	ref = placeCall(t, s, "+966500000101", calledBack(r.URL, ""))
	id = callbackOf(t, s, calls.OutboundCallWorkflowID(ref))
	require.Eventually(t, func() bool { return showCallback(t, s, id).Status == handlers.CallbackUndelivered }, time.Minute, 50*time.Millisecond)
	require.NoError(t, s.Temporal().CancelWorkflow(t.Context(), id, ""))
	awaitOver(t, s, id)
	r.answer(http.StatusOK)
	status, answer = request(t, s, http.MethodPost, "/v1/callbacks/"+url.PathEscape(id)+"/retry", nil)
	require.Equal(t, http.StatusAccepted, status, "%s", answer)
	r.await(t, "outbound-outcome", func(c callback) bool { return c.data.ReferenceID == ref })
	var again contract.CallbackState
	require.NoError(t, s.Temporal().GetWorkflow(t.Context(), id, "").Get(t.Context(), &again))
	require.Equal(t, 1, again.Count)
}

// awaitOver waits until a workflow is closed.
func awaitOver(t *testing.T, s *stack.Stack, id string) {
	t.Helper()
	require.Eventually(t, func() bool {
		d, err := s.Temporal().DescribeWorkflowExecution(t.Context(), id, "")
		return err == nil && d.WorkflowExecutionInfo.Status != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING
	}, time.Minute, 50*time.Millisecond, "%s is not closed", id)
}
