package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/devstack/stack"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/simulator"
)

// storm is the trouble for requests while they are placed.
type storm struct {
	*faults
	t        *testing.T
	database string
	ledger   string
	worker   *product // dials; everything else is done in this process, which never dials
	asked    atomic.Int64
	happened map[string]int
}

// TestOutboundStormDialsAtMostOnce places requests at a provider that answers one in five with a fault, while workers are
// killed with -9, an operator resets requests, and the dial ledger is away for moments. Every request is sent twice. The
// provider's own list of calls is the witness.
// AFTERCALL_E2E_REQUESTS=10000 makes that many requests.
func TestOutboundStormDialsAtMostOnce(t *testing.T) {
	requests, _ := manyRequests(150)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	s := &storm{
		t: t, faults: &faults{chance: rand.New(rand.NewPCG(seed, 0)), byRef: map[string]*faulty{}, byCall: map[string]*faulty{}},
		database: filepath.Join(t.TempDir(), "temporal.db"), happened: map[string]int{},
	}
	s.stack = start(t, func(o *stack.Options) {
		c := &o.Config
		c.DialRate, c.CallGrace, c.ReconcileAfter, c.CallMaxAge, c.UnifonicTimeout = 0, time.Second, 3*time.Second, 60*time.Second, 2*time.Second
		o.Settings = func(s *desk.Settings) { s.Outbound.LookupWindow = 20 * time.Second }
		o.Simulator.OnPost, o.Simulator.OnCallAccepted = s.onPost, s.onCallAccepted
		o.Temporal.DataFile = s.database
	})
	s.ledger = strings.TrimPrefix(s.stack.Config().DialLedgerURL, "file:")
	s.worker = newProduct(t, s.stack)
	s.worker.env = append(s.worker.env, "AFTERCALL_DIAL_RATE=1000", "AFTERCALL_LOOKUP_RATE=1000", "AFTERCALL_UNIFONIC_TIMEOUT=2s")
	s.worker.quiet = true // a faulty provider and a missing ledger log a line each time
	s.startWorker()
	defer func() { s.worker.kill(t) }()
	setDialRate(t, s.stack, 1000)
	s.fillStorm(requests)

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	began := time.Now()
	var asking sync.WaitGroup
	asking.Go(func() { s.askFor(ctx) })
	s.trouble(ctx, requests)
	asking.Wait()
	s.askFor(ctx) // once more: the same request is no new one
	t.Logf("%d requests asked for within %s; happened: %v", requests, time.Since(began).Round(time.Second), s.happened)

	states := map[string]calls.OutboundCallState{}
	for _, ref := range s.refs {
		states[ref] = awaitOutcome(t, s.stack, ref)
	}
	t.Logf("all have an outcome after %s", time.Since(began).Round(time.Second))
	s.judge(states)
}

func (s *storm) fillStorm(n int) {
	endings := []string{"00", "00", "00", "01", "02", "03", "04", "04", "08", "09", "10", "11", "12", "15", "16", "17"}
	for len(s.refs) < n {
		s.add(1, endings[s.chance.IntN(len(endings))], faulty{}, func(r *calls.OutboundCallRequest) {
			r.ReferenceID = fmt.Sprintf("storm-%d", len(s.refs))
			switch s.chance.IntN(3) {
			case 0:
				r.SecondaryCallerID = secondaryCallerID
				r.Failover = &calls.Failover{Delay: "200ms", On: []calls.Status{calls.StatusFailed, calls.StatusNoAnswer}, MaxAttempts: 2 + s.chance.IntN(2)}
			case 1:
				r.Retry = &calls.Retry{MaxAttempts: 2 + s.chance.IntN(2), On: map[calls.Status]string{calls.StatusBusy: "200ms", calls.StatusFailed: "0s"}}
			}
		})
	}
}

// askFor sends every request until it is accepted, whatever is away meanwhile.
func (s *storm) askFor(ctx context.Context) {
	err := each(s.refs, func(ref string) error {
		for ctx.Err() == nil {
			a, err := s.stack.Ask(ctx, http.MethodPost, "/v1/outbound-calls", s.byRef[ref].req)
			if err == nil && (a.Status == http.StatusAccepted || a.Status == http.StatusOK) {
				s.asked.Add(1)
				return nil
			}
			if err == nil && a.Status < http.StatusInternalServerError {
				return fmt.Errorf("%s answers %d: %s", ref, a.Status, a.Body)
			}
			select {
			case <-ctx.Done():
			case <-time.After(50 * time.Millisecond):
			}
		}
		return ctx.Err()
	})
	if err != nil {
		s.t.Errorf("not every request was taken: %v", err)
	}
}

// trouble causes one disturbance after the other, spread over the requests.
func (s *storm) trouble(ctx context.Context, requests int) {
	round := []func(){s.killWorker, s.resetSome, s.loseLedger, s.killWorker, s.resetSome}
	const rounds = 6
	for i := range rounds * len(round) {
		for s.asked.Load() < int64(requests*i/(rounds*len(round))) && ctx.Err() == nil {
			<-time.After(10 * time.Millisecond)
		}
		round[i%len(round)]()
	}
}

func (s *storm) startWorker() {
	s.worker.startAs(s.t, "worker")
	s.worker.awaitWorking(s.t)
}

func (s *storm) killWorker() {
	s.worker.kill(s.t)
	s.startWorker()
	s.happened["worker killed"]++
}

// resetSome resets running requests to the end of their first task, as an operator may.
func (s *storm) resetSome() {
	ctx := s.t.Context()
	c := s.stack.Temporal()
	for range 5 {
		id := calls.OutboundCallWorkflowID(s.refs[rand.IntN(len(s.refs))])
		d, err := c.DescribeWorkflowExecution(ctx, id, "")
		if err != nil || d.GetWorkflowExecutionInfo().GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
			continue
		}
		for _, e := range events(s.t, s.stack, id) {
			if e.GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
				_, err := c.ResetWorkflowExecution(ctx, &workflowservice.ResetWorkflowExecutionRequest{
					Namespace: s.stack.TemporalNamespace(), WorkflowExecution: d.GetWorkflowExecutionInfo().GetExecution(),
					Reason: "test", WorkflowTaskFinishEventId: e.GetEventId(), RequestId: newID("reset"),
				})
				if err == nil {
					s.happened["request reset"]++
				}
				break
			}
		}
	}
}

// loseLedger removes the dial ledger for a moment: nobody can claim a post.
func (s *storm) loseLedger() {
	away := s.ledger + ".away"
	require.NoError(s.t, os.Rename(s.ledger, away))
	<-time.After(time.Second)
	require.NoError(s.t, os.Rename(away, s.ledger))
	s.happened["ledger away"]++
}

// judge compares the provider's list of calls with the allowed dials.
func (s *storm) judge(states map[string]calls.OutboundCallState) {
	perAttempt, byDials, byStatus := map[string]int{}, map[int]int{}, map[calls.Status]int{}
	perRequest := map[string]int{}
	for _, c := range s.stack.Simulator().Calls() {
		perAttempt[c.ReferenceID]++
		ref, _, ok := calls.ParseAttemptReferenceID(c.ReferenceID)
		require.True(s.t, ok)
		perRequest[ref]++
	}
	second := 0
	for attempt, n := range perAttempt {
		if n > 1 {
			second++
			s.t.Errorf("attempt %s was dialled %d times", attempt, n)
		}
	}
	for ref, state := range states {
		req, allowed := s.byRef[ref].req, 1
		switch {
		case req.Failover != nil:
			allowed = req.Failover.MaxAttempts
		case req.Retry != nil:
			allowed = req.Retry.MaxAttempts
		}
		if ending := req.To[len(req.To)-2:]; strings.Contains("00 08 09 10 11 12 15 16", ending) {
			allowed = 1 // somebody answers, or declines
		}
		require.LessOrEqual(s.t, perRequest[ref], allowed, "dials of request %s to %s", ref, req.To[len(req.To)-2:])
		byDials[perRequest[ref]]++
		byStatus[state.Outcome.Status]++
	}
	kinds := map[simulator.Fault]int{}
	posts := s.stack.Simulator().Posts()
	for _, p := range posts {
		kinds[p.Fault]++
	}
	s.t.Logf("%d requests, %d posts, %d attempts dialled, %d of them a second time; requests by number of dials: %v", len(states), len(posts), len(perAttempt), second, byDials)
	s.t.Logf("answers of the provider: %v; outcomes: %v", kinds, byStatus)
	for _, what := range []string{"worker killed", "request reset", "ledger away"} {
		require.NotZero(s.t, s.happened[what], "nothing of: %s", what)
	}
}
