package handlers_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/handlers"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
)

const callbackID = "callback:outbound:order-7:aaaaaaaaaaaa"

func TestCallbackIsShownWithoutItsURL(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	at := time.Date(2026, 1, 31, 9, 0, 0, 0, time.UTC)
	state := contract.CallbackState{CallbackInput: contract.CallbackInput{Subject: "outbound:order-7", URL: "https://shop.example/hook/SECRET?token=SECRET"}}
	show := func() handlers.Callback {
		s.workflows.set(callbackID, state)
		rec := s.do(t, "GET", "/v1/callbacks/"+callbackID, "")
		require.Equal(t, http.StatusOK, rec.Code)
		require.NotContains(t, rec.Body.String(), "SECRET")
		return decodeBody[handlers.Callback](t, rec)
	}
	v := show()
	require.Equal(t, handlers.CallbackWaiting, v.Status)
	require.Equal(t, "shop.example", v.Host)
	require.Equal(t, "outbound:order-7", v.Subject)
	state.Count = 1
	require.Equal(t, handlers.CallbackDelivered, show().Status)
	state.Pending = []contract.CallbackMessage{{
		ID: "msg_1", Type: "outbound-outcome", Revision: 2, At: at, Late: true, Data: json.RawMessage(`{"failureReason":"SECRET"}`),
		LastTry: &contract.CallbackTry{At: at, Reason: "status-503", HTTPStatus: 503},
	}}
	v = show()
	require.Equal(t, handlers.CallbackDelivering, v.Status)
	require.Equal(t, []handlers.UndeliveredCallback{{
		WebhookID: "msg_1", Type: "outbound-outcome", Revision: 2, At: at, Late: true, LastTry: &contract.CallbackTry{At: at, Reason: "status-503", HTTPStatus: 503},
	}}, v.Undelivered)
	state.Pending[0].GivenUp = true
	require.Equal(t, handlers.CallbackUndelivered, show().Status)
	s.workflows.set("outbound:order-7", calls.OutboundCallState{ReferenceID: "order-7"})
	requireProblem(t, s.do(t, "GET", "/v1/callbacks/outbound:order-7", ""), 404, "not-found")
	requireProblem(t, s.do(t, "GET", "/v1/callbacks/callback:outbound:nobody:aaaaaaaaaaaa", ""), 404, "not-found")
}

func TestCallbacksAreListedByWhatTheyNeed(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.workflows.page = desk.Page{Items: []desk.Listed{{WorkflowID: callbackID, Running: true, ReferenceID: "order-7", Attention: calls.AttentionCallback}}, Next: "n"}
	rec := s.do(t, "GET", "/v1/callbacks?status=OPEN&attention=callback-undelivered&referenceId=order-7", "")
	require.Equal(t, http.StatusOK, rec.Code)
	got := decodeBody[handlers.List[handlers.ListedCallback]](t, rec)
	require.Equal(t, "outbound:order-7", got.Items[0].Subject)
	require.Equal(t, []string{contract.WorkflowCallback.Name}, s.workflows.listed)
	require.True(t, *s.workflows.filters[0].Running)
	require.Equal(t, []string{calls.AttentionCallback}, s.workflows.filters[0].Attention)
	requireProblem(t, s.do(t, "GET", "/v1/callbacks?status=LATE", ""), 422, "invalid-request")
}

func TestCallbacksAreSentAgain(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.workflows.set(callbackID, contract.CallbackState{CallbackInput: contract.CallbackInput{Subject: "outbound:order-7"}})
	require.Equal(t, http.StatusAccepted, s.do(t, "POST", "/v1/callbacks/"+callbackID+"/retry", "").Code)
	require.Equal(t, http.StatusAccepted, s.do(t, "POST", "/v1/callbacks?status=undelivered", "").Code)
	require.Equal(t, []string{callbackID + " retry-now", "all false 100 "}, s.workflows.updates)
	requireProblem(t, s.do(t, "POST", "/v1/callbacks", ""), 422, "invalid-request")
	s.workflows.updated = desk.ErrDelivered
	requireProblem(t, s.do(t, "POST", "/v1/callbacks/"+callbackID+"/retry", ""), 409, "wrong-state")
	s.workflows.updated = desk.ErrUnknown
	requireProblem(t, s.do(t, "POST", "/v1/callbacks/"+callbackID+"/retry", ""), 404, "not-found")
}

func TestTrackedCallIsCalledBack(t *testing.T) {
	t.Parallel()
	s := newSystem(t, func(_ *handlers.WebhookOptions, a *handlers.APIOptions) {
		a.CallbackURL = func(url string) error {
			if url != "https://shop.example/hook" {
				return errors.New("leads nowhere")
			}
			return nil
		}
	})
	id := calls.CallbackWorkflowID("call:abc", "aaaaaaaaaaaa")
	require.Equal(t, 201, s.do(t, "PUT", "/v1/calls/abc", `{"notify":{"url":"https://shop.example/hook"}}`).Code)
	require.Equal(t, []string{"call:abc https://shop.example/hook"}, s.starter.callbacks)
	require.Equal(t, id, s.starter.tracked[0].Subscription.WorkflowID)
	require.Empty(t, s.starter.subscribed)
	require.Equal(t, 201, s.do(t, "PUT", "/v1/calls/abc", `{"notify":{"url":"https://shop.example/hook","workflowId":"w1"}}`).Code)
	require.Equal(t, "w1", s.starter.tracked[1].Subscription.WorkflowID)
	require.Equal(t, []calls.Subscription{{WorkflowID: id}}, s.starter.subscribed)
	for request, body := range map[string]string{
		"PUT /v1/calls/abc":         `{"notify":{"url":"https://other.example"}}`,
		"POST /v1/outbound-calls":   `{"referenceId":"o","to":"+966500000001","callerId":"+966115219000","type":"tts","tts":{"text":"x"},"notify":{"url":"https://other.example"}}`,
		"POST /v1/masking-sessions": `{"referenceId":"m","to":"+966500000001","notify":{"url":"https://other.example"}}`,
	} {
		method, path, _ := strings.Cut(request, " ")
		rec := s.do(t, method, path, body)
		require.Contains(t, rec.Body.String(), "leads nowhere", request)
		requireProblem(t, rec, 422, "invalid-request")
	}

	s.starter.closed = true
	s.workflows.set("call:abc", calls.CallState{CallKey: "abc", Outcome: ended})
	s.starter.isNew = false
	require.Equal(t, 200, s.do(t, "PUT", "/v1/calls/abc", `{"notify":{"url":"https://shop.example/hook","workflowId":"w1"}}`).Code)
	require.Equal(t, []string{"w1 call-outcome:abc", id + " call-outcome:abc"}, s.workflows.told)
}
