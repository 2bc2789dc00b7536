package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/proxy"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/devstack/stack"
	"github.com/aftercall/aftercall/devstack/temporalserver"
	"github.com/aftercall/aftercall/internal/app"
	"github.com/aftercall/aftercall/internal/erase"
	"github.com/aftercall/aftercall/internal/telemetry"
	"github.com/aftercall/aftercall/internal/temporalclient"
)

const eraseKey = "a-key-that-may-erase-0123456789"

// erasePart requests an erasure, or a dry run of it.
func erasePart(t *testing.T, s *stack.Stack, asked erase.Request) erase.Receipt {
	t.Helper()
	body, err := json.Marshal(asked)
	require.NoError(t, err)
	status, answer := requestAs(t, s, eraseKey, http.MethodPost, "/v1/erasures", body)
	require.Equal(t, http.StatusOK, status, "%s", answer)
	var r erase.Receipt
	require.NoError(t, json.Unmarshal(answer, &r))
	return r
}

// knows lists the workflows whose decrypted histories contain a text.
func knows(t *testing.T, s *stack.Stack, text string) []string {
	t.Helper()
	ring, err := app.Keys(s.Config())
	require.NoError(t, err)
	codec := temporalclient.NewCodec(ring, nil).For(s.TemporalNamespace())
	var found []string
	var token []byte
	for {
		page, err := s.Temporal().ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Namespace: s.TemporalNamespace(), NextPageToken: token})
		require.NoError(t, err)
		for _, e := range page.GetExecutions() {
			told := false
			history := s.Temporal().GetWorkflowHistory(t.Context(), e.GetExecution().GetWorkflowId(), e.GetExecution().GetRunId(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
			for history.HasNext() {
				event, err := history.Next()
				if err != nil {
					break // it was just removed
				}
				require.NoError(t, proxy.VisitPayloads(t.Context(), event, proxy.VisitPayloadsOptions{
					Visitor: func(_ *proxy.VisitPayloadsContext, payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
						plain, err := codec.Decode(payloads)
						for _, p := range plain {
							told = told || strings.Contains(string(p.GetData()), text)
						}
						return payloads, err
					},
				}))
			}
			if told {
				found = append(found, e.GetExecution().GetWorkflowId())
			}
		}
		if token = page.GetNextPageToken(); len(token) == 0 {
			return found
		}
	}
}

// countWorkflows counts the workflows that match a query.
func countWorkflows(t *testing.T, s *stack.Stack, query string) int64 {
	t.Helper()
	n, err := s.Temporal().CountWorkflow(t.Context(), &workflowservice.CountWorkflowExecutionsRequest{Namespace: s.TemporalNamespace(), Query: query})
	require.NoError(t, err)
	return n.GetCount()
}

// commands runs the product's commands against a stack, with an API key, and returns what they print.
func commands(t *testing.T, s *stack.Stack, key string) func(args ...string) (string, error) {
	t.Helper()
	path := buildProduct(t)
	env := append(os.Environ(), "AFTERCALL_API_URL="+s.URL(), "AFTERCALL_API_KEY="+key, "AFTERCALL_API_KEY_FILE=",
		"AFTERCALL_ADMIN_ADDR="+s.Config().AdminAddr, "AFTERCALL_INBOX_URL="+s.Config().InboxURL,
		"TEMPORAL_ADDRESS="+s.TemporalAddress(), "TEMPORAL_NAMESPACE="+s.TemporalNamespace(), "TEMPORAL_CONFIG_FILE=")
	return func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), path, args...)
		cmd.Env = env
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
}

// TestErase: a person is found by keyed hash everywhere, shown, and removed, and nobody else is. Running workflows are
// named. A request that is repeated is not dialled again.
func TestErase(t *testing.T) {
	const person, other = "+966577010005", "+966577020005"
	dir := t.TempDir()
	log := filepath.Join(dir, "audit.log")
	s := start(t, func(o *stack.Options) {
		o.Config = stack.Config(dir, stack.NewCredentials())
		o.Config.APIKeys = append(o.Config.APIKeys, "privacy:"+eraseKey+":erase")
		o.Config.DialRate, o.Config.LookupRate = 1000, 1000
		o.Config.CallGrace, o.Config.AuditLog = time.Second, log
	})
	placed := map[string]string{}
	callIDs := map[string]string{}
	for _, to := range []string{person, other} {
		placed[to] = placeCall(t, s, to, nil)
		state := awaitOutcome(t, s, placed[to])
		callIDs[to] = state.Attempts[0].CallID
		awaitRecording(t, s, callIDs[to], calls.RecordingStored)
	}
	// National spelling, and no callSid to find the leg by.
	require.Equal(t, http.StatusOK, notify(t, s, notification("national", map[string]any{"to": "0577010005", "callSid": nil, "uniqueCallId": nil, "externalCallsId": nil})))
	for _, to := range []string{person, other} {
		require.Equal(t, http.StatusBadRequest, notify(t, s, []byte("no JSON "+to)))
	}
	status, answer := request(t, s, http.MethodPost, "/v1/masking-sessions", fmt.Appendf(nil, `{"referenceId":"session","from":%q,"to":%q}`, person, other))
	require.Equal(t, http.StatusCreated, status, "%s", answer)
	require.Eventually(t, func() bool {
		running := countWorkflows(t, s, `ExecutionStatus = "Running"`)
		return running == 1 && countWorkflows(t, s, `WorkflowType = "MaskingSession" AND ExecutionStatus = "Running"`) == 1 &&
			countWorkflows(t, s, `WorkflowType = "Call" AND ExecutionStatus = "Completed"`) == 3
	}, time.Minute, 100*time.Millisecond, "all but the session has ended")
	require.Zero(t, countWorkflows(t, s, `PartyHash IS NULL`), "every workflow is found by its numbers")

	would := erasePart(t, s, erase.Request{Phone: person, DryRun: true})
	require.Equal(t, map[string]int{"Call": 2, "OutboundCall": 1, "OpenMaskingSession": 1, "Recording": 1}, would.Workflows)
	require.Equal(t, 1, would.Recordings)
	require.Equal(t, 1, would.DeadLetters)
	require.GreaterOrEqual(t, would.Deliveries, 2)
	require.Len(t, would.Running, 1)
	require.Contains(t, would.Running[0].Advice, "aftercall mask close ")
	require.Equal(t, would, erasePart(t, s, erase.Request{Phone: person, DryRun: true}), "a dry run changes nothing")
	before := knows(t, s, "577020005")

	export := filepath.Join(dir, "person.json")
	told, err := commands(t, s, eraseKey)("erase", "--phone", person, "--export", export)
	require.NoError(t, err, "%s", told)
	require.Contains(t, told, "aftercall mask close")
	require.NotContains(t, told, "577010005", "the receipt tells no number")
	exported, err := os.ReadFile(export)
	require.NoError(t, err)
	for _, kept := range []string{person, `"kind": "recording"`, `"kind": "notification"`, "outbound:" + placed[person]} {
		require.Contains(t, string(exported), kept)
	}
	require.NotContains(t, string(exported), callIDs[other])

	require.Eventually(t, func() bool { return len(knows(t, s, "577010005")) == 1 }, time.Minute, 100*time.Millisecond, "the session alone knows the number")
	left := knows(t, s, "577010005")
	require.True(t, strings.HasPrefix(left[0], "mask:"), left)
	for _, id := range before {
		if !strings.HasPrefix(id, "mask-open:") { // it belongs to both
			require.Contains(t, knows(t, s, "577020005"), id, "of others nothing is removed")
		}
	}
	res, _ := audio(t, s, http.MethodGet, callIDs[other], "")
	require.Equal(t, http.StatusOK, res.StatusCode)
	res, _ = audio(t, s, http.MethodGet, callIDs[person], "")
	require.Equal(t, http.StatusNotFound, res.StatusCode)
	_, letters := get(t, s.AdminURL()+"/inbox/dead-letters")
	require.Equal(t, 1, strings.Count(letters, `"dl-`))
	status, answer = request(t, s, http.MethodGet, "/v1/calls/"+callIDs[person]+"/events", nil)
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, string(answer), "accepted", "that something was received stays known")
	require.NotContains(t, string(answer), "577010005")
	text, err := os.ReadFile(log)
	require.NoError(t, err)
	require.Regexp(t, `"action":"erase","key":"privacy","address":"[^"]+","id":"[0-9a-f]{32}","status":200`, string(text))

	// The request itself is forgotten, but not that it was dialled.
	dials := dialled(s, person)
	require.Equal(t, 1, dials)
	placeCall(t, s, person, func(r *calls.OutboundCallRequest) { r.ReferenceID = placed[person] })
	require.Eventually(t, func() bool {
		state := getOutbound(t, s, placed[person], "1s")
		return len(state.Attempts) > 0 && state.Attempts[0].Placement == calls.Placed || state.Outcome != nil
	}, time.Minute, 50*time.Millisecond, "the call log says that it was placed")
	require.Equal(t, dials, dialled(s, person))
}

// TestEraseWithoutASlotForPartyHash: foreign attributes use up the namespace's slots. Everything works, and erasing opens
// every workflow.
func TestEraseWithoutASlotForPartyHash(t *testing.T) {
	const person, other = "+966577010105", "+966577020105"
	log := &logBuffer{}
	s := start(t, func(o *stack.Options) {
		o.Config = stack.Config(t.TempDir(), stack.NewCredentials())
		o.Config.APIKeys = append(o.Config.APIKeys, "privacy:"+eraseKey+":erase")
		o.Config.CallGrace = time.Second
		o.Temporal.SearchAttributes = temporalserver.AttributeTypes(calls.SearchAttributes())
		delete(o.Temporal.SearchAttributes, calls.AttributePartyHash.GetName())
		for _, taken := range []string{"Tags", "Skills"} {
			o.Temporal.SearchAttributes[taken] = enumspb.INDEXED_VALUE_TYPE_KEYWORD_LIST
		}
		o.Log = telemetry.NewLogger(io.MultiWriter(log, t.Output()), "info", "text")
	})
	for _, to := range []string{person, other} {
		awaitRecording(t, s, awaitOutcome(t, s, placeCall(t, s, to, nil)).Attempts[0].CallID, calls.RecordingStored)
	}
	require.Eventually(t, func() bool { return countWorkflows(t, s, `ExecutionStatus = "Running"`) == 0 }, time.Minute, 100*time.Millisecond)
	require.Equal(t, 1, strings.Count(log.String(), "workflows are found by no number"), "it is said once")
	findings, _ := commands(t, s, eraseKey)("doctor")
	require.Contains(t, findings, "PartyHash has no slot")

	before := knows(t, s, "577020105")
	require.NotEmpty(t, before)
	told, err := commands(t, s, eraseKey)("erase", "--phone", person)
	require.NoError(t, err, "%s", told)
	require.Contains(t, told, "every workflow was opened")
	require.Eventually(t, func() bool { return len(knows(t, s, "577010105")) == 0 }, time.Minute, 100*time.Millisecond)
	require.Len(t, knows(t, s, "577020105"), len(before), "of others nothing is removed")
}

// dialled counts the calls that the provider accepted for a number.
func dialled(s *stack.Stack, to string) int {
	n := 0
	for _, c := range s.Simulator().Calls() {
		if c.To == to {
			n++
		}
	}
	return n
}
