package main

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/config"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
)

// callbackScenarios are the paths of the Callback workflow, and of a request that notifies a workflow and a callback.
func callbackScenarios() []Scenario {
	both := requested(Scenario{Path: "tells-a-workflow-and-a-callback", Settings: callsBack}, "+966500000100", func(r *calls.OutboundCallRequest) {
		r.Notify = &calls.Notify{WorkflowID: "nobody", URL: "http://127.0.0.1:9/hook"}
	}, nil)
	return []Scenario{
		both,
		calledBack("delivered", "+966500000100", http.StatusOK),
		calledBack("delivered-with-its-recording", "+966500000105", http.StatusOK),
		calledBack("refused-then-delivered", "+966500000100", http.StatusServiceUnavailable, http.StatusServiceUnavailable, http.StatusOK),
		calledBack("given-up-then-sent-again", "+966500000100", http.StatusGone, http.StatusOK),
	}
}

// callsBack allows callbacks to this machine.
func callsBack(c *config.Config) {
	c.CallbackHosts, c.CallbackAllowHTTP = []string{"127.0.0.1:9"}, true
	c.CallbackSecrets = []string{"whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("s", 32)))}
}

// calledBack returns a scenario about the callback of one request. The receiver gives the answers in turn, and repeats the
// last one. A callback that was given up is sent again.
func calledBack(path, to string, answers ...int) Scenario {
	var asked atomic.Int64
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(answers[min(int(asked.Add(1)), len(answers))-1])
	}))
	return Scenario{
		Type: contract.WorkflowCallback.Name, Path: path,
		Settings: func(c *config.Config) {
			callsBack(c)
			c.CallbackHosts = []string{strings.TrimPrefix(receiver.URL, "http://")}
		},
		Play: func(ctx context.Context, e *Env) (string, error) {
			request := calls.OutboundCallRequest{
				ReferenceID: order, To: to, CallerID: callerID, Type: calls.CallTypeTTS, TTS: &calls.TTS{Text: "Hello"},
				CallRecording: strings.HasSuffix(to, "05"), Notify: &calls.Notify{URL: receiver.URL + "/hook"},
			}
			if err := e.API(ctx, http.MethodPost, "/v1/outbound-calls", request, nil); err != nil {
				return "", err
			}
			id := calls.CallbackWorkflowID(orderID, calls.LegHash(request.Notify.URL)) // there is no hash key here
			if answers[0] == http.StatusGone {
				if err := e.untilGivenUp(ctx, id); err != nil {
					return "", err
				}
				if err := e.API(ctx, http.MethodPost, "/v1/callbacks/"+id+"/retry", nil, nil); err != nil {
					return "", err
				}
			}
			return id, e.UntilClosed(ctx, id)
		},
	}
}

// untilGivenUp waits until a callback waits for an operator.
func (e *Env) untilGivenUp(ctx context.Context, id string) error {
	return e.Until(ctx, "the callback is given up", func() (bool, error) {
		s, _, err := desk.Ask(ctx, desk.New(e.Temporal(), desk.Settings{}), contract.QueryCallback, id)
		return len(s.Pending) == 1 && s.Pending[0].GivenUp, err
	})
}
