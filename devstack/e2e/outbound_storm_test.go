package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
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
	database string        // the file of Temporal's
	folder   string        // for copies
	files    string        // the folder of the dial ledger; or
	store    *faultyStore  // the S3 that it is in
	worker   *product      // dials; everything else is done in this process, which never dials
	rate     float64       // of dials
	api, key string        // the API, which is away at times
	may      atomic.Int64  // how many of the requests may be asked for by now
	accepted []atomic.Bool // which have been accepted, by their place in refs
	posted   atomic.Int64  // what the provider was asked for
	saved    *backup
	savedAt  int // the first request that was not accepted then
	dialled  int // how many were dialled then
	restored int // which requests may be affected by a restore: those before this one
	happened map[string]int
}

// stormRate is how many calls of a long storm are dialled per second: slow enough that requests wait in the dial queue while
// everything else happens.
const stormRate = 10

// newStorm prepares a storm over requests. The dial ledger is in files, or in an S3 with faults.
func newStorm(t *testing.T, requests int, rate float64, inS3 bool) *storm {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	s := &storm{
		t: t, faults: &faults{chance: rand.New(rand.NewPCG(seed, 0)), byRef: map[string]*faulty{}, byCall: map[string]*faulty{}},
		folder: t.TempDir(), rate: rate, happened: map[string]int{},
	}
	s.database = filepath.Join(s.folder, "temporal.db")
	if inS3 {
		s.store = serveFaultyStore(t, rand.New(rand.NewPCG(seed, 1)))
	}
	s.stack = start(t, func(o *stack.Options) {
		c := &o.Config
		c.DialRate, c.CallGrace, c.ReconcileAfter, c.CallMaxAge, c.UnifonicTimeout = 0, time.Second, 3*time.Second, 5*time.Minute, 2*time.Second
		o.Settings = func(s *desk.Settings) { s.Outbound.LookupWindow = 10 * time.Second }
		o.Simulator.OnPost, o.Simulator.OnCallAccepted = s.onStormPost, s.onCallAccepted
		o.Temporal.DataFile = s.database
		if inS3 {
			c.DialLedgerURL = s.store.url
		}
	})
	s.files = strings.TrimPrefix(s.stack.Config().DialLedgerURL, "file:")
	s.api, s.key = s.stack.URL(), s.stack.Credentials().APIKey
	s.worker = newProduct(t, s.stack)
	s.worker.env = append(s.worker.env, "AFTERCALL_DIAL_RATE=1000", "AFTERCALL_LOOKUP_RATE=1000", "AFTERCALL_UNIFONIC_TIMEOUT=2s",
		"AFTERCALL_RECONCILE_AFTER=3s", "AFTERCALL_CALL_GRACE=1s", "AFTERCALL_CALL_MAX_AGE=5m")
	s.worker.quiet = true // a faulty provider and a missing ledger log a line each time
	s.startWorker()
	t.Cleanup(func() { s.worker.kill(t) })
	setDialRate(t, s.stack, rate)
	s.fillStorm(requests)
	s.accepted = make([]atomic.Bool, requests)
	return s
}

func (s *storm) onStormPost(p simulator.Post) simulator.Fault {
	s.posted.Add(1)
	return s.onPost(p)
}

// run asks for every request twice while the rounds of trouble come over them, and awaits their outcomes.
func (s *storm) run(rounds int, round ...func()) map[string]calls.OutboundCallState {
	ctx, cancel := context.WithTimeout(s.t.Context(), 90*time.Minute)
	defer cancel()
	began := time.Now()
	var asking sync.WaitGroup
	asking.Go(func() { s.askFor(ctx, 0, len(s.refs)) })
	s.trouble(ctx, rounds, round)
	asking.Wait()
	s.askFor(ctx, 0, len(s.refs)) // once more: the same request is no new one
	s.t.Logf("%d requests asked for within %s; happened: %v", len(s.refs), time.Since(began).Round(time.Second), s.happened)
	states := map[string]calls.OutboundCallState{}
	for _, ref := range s.refs {
		require.Eventually(s.t, func() bool {
			states[ref] = getOutbound(s.t, s.stack, ref, "10s")
			return states[ref].Outcome != nil
		}, 20*time.Minute, 50*time.Millisecond, "request %s has no outcome", ref)
	}
	s.t.Logf("all have an outcome after %s", time.Since(began).Round(time.Second))
	return states
}

// TestOutboundStormDialsAtMostOnce places requests at a provider that answers one in five with a fault, while workers are
// killed with -9, an operator resets requests, Temporal and the inbox go back to older copies, and the dial ledger is away,
// full, slow, or answers after the write. Every request is sent at least twice. The provider's own list of calls is the
// witness. AFTERCALL_E2E_REQUESTS=10000 makes that many requests.
func TestOutboundStormDialsAtMostOnce(t *testing.T) {
	requests, long := manyRequests(150)
	rate, rounds := 1000.0, 1
	if long {
		rate, rounds = stormRate, 3
	}
	s := newStorm(t, requests, rate, true)
	ledger := func(fault ledgerFault) func() { return func() { s.breakLedger(fault) } }
	states := s.run(rounds, s.backUp, s.killWorker, ledger(ledgerMuteAll), s.resetSome, s.restore, ledger(ledgerFull), s.killWorker, ledger(ledgerSlow),
		s.resetSome, ledger(ledgerAway), s.killWorker, ledger(ledgerMute))
	s.judge(states, "worker killed", "request reset", "restored", "dial forgotten", "ledger away", "ledger full", "ledger slow",
		"ledger answers after the write", "ledger answers neither write nor question")
	t.Logf("requests to the ledger: %v", s.store.happened())
}

// TestOutboundStormWithALedgerInFiles is a smaller storm over a ledger in a folder, which is away for moments.
func TestOutboundStormWithALedgerInFiles(t *testing.T) {
	s := newStorm(t, 60, 1000, false)
	states := s.run(1, s.backUp, s.killWorker, s.loseLedger, s.resetSome, s.restore, s.loseLedger, s.resetSome, s.killWorker)
	s.judge(states, "worker killed", "request reset", "restored", "dial forgotten", "ledger away")
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

// askFor sends some requests, each until it is accepted, whatever is away meanwhile. It waits for those that may not be asked
// for yet.
func (s *storm) askFor(ctx context.Context, from, to int) {
	at := map[string]int{}
	for i := range s.refs[:to] {
		at[s.refs[i]] = i
	}
	err := each(s.refs[from:to], func(ref string) error {
		for ctx.Err() == nil {
			if at[ref] < int(s.may.Load()) {
				status, answer, err := s.ask(ctx, s.byRef[ref].req)
				switch {
				case err == nil && (status == http.StatusAccepted || status == http.StatusOK):
					s.accepted[at[ref]].Store(true)
					return nil
				case err == nil && status < http.StatusInternalServerError:
					return fmt.Errorf("%s answers %d: %s", ref, status, answer)
				}
			}
			select {
			case <-ctx.Done():
			case <-time.After(50 * time.Millisecond):
			}
		}
		return ctx.Err()
	})
	if err != nil {
		lines := strings.Split(err.Error(), "\n")
		s.t.Errorf("%d requests were not taken, like: %s", len(lines), lines[0])
	}
}

// ask sends a request to the API.
func (s *storm) ask(ctx context.Context, req calls.OutboundCallRequest) (status int, answer []byte, err error) {
	body, err := json.Marshal(req)
	if err != nil {
		return 0, nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.api+"/v1/outbound-calls", bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Authorization", "Bearer "+s.key)
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err = io.ReadAll(res.Body)
	return res.StatusCode, answer, err
}

// trouble causes one disturbance after the other, spread over the dials. Only some requests wait to be dialled at a time, so
// that each disturbance meets all stages of a request. It does not wait for ever: some requests are never dialled, like those
// whose worker was killed at the wrong moment.
func (s *storm) trouble(ctx context.Context, rounds int, round []func()) {
	all, steps := int64(len(s.refs)), int64(rounds*len(round))
	patience := 3*time.Second + 2*time.Duration(float64(all/steps)/s.rate*float64(time.Second))
	for i := range steps {
		s.may.Store(min(all, all*(i+2)/steps))
		for began := time.Now(); s.posted.Load() < all*i/steps && time.Since(began) < patience && ctx.Err() == nil; {
			<-time.After(10 * time.Millisecond)
		}
		round[i%int64(len(round))]()
	}
	s.may.Store(all)
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
	done := 0
	for tries := 0; done < 5 && tries < 100; tries++ {
		id := calls.OutboundCallWorkflowID(s.refs[rand.IntN(int(s.may.Load()))])
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
					done++
				}
				break
			}
		}
	}
	s.happened["request reset"] += done
}

// loseLedger removes the dial ledger for a moment: nobody can claim a post.
func (s *storm) loseLedger() {
	away := s.files + ".away"
	require.NoError(s.t, os.Rename(s.files, away))
	<-time.After(time.Second)
	require.NoError(s.t, os.Rename(away, s.files))
	s.happened["ledger away"]++
}

// breakLedger lets every request to the dial ledger fail for some seconds.
func (s *storm) breakLedger(fault ledgerFault) {
	s.store.set(fault)
	<-time.After(2 * time.Second)
	s.store.set(ledgerWhole)
	s.happened["ledger "+string(fault)]++
}

// backUp copies Temporal's database and the inbox.
func (s *storm) backUp() {
	s.savedAt, s.dialled = 0, len(s.stack.Simulator().Calls())
	for s.savedAt < len(s.refs) && s.accepted[s.savedAt].Load() {
		s.savedAt++
	}
	b := backUp(s.t, s.stack, s.database, s.folder)
	s.saved = &b
	s.happened["copied"]++
}

// restore lets Temporal and the inbox go back to the copy, as after the loss of a machine. Whoever asked since then, and has no
// outcome, asks again.
func (s *storm) restore() {
	ctx, cancel := context.WithTimeout(s.t.Context(), 5*time.Minute)
	defer cancel()
	s.worker.kill(s.t)
	require.NoError(s.t, s.stack.StopApp())
	s.stack.StopTemporal()
	s.restored = int(s.may.Load())
	s.happened["dial forgotten"] += len(s.stack.Simulator().Calls()) - s.dialled
	s.saved.restore(s.t, s.stack)
	s.database = s.saved.temporal
	setDialRate(s.t, s.stack, s.rate)
	require.NoError(s.t, s.stack.StartApp(ctx))
	for s.stack.AwaitReady(ctx) != nil { // a busy machine may need longer than it waits
		require.NoError(s.t, ctx.Err())
	}
	s.startWorker()
	s.askFor(s.t.Context(), min(s.savedAt, s.restored), s.restored)
	s.happened["restored"]++
}

// judge compares the provider's list of calls with the allowed dials.
func (s *storm) judge(states map[string]calls.OutboundCallState, want ...string) {
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
	s.judgeEnds(states, perAttempt)
	kinds := map[simulator.Fault]int{}
	posts := s.stack.Simulator().Posts()
	for _, p := range posts {
		kinds[p.Fault]++
	}
	s.t.Logf("%d requests, %d posts, %d attempts dialled, %d of them a second time; requests by number of dials: %v", len(states), len(posts), len(perAttempt), second, byDials)
	s.t.Logf("answers of the provider: %v; outcomes: %v", kinds, byStatus)
	for _, what := range want {
		require.NotZero(s.t, s.happened[what], "nothing of: %s", what)
	}
}

// judgeEnds holds that no request was given up for a fault that passes: whoever was not called has a reason for it that the
// provider, a reset, a restore or a killed worker gave.
func (s *storm) judgeEnds(states map[string]calls.OutboundCallState, dialled map[string]int) {
	unknown := map[string]int{}
	for i, ref := range s.refs {
		o := states[ref].Outcome
		switch o.Status {
		case calls.StatusDeadline, calls.StatusNotPlaced, calls.StatusRefused, calls.StatusStopped:
			s.t.Errorf("request %s was not dialled: %s, %s", ref, o.Status, o.FailureReason)
			continue
		case calls.StatusUnknown:
		default:
			continue
		}
		attempt := calls.AttemptReferenceID(ref, o.Attempt)
		if dialled[attempt] > 0 { // the log was asked too early, or its answer was lost with a worker
			require.Eventually(s.t, func() bool {
				return getOutbound(s.t, s.stack, ref, "0s").Outcome.Status != calls.StatusUnknown
			}, 4*time.Minute, time.Second, "attempt %s stays unknown, although the call log has it: %s", attempt, o.FailureReason)
			s.happened["settled later"]++
			continue
		}
		if strings.Contains(o.FailureReason, "this history lacks") && i >= s.restored {
			s.t.Errorf("attempt %s is unknown, although no history was restored: %s", attempt, o.FailureReason)
		}
		unknown[o.FailureReason]++
	}
	s.t.Logf("settled by the call log after it was reported as unknown: %d", s.happened["settled later"])
	for _, reason := range slices.Sorted(maps.Keys(unknown)) {
		s.t.Logf("unknown %4d: %s", unknown[reason], reason)
	}
}
