// Package e2e tests the whole of aftercall: real Temporal, real HTTP, real files, the simulated provider.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/devstack/stack"
	"github.com/aftercall/aftercall/internal/openapitest"
	"github.com/aftercall/aftercall/internal/unifonic/unifonictest"
)

// start starts a stack for one test, edited, at ten times the provider's speed.
func start(t *testing.T, edit func(*stack.Options)) *stack.Stack {
	t.Helper()
	var o stack.Options
	o.Config = stack.Config(t.TempDir(), stack.NewCredentials())
	o.Simulator.Speed = 10
	o.Config.DialRate, o.Config.LookupRate = 1000, 1000
	if edit != nil {
		edit(&o)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, err := stack.Start(ctx, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Stop()) })
	return s
}

var ids atomic.Int64

// newID returns an id that no other test uses.
func newID(what string) string {
	return fmt.Sprintf("%s-%d-%d", what, time.Now().UnixNano(), ids.Add(1))
}

// notification returns the provider's sample for outbound calls, for a call, with members replaced.
func notification(callID string, edit map[string]any) []byte {
	return unifonictest.Notification(callID, edit)
}

// notify posts a notification as the provider does and returns the status.
func notify(t *testing.T, s *stack.Stack, body []byte) int {
	t.Helper()
	status, _ := request(t, s, http.MethodPost, "/webhooks/unifonic", body)
	return status
}

// request sends a request with the credentials of its route, and checks the response against the API's description.
func request(t *testing.T, s *stack.Stack, method, path string, body []byte, headers ...string) (int, []byte) {
	t.Helper()
	return requestAs(t, s, s.Credentials().APIKey, method, path, body, headers...)
}

// requestAs is request with an API key. headers are alternating names and values.
func requestAs(t *testing.T, s *stack.Stack, key, method, path string, body []byte, headers ...string) (int, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL()+path, bytes.NewReader(body))
	require.NoError(t, err)
	c := s.Credentials()
	if strings.HasPrefix(path, "/webhooks/") {
		req.SetBasicAuth(c.WebhookUser, c.WebhookPassword)
	} else {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	openapitest.Check(t, method, path, res.StatusCode, res.Header, answer)
	return res.StatusCode, answer
}

// getCall requests a call from the API.
func getCall(t *testing.T, s *stack.Stack, callID, wait string) (int, calls.CallState) {
	t.Helper()
	path := "/v1/calls/" + callID
	if wait != "" {
		path += "?wait=" + wait
	}
	status, answer := request(t, s, http.MethodGet, path, nil)
	var state calls.CallState
	if status == http.StatusOK {
		require.NoError(t, json.Unmarshal(answer, &state))
	}
	return status, state
}

// awaitFinal waits until a call has an outcome.
func awaitFinal(t *testing.T, s *stack.Stack, callID string) calls.CallState {
	t.Helper()
	var state calls.CallState
	require.Eventually(t, func() bool {
		_, state = getCall(t, s, callID, "5s")
		return state.Final
	}, time.Minute, 100*time.Millisecond, "call %s has no outcome", callID)
	return state
}

// awaitWorkflow waits until a workflow exists.
func awaitWorkflow(t *testing.T, s *stack.Stack, id string) {
	t.Helper()
	require.Eventually(t, func() bool {
		_, err := s.Temporal().DescribeWorkflowExecution(t.Context(), id, "")
		return err == nil
	}, 30*time.Second, 50*time.Millisecond, "workflow %s does not exist", id)
}

// events returns the history of a workflow's current run.
func events(t *testing.T, s *stack.Stack, id string) []*historypb.HistoryEvent {
	t.Helper()
	var out []*historypb.HistoryEvent
	iter := s.Temporal().GetWorkflowHistory(t.Context(), id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for iter.HasNext() {
		e, err := iter.Next()
		if err != nil {
			t.Logf("the history of %s cannot be read: %v", id, err)
			return nil
		}
		out = append(out, e)
	}
	return out
}

// resetEverywhere resets the first run of a workflow to the end of each of its tasks, and yields after each reset.
func resetEverywhere(t *testing.T, s *stack.Stack, id string) iter.Seq[*historypb.HistoryEvent] {
	t.Helper()
	first, err := s.Temporal().DescribeWorkflowExecution(t.Context(), id, "")
	require.NoError(t, err)
	all := events(t, s, id)
	return func(yield func(*historypb.HistoryEvent) bool) {
		for _, e := range all {
			if e.GetEventType() != enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
				continue
			}
			_, err := s.Temporal().ResetWorkflowExecution(t.Context(), &workflowservice.ResetWorkflowExecutionRequest{
				Namespace: s.TemporalNamespace(), WorkflowExecution: first.GetWorkflowExecutionInfo().GetExecution(),
				Reason: "test", WorkflowTaskFinishEventId: e.GetEventId(), RequestId: newID("reset"),
			})
			require.NoError(t, err)
			if !yield(e) {
				return
			}
		}
	}
}

// askProvider sends a request directly to the provider.
func askProvider(t *testing.T, s *stack.Stack, path string, body, answer any) {
	t.Helper()
	text, err := json.Marshal(body)
	require.NoError(t, err)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.Simulator().BaseURL()+path, bytes.NewReader(text))
	require.NoError(t, err)
	req.Header.Set("AppsId", "elsewhere")
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	require.NoError(t, json.NewDecoder(res.Body).Decode(answer))
}

// quiet is a Temporal SDK logger that drops everything.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}

// writeFile makes a file in place of a folder.
func writeFile(path string) error { return os.WriteFile(path, []byte("x"), 0o600) }
