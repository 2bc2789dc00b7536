package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/devstack/stack"
	"github.com/aftercall/aftercall/internal/app"
	"github.com/aftercall/aftercall/internal/simulator"
)

// setDialRate sets another rate as an operator does, with `aftercall setup`.
func setDialRate(t *testing.T, s *stack.Stack, rate float64) {
	t.Helper()
	cfg := s.Config()
	cfg.DialRate = rate
	target := client.Options{HostPort: s.TemporalAddress(), Namespace: s.TemporalNamespace(), Logger: quiet{}}
	require.NoError(t, app.Setup(t.Context(), cfg, target, app.SetupOptions{}, func(string) {}, func(left string) { t.Error(left) }))
}

var backlogLine = regexp.MustCompile(`(?m)^aftercall_task_queue_backlog\{queue="aftercall-dial"\} (\S+)$`)

// dialBacklog returns the metric of the dial queue's backlog.
func dialBacklog(t *testing.T, s *stack.Stack) int {
	t.Helper()
	res, err := http.Get(s.AdminURL() + "/metrics")
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	found := backlogLine.FindSubmatch(text)
	require.NotNil(t, found, "the metric is missing")
	n, err := strconv.ParseFloat(string(found[1]), 64)
	require.NoError(t, err)
	return int(n)
}

// busiest returns the largest number of dials in any window of time.
func busiest(at []time.Time, window time.Duration) (most int) {
	from := 0
	for i := range at {
		for at[i].Sub(at[from]) >= window {
			from++
		}
		most = max(most, i-from+1)
	}
	return most
}

// TestThousandRequestsKeepTheRate places 1,000 requests while the rate is 0, and then allows 20 dials a second. Stop,
// deadline and the end of calling hours reach requests that wait behind them.
func TestThousandRequestsKeepTheRate(t *testing.T) {
	const requests, rate = 1000, 20
	s := start(t, func(o *stack.Options) {
		o.Config.CallGrace = time.Second
		// The test is not about the time after a dial, which would cost more than the dial.
		o.Simulator.OnPost = func(simulator.Post) simulator.Fault { return simulator.FaultLoseNotifications }
	})
	setDialRate(t, s, 0)
	refs := make([]string, requests)
	for i := range refs {
		refs[i] = fmt.Sprintf("pace-%d", i)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	began := time.Now()
	require.NoError(t, each(refs, func(ref string) error {
		req := simpleRequest("00")
		req.ReferenceID = ref
		return ask(ctx, s, http.MethodPost, "/v1/outbound-calls", req)
	}))
	require.Eventually(t, func() bool { return dialBacklog(t, s) >= requests*9/10 }, time.Minute, 200*time.Millisecond,
		"the metric does not show the backlog")
	t.Logf("%d requests taken and queued in %s, backlog %d", requests, time.Since(began).Round(time.Second), dialBacklog(t, s))

	closes := time.Now().UTC().Add(30 * time.Second).Truncate(time.Minute).Add(time.Minute)
	stopped := placeCall(t, s, "+966500000000", nil)
	deadline := placeCall(t, s, "+966500000000", func(r *calls.OutboundCallRequest) { r.Deadline = "30s" })
	hours := placeCall(t, s, "+966500000000", func(r *calls.OutboundCallRequest) {
		r.CallingHours = &calls.CallingHours{Timezone: "UTC", From: closes.Add(-time.Hour).Format("15:04"), To: closes.Format("15:04")}
		r.Deadline = "1h"
	})
	for _, ref := range []string{stopped, deadline, hours} {
		require.Eventually(t, func() bool { return getOutbound(t, s, ref, "0s").State == calls.OutboundDialling }, time.Minute, 100*time.Millisecond)
	}
	<-time.After(time.Until(closes.Add(-40 * time.Second))) // so that the hours end before the queue does
	require.Empty(t, s.Simulator().Posts(), "a rate of 0 dials nothing")

	setDialRate(t, s, rate)
	require.Eventually(t, func() bool { return len(s.Simulator().Calls()) > rate }, 30*time.Second, 50*time.Millisecond, "it does not resume")
	require.NoError(t, ask(ctx, s, http.MethodDelete, "/v1/outbound-calls/"+stopped, nil))
	for _, tc := range []struct {
		ref    string
		status calls.Status
		reason string
	}{
		{stopped, calls.StatusStopped, "taken back from the dial queue"},
		{deadline, calls.StatusDeadline, "did not leave the dial queue in time"},
		{hours, calls.StatusRefused, "did not leave the dial queue in time"},
	} {
		state := closedRequest(t, s, tc.ref)
		t.Logf("%s after %d dials: %s", state.Outcome.Status, len(s.Simulator().Calls()), state.Outcome.FailureReason)
		require.Equal(t, tc.status, state.Outcome.Status)
		require.Contains(t, state.Outcome.FailureReason, tc.reason)
	}
	require.Eventually(t, func() bool { return len(s.Simulator().Calls()) >= requests }, 3*time.Minute, 100*time.Millisecond)

	var at []time.Time
	byAttempt := map[string]int{}
	for _, c := range s.Simulator().Calls() {
		at = append(at, c.At)
		byAttempt[c.ReferenceID]++
	}
	slices.SortFunc(at, time.Time.Compare)
	took := at[len(at)-1].Sub(at[0])
	t.Logf("%d dials in %s: %.1f a second; at most %d in 1 s, %d in 5 s", len(at), took.Round(100*time.Millisecond),
		float64(len(at))/took.Seconds(), busiest(at, time.Second), busiest(at, 5*time.Second))
	require.Len(t, byAttempt, requests)
	require.Len(t, at, requests)
	for _, ref := range []string{stopped, deadline, hours} {
		require.Empty(t, dials(s, ref))
	}
	require.LessOrEqual(t, busiest(at, time.Second), 3*rate, "a busy machine catches up in bursts")
	require.LessOrEqual(t, busiest(at, 5*time.Second), 5*rate*3/2)
	require.Greater(t, took, requests/rate*time.Second*8/10)
}
