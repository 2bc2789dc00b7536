package e2e

import (
	"context"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdkpb "go.temporal.io/api/sdk/v1"
	"go.temporal.io/sdk/client"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/devstack/stack"
	"github.com/aftercall/aftercall/internal/app"
	"github.com/aftercall/aftercall/internal/dialqueue"
)

// currentDetails returns the details that the Temporal UI shows of a workflow.
func currentDetails(t *testing.T, s *stack.Stack, id string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	answer, err := s.Temporal().QueryWorkflow(ctx, id, "", "__temporal_workflow_metadata")
	if err != nil {
		return ""
	}
	var m sdkpb.WorkflowMetadata
	require.NoError(t, answer.Get(&m))
	return m.GetCurrentDetails()
}

// adminMetrics returns the text of /metrics. A scrape that the inbox was too slow for is asked for again.
func adminMetrics(t *testing.T, s *stack.Stack) string {
	t.Helper()
	for until := time.Now().Add(time.Minute); ; {
		res, err := http.Get(s.AdminURL() + "/metrics")
		require.NoError(t, err)
		text, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		if res.StatusCode == http.StatusOK {
			return string(text)
		}
		require.True(t, time.Now().Before(until), "no metrics: %s", text)
	}
}

func containsAll(text string, parts ...string) bool {
	return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(text, part) })
}

// startDialling starts dialling as `aftercall dial start` does.
func startDialling(t *testing.T, s *stack.Stack, rate float64) {
	t.Helper()
	require.NoError(t, dialqueue.Queue{Client: s.Temporal(), Namespace: s.TemporalNamespace()}.Start(t.Context(), "ops@desk", rate))
}

// TestDialStopHolds: a stop holds at once, for waiting and for new calls, through setup and a restart of everything, until
// dial start.
func TestDialStopHolds(t *testing.T) {
	s := start(t, func(o *stack.Options) { o.Temporal.DataFile = filepath.Join(t.TempDir(), "temporal.db") })
	queue := func() dialqueue.Queue { return dialqueue.Queue{Client: s.Temporal(), Namespace: s.TemporalNamespace()} }
	setDialRate(t, s, 0)
	before := placeCall(t, s, "+966500000000", nil)
	require.Eventually(t, func() bool { return getOutbound(t, s, before, "0s").State == calls.OutboundDialling }, time.Minute, 50*time.Millisecond)

	require.NoError(t, queue().Stop(t.Context(), "ops@desk", "wrong list,\nsays +966500000123"))
	meanwhile := placeCall(t, s, "+966500000000", nil) // by a serve that does not know of the stop yet
	setDialRate(t, s, 1000)
	shown := func(ref string) func() bool {
		return func() bool {
			d := currentDetails(t, s, calls.OutboundCallWorkflowID(ref))
			return getOutbound(t, s, ref, "0s").Waiting != "" && containsAll(d, "by ops@desk: wrong list, says")
		}
	}
	require.Eventually(t, shown(before), time.Minute, 100*time.Millisecond, "a waiting request shows the stop")
	require.Eventually(t, shown(meanwhile), time.Minute, 100*time.Millisecond, "one that was accepted meanwhile shows the stop")
	for _, ref := range []string{before, meanwhile} {
		for _, e := range events(t, s, calls.OutboundCallWorkflowID(ref)) {
			require.NotContains(t, e.String(), "500000123", "a number in the reason")
		}
	}
	require.Eventually(t, func() bool {
		return containsAll(adminMetrics(t, s), "\naftercall_dial_stopped 1\n", "\naftercall_dial_rate 0\n")
	}, time.Minute, 200*time.Millisecond)

	require.NoError(t, s.StopApp())
	s.StopTemporal()
	require.NoError(t, s.StartTemporal(t.Context())) // with setup
	require.NoError(t, s.StartApp(t.Context()))
	require.NoError(t, s.AwaitReady(t.Context()))
	require.Eventually(t, func() bool { return containsAll(adminMetrics(t, s), "\naftercall_dial_stopped 1\n") }, time.Minute, 200*time.Millisecond)
	after := placeCall(t, s, "+966500000000", nil)
	require.Eventually(t, shown(after), time.Minute, 100*time.Millisecond, "a request that came later shows the stop")

	target := client.Options{HostPort: s.TemporalAddress(), Namespace: s.TemporalNamespace(), Logger: quiet{}}
	found := app.Doctor(t.Context(), s.Config(), target)
	at := slices.IndexFunc(found, func(f app.Finding) bool { return f.Check == "dialling" })
	require.GreaterOrEqual(t, at, 0)
	require.True(t, containsAll(found[at].Detail, "by ops@desk: wrong list"), found[at].Detail)
	require.Empty(t, s.Simulator().Posts(), "nothing is dialled")

	require.NoError(t, queue().Start(t.Context(), "ops@desk", 1000))
	for _, ref := range []string{before, meanwhile, after} {
		require.Equal(t, calls.StatusCompleted, awaitOutcome(t, s, ref).Outcome.Status)
		require.Len(t, dials(s, ref), 1)
	}
}

// TestDialStartNeedsNoRestart: with workers at a rate of 0, dial start dials without a restart, and the next setup stops it
// again.
func TestDialStartNeedsNoRestart(t *testing.T) {
	s := start(t, func(o *stack.Options) { o.Config.DialRate = 0 })
	ref := placeCall(t, s, "+966500000000", nil)
	require.Eventually(t, func() bool { return getOutbound(t, s, ref, "0s").State == calls.OutboundDialling }, time.Minute, 50*time.Millisecond)
	require.Empty(t, s.Simulator().Posts())
	startDialling(t, s, 100)
	require.Equal(t, calls.StatusCompleted, awaitOutcome(t, s, ref).Outcome.Status)
	require.Equal(t, []string{"1"}, dials(s, ref))

	setDialRate(t, s, 0)
	require.Eventually(t, func() bool { return containsAll(adminMetrics(t, s), "\naftercall_dial_rate 0\n") }, time.Minute, 200*time.Millisecond)
	held := placeCall(t, s, "+966500000000", nil)
	require.Eventually(t, func() bool { return getOutbound(t, s, held, "0s").State == calls.OutboundDialling }, time.Minute, 50*time.Millisecond)
	startDialling(t, s, 100)
	require.Equal(t, calls.StatusCompleted, awaitOutcome(t, s, held).Outcome.Status)
}
