package e2e

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/devstack/stack"
	"github.com/aftercall/aftercall/internal/keys"
)

// TestForkedHistoryDialsOnce is a failover to a region whose copy of the histories lags. Two Temporals have the same run of
// each request, with its first attempt in the dial queue and without a heartbeat, and know nothing of each other. Both have
// workers, at the same time. They share the dial ledger.
func TestForkedHistoryDialsOnce(t *testing.T) {
	const requests = 20
	dir := t.TempDir()
	one := start(t, func(o *stack.Options) {
		o.Temporal.DataFile = filepath.Join(dir, "one.db")
		o.Config.DialRate = 0
		o.Config.ReconcileAfter = time.Second
	})
	refs := make([]string, requests)
	for i := range refs {
		refs[i] = placeCall(t, one, "+966500000000", nil)
	}
	for _, ref := range refs {
		require.Eventually(t, func() bool { return getOutbound(t, one, ref, "0s").State == calls.OutboundDialling }, time.Minute, 50*time.Millisecond)
	}
	copyDatabase(t, filepath.Join(dir, "one.db"), filepath.Join(dir, "two.db"))

	shared, err := keys.ReadFile(keys.Beside(one.Config().InboxURL))
	require.NoError(t, err)
	var o stack.Options
	o.Config, o.RealProvider = stack.Config(t.TempDir(), stack.NewCredentials()), true
	o.Temporal.DataFile = filepath.Join(dir, "two.db")
	o.Config.EncryptionKeys, o.Config.HashKey = shared.Encryption, shared.Hash
	o.Config.DialRate, o.Config.LookupRate, o.Config.ReconcileAfter = 0, 1000, time.Second
	o.Config.UnifonicBaseURL, o.Config.UnifonicAppsID = one.Config().UnifonicBaseURL, one.Config().UnifonicAppsID
	o.Config.DialLedgerURL = one.Config().DialLedgerURL
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	two, err := stack.Start(ctx, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, two.Stop()) })

	runs := map[string]bool{}
	for _, s := range []*stack.Stack{one, two} {
		d, err := s.Temporal().DescribeWorkflowExecution(ctx, calls.OutboundCallWorkflowID(refs[0]), "")
		require.NoError(t, err)
		runs[d.GetWorkflowExecutionInfo().GetExecution().GetRunId()] = true
	}
	require.Len(t, runs, 1, "it is one run in two places")
	for _, s := range []*stack.Stack{one, two} {
		startDialling(t, s, 1000)
	}
	placedBy := map[*stack.Stack]int{}
	for _, s := range []*stack.Stack{one, two} {
		for _, ref := range refs {
			state := awaitOutcome(t, s, ref)
			require.Equal(t, calls.StatusCompleted, state.Outcome.Status)
			require.Len(t, state.Attempts, 1)
			require.Equal(t, []string{"1"}, dials(one, ref), "dials of %s", ref)
			if state.Outcome.Rule == calls.RuleAllowed {
				placedBy[s]++
			}
		}
	}
	t.Logf("of %d calls one Temporal placed %d and the other %d", requests, placedBy[one], placedBy[two])
	require.Equal(t, requests, placedBy[one]+placedBy[two])
	require.Len(t, one.Simulator().Posts(), requests)
}
