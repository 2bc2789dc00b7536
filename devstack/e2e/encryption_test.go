package e2e

import (
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"google.golang.org/protobuf/proto"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/devstack/stack"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/keys"
	"github.com/aftercall/aftercall/internal/temporalclient"
)

// keyText returns new keys, and a ring of them.
func keyText(t *testing.T) (keys.Text, *keys.Ring) {
	t.Helper()
	text := keys.New(time.Now())
	ring, err := text.Ring()
	require.NoError(t, err)
	return text, ring
}

// withKeys returns a client of the stack's Temporal with a ring of its own.
func withKeys(t *testing.T, s *stack.Stack, ring *keys.Ring) client.Client {
	t.Helper()
	target := client.Options{HostPort: s.TemporalAddress(), Namespace: s.TemporalNamespace()}
	c, err := temporalclient.New(target, ring, nil, slog.New(slog.DiscardHandler), nil)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// readable returns which of the texts occur in the raw history of a workflow's current run.
func readable(t *testing.T, s *stack.Stack, id string, texts ...string) []string {
	t.Helper()
	iter := withKeys(t, s, nil).GetWorkflowHistory(t.Context(), id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	var all strings.Builder
	for iter.HasNext() {
		e, err := iter.Next()
		require.NoError(t, err)
		raw, err := proto.Marshal(e)
		require.NoError(t, err)
		all.Write(raw)
	}
	require.NotZero(t, all.Len())
	var found []string
	for _, text := range texts {
		if strings.Contains(all.String(), text) {
			found = append(found, text)
		}
	}
	return found
}

func TestHistoriesShowNoNumberTextOrURL(t *testing.T) {
	s := start(t, nil)
	c := startBusiness(t, s)
	ref := newID("sealed")
	body := `{"referenceId":"` + ref + `","to":"+966577310005","callerId":"+966118844701","type":"tts","tts":{"text":"CANARYTEXT"},"callRecording":true}`
	status, _ := request(t, s, http.MethodPost, "/v1/outbound-calls", []byte(body))
	require.Equal(t, http.StatusAccepted, status)
	var callKey string
	require.Eventually(t, func() bool {
		var story calls.OutboundCallState
		v, err := s.Temporal().QueryWorkflow(t.Context(), calls.OutboundCallWorkflowID(ref), "", calls.QueryState)
		if err != nil || v.Get(&story) != nil || story.Outcome == nil {
			return false
		}
		callKey = story.Outcome.CallKey
		return callKey != ""
	}, time.Minute, 50*time.Millisecond)
	state := awaitFinal(t, s, callKey)
	require.NotEmpty(t, state.Recordings)
	texts := []string{"577310005", "118844701", "CANARYTEXT", "/recordings/"}
	require.Empty(t, readable(t, s, calls.OutboundCallWorkflowID(ref), texts...))
	require.Empty(t, readable(t, s, calls.CallWorkflowID(callKey), texts...))
	require.Empty(t, readable(t, s, calls.RecordingWorkflowID(callKey, state.Recordings[0].Leg), texts...))

	var outcome calls.Outcome
	require.NoError(t, execute(t, c, newID("plain"), awaitOnce, callKey).Get(t.Context(), &outcome), "business workers have no keys")
	require.Equal(t, calls.StatusCompleted, outcome.Status)
}

// TestUnreadableSignalWaitsForItsKey: a signal sealed with a key that the worker lacks is neither dropped nor skipped.
func TestUnreadableSignalWaitsForItsKey(t *testing.T) {
	old, ring := keyText(t)
	other, otherRing := keyText(t)
	s := start(t, func(o *stack.Options) { o.Keys = ring })
	callID := newID("late-key")
	require.Equal(t, http.StatusOK, notify(t, s, notification(callID, map[string]any{"status": "RINGING", "completedAt": nil})))
	id := calls.CallWorkflowID(callID)
	awaitWorkflow(t, s, id)
	require.NoError(t, withKeys(t, s, otherRing).SignalWorkflow(t.Context(), id, "", calls.SignalSubscribe, calls.Subscription{WorkflowID: "nobody-1"}))
	require.Eventually(t, func() bool {
		for _, e := range events(t, s, id) {
			if e.GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_TASK_FAILED {
				return true
			}
		}
		return false
	}, time.Minute, 50*time.Millisecond, "the task does not fail")

	require.NoError(t, ring.Replace([]string{old.Encryption[0], other.Encryption[0]}))
	require.Equal(t, http.StatusOK, notify(t, s, notification(callID, nil)))
	require.Eventually(t, func() bool {
		_, state := getCall(t, s, callID, "")
		return len(state.Notified) == 1 && state.Notified[0].WorkflowID == "nobody-1"
	}, time.Minute, 100*time.Millisecond, "the subscription is lost")
}

// TestGateWaitsForWorkersWithoutKeys: such a worker would drop an encrypted signal.
func TestGateWaitsForWorkersWithoutKeys(t *testing.T) {
	s := start(t, func(o *stack.Options) {
		o.Temporal.DynamicConfig = map[string]any{"matching.PollerHistoryTTL": 10 * time.Second} // not 5 minutes
	})
	var gate temporalclient.Gate
	without, err := gate.Try(t.Context(), s.Temporal(), s.TemporalNamespace())
	require.NoError(t, err)
	require.Empty(t, without)
	require.True(t, gate.Open())

	require.NoError(t, s.StopApp())
	w := worker.New(withKeys(t, s, nil), contract.TaskQueue, worker.Options{})
	w.RegisterWorkflow(awaitOnce)
	require.NoError(t, w.Start())
	stopKeyless := sync.OnceFunc(w.Stop)
	t.Cleanup(stopKeyless)
	require.Eventually(t, func() bool {
		var gate temporalclient.Gate
		without, err := gate.Try(t.Context(), s.Temporal(), s.TemporalNamespace())
		return err == nil && len(without) > 0 && !gate.Open() && gate.Current() && gate.Minded()
	}, time.Minute, 50*time.Millisecond)

	plain, err := client.Dial(client.Options{HostPort: s.TemporalAddress(), Namespace: s.TemporalNamespace()})
	require.NoError(t, err)
	t.Cleanup(plain.Close)
	old := worker.New(plain, contract.TaskQueue, worker.Options{})
	old.RegisterWorkflow(awaitOnce)
	require.NoError(t, old.Start())
	stopOld := sync.OnceFunc(old.Stop)
	t.Cleanup(stopOld)
	require.Eventually(t, func() bool {
		var gate temporalclient.Gate
		_, err := gate.Try(t.Context(), s.Temporal(), s.TemporalNamespace())
		return err == nil && !gate.Current() && !gate.Minded()
	}, time.Minute, 50*time.Millisecond, "one of before there were editions")

	stopOld()
	stopKeyless()
	require.Eventually(t, func() bool {
		var gate temporalclient.Gate
		_, err := gate.Try(t.Context(), s.Temporal(), s.TemporalNamespace())
		return err == nil && gate.Open() && gate.Current() && gate.Minded()
	}, time.Minute, 50*time.Millisecond, "it opens once Temporal has forgotten them")
}
