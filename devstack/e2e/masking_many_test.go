package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/devstack/stack"
	"github.com/aftercall/aftercall/internal/desk"
)

// maxCarried is Temporal's limit for a payload.
const maxCarried = 2 << 20

// maskedLegs returns the two notifications of each of n calls through a mask, shuffled within a short time, as on the wire.
// Only numbers and times tell every other call apart.
func maskedLegs(r *rand.Rand, maskID string, n int) (bodies [][]byte) {
	const number = "+966115200000"
	for i := range n {
		began := 1638192471 + 120*i
		leg := func(side, from, to, direction string) map[string]any {
			id := fmt.Sprintf("%s-%d-%s", maskID, i, side)
			return map[string]any{
				"callSid": "sid-" + id, "from": from, "to": to, "direction": direction, "useCase": "NUMBER_MASKING", "maskId": maskID,
				"initiatedAt": began, "completedAt": began + 20, "requestReceivedAt": began, "callId": id,
				"uniqueCallId": "u-" + id, "externalCallsId": "x-" + id,
			}
		}
		in, out := leg("in", rider, number, "INBOUND"), leg("out", number, driver, "OUTBOUND")
		if i%2 == 0 {
			out["parentCallSid"] = in["callSid"]
		}
		for _, edit := range []map[string]any{in, out} {
			bodies = append(bodies, notification(edit["callId"].(string), edit))
		}
	}
	for at := 0; at < len(bodies); at += 40 {
		part := bodies[at:min(at+40, len(bodies))]
		r.Shuffle(len(part), func(i, j int) { part[i], part[j] = part[j], part[i] })
	}
	return bodies
}

// TestLongSessionContinuesAsNewAndLosesNoLeg sends the legs of many calls through one session. AFTERCALL_E2E_LEGS=5000
// sends that many, with the settings of production.
func TestLongSessionContinuesAsNewAndLosesNoLeg(t *testing.T) {
	legs, settings := 400, func(s *desk.Settings) { s.Masking.SignalsPerRun, s.Masking.KeepCalls = 100, 50 }
	if n, err := strconv.Atoi(os.Getenv("AFTERCALL_E2E_LEGS")); err == nil {
		legs, settings = n, nil
	}
	s := start(t, func(o *stack.Options) { o.Settings = settings })
	maskID := newID("mask")

	began := time.Now()
	next := make(chan []byte)
	var senders sync.WaitGroup
	for range 8 {
		senders.Go(func() {
			for body := range next {
				if status := notify(t, s, body); status != http.StatusOK {
					t.Errorf("a notification was answered %d", status)
				}
			}
		})
	}
	for _, body := range maskedLegs(rand.New(rand.NewPCG(1, 2)), maskID, legs/2) {
		next <- body
	}
	close(next)
	senders.Wait()
	t.Logf("%d notifications taken in %s", legs, time.Since(began).Round(time.Second))

	want := calls.MaskingTotals{Calls: legs / 2, Paired: legs / 2, Completed: legs / 2}
	got, deadline := calls.MaskingTotals{}, time.Now().Add(time.Minute+time.Duration(legs)*200*time.Millisecond)
	for got != want && time.Now().Before(deadline) { // a new run waits behind the calls that are before it in the queue
		<-time.After(200 * time.Millisecond)
		got = totals(t, s, maskID)
	}
	require.Equal(t, want, got)
	last, err := s.Temporal().DescribeWorkflowExecution(t.Context(), calls.MaskingSessionWorkflowID(maskID), "")
	require.NoError(t, err)
	runs, largest, longest := carried(t, s, calls.MaskingSessionWorkflowID(maskID), last.GetWorkflowExecutionInfo().GetFirstRunId())
	t.Logf("%d legs told in %s, over %d runs; carried at most %d bytes, history at most %d events",
		legs, time.Since(began).Round(time.Second), runs, largest, longest)
	require.GreaterOrEqual(t, runs, 2, "signals without a pause may put ContinueAsNew off")
	require.Less(t, largest, maxCarried)
}

// totals counts the calls of a session, both those kept in full and the others.
func totals(t *testing.T, s *stack.Stack, maskID string) calls.MaskingTotals {
	t.Helper()
	status, state := askMask(t, s, http.MethodGet, maskID, nil)
	if status != http.StatusOK { // busy
		return calls.MaskingTotals{}
	}
	sum := state.Earlier
	for _, c := range state.Calls {
		sum.Calls++
		switch c.Pairing {
		case calls.PairingPaired:
			sum.Paired++
		case calls.PairingPartial:
			sum.Partial++
		case calls.PairingAmbiguous:
			sum.Ambiguous++
		}
		if c.Outcome != nil && c.Outcome.Status == calls.StatusCompleted {
			sum.Completed++
		}
	}
	return sum
}

// carried follows a workflow through its runs: their number, the largest input in bytes, the longest history.
func carried(t *testing.T, s *stack.Stack, id, run string) (runs, largest, longest int) {
	t.Helper()
	for run != "" {
		runs++
		n := 0
		var next string
		iter := s.Temporal().GetWorkflowHistory(t.Context(), id, run, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for iter.HasNext() {
			e, err := iter.Next()
			require.NoError(t, err)
			n++
			for _, p := range e.GetWorkflowExecutionStartedEventAttributes().GetInput().GetPayloads() {
				largest = max(largest, len(p.GetData()))
			}
			next = e.GetWorkflowExecutionContinuedAsNewEventAttributes().GetNewExecutionRunId()
		}
		longest, run = max(longest, n), next
	}
	return runs, largest, longest
}
