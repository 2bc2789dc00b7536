package e2e

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/devstack/stack"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/simulator"
)

// faulty is a request, and its faults at the provider.
type faulty struct {
	req     calls.OutboundCallRequest
	forced  []simulator.Fault // for the first posts; chance decides about later ones
	silent  bool              // the call log does not answer
	ringing bool              // one notification reports that it rings, and no other comes
	stopped bool              // by its initiator, at once
}

// faults holds the faults of 500 requests.
type faults struct {
	stack  *stack.Stack
	mu     sync.Mutex
	chance *rand.Rand
	byRef  map[string]*faulty // by the attempt's referenceId without "-a<n>"
	byCall map[string]*faulty
	refs   []string
}

var allFaults = []simulator.Fault{
	simulator.FaultAcceptHang, simulator.FaultAcceptReset, simulator.FaultAccept500, simulator.FaultAcceptBad, simulator.FaultRefuse500,
	simulator.FaultRefuse429, simulator.FaultRefuseReset, simulator.FaultSlow, simulator.FaultLoseNotifications, simulator.FaultRepeatNotifications,
}

// add adds n requests like a given one to a number with an ending.
func (f *faults) add(n int, ending string, like faulty, edit func(*calls.OutboundCallRequest)) {
	for range n {
		one := like
		one.req = calls.OutboundCallRequest{
			ReferenceID: fmt.Sprintf("fault-%d", len(f.refs)), To: "+9665000002" + ending, CallerID: callerID,
			Type: calls.CallTypeTTS, TTS: &calls.TTS{Text: "hello"},
		}
		if edit != nil {
			edit(&one.req)
		}
		f.refs = append(f.refs, one.req.ReferenceID)
		f.byRef[one.req.ReferenceID] = &one
	}
}

// fill adds random requests, and enough of each rare pair of placement and settlement.
func (f *faults) fill() {
	const ( // of OnPost
		refuse429 = simulator.FaultRefuse429
		lost      = simulator.FaultAccept500
	)
	untilDeadline := func(r *calls.OutboundCallRequest) { r.Deadline = "45s" }
	f.add(12, "08", faulty{silent: true}, nil)
	f.add(10, "08", faulty{forced: []simulator.Fault{lost}}, nil)
	f.add(25, "08", faulty{forced: []simulator.Fault{lost}, silent: true, ringing: true}, nil)
	f.add(10, "00", faulty{forced: []simulator.Fault{lost}, silent: true}, nil)
	f.add(10, "08", faulty{forced: []simulator.Fault{refuse429, simulator.FaultSlow}}, nil)
	f.add(10, "08", faulty{forced: []simulator.Fault{refuse429, simulator.FaultSlow}, silent: true}, nil)
	f.add(10, "00", faulty{forced: []simulator.Fault{refuse429, simulator.FaultSlow}, silent: true}, nil)
	f.add(10, "17", faulty{forced: []simulator.Fault{refuse429}}, nil)
	f.add(12, "00", faulty{forced: slices.Repeat([]simulator.Fault{refuse429}, 10)}, untilDeadline)
	for _, fault := range allFaults {
		f.add(3, "00", faulty{forced: []simulator.Fault{fault}}, nil)
	}
	endings := []string{"00", "00", "00", "01", "02", "03", "04", "04", "08", "09", "10", "11", "12", "15", "16", "17"}
	for len(f.refs) < 500 {
		like := faulty{stopped: f.chance.IntN(20) == 0}
		f.add(1, endings[f.chance.IntN(len(endings))], like, func(r *calls.OutboundCallRequest) {
			if f.chance.IntN(3) > 0 {
				r.SecondaryCallerID = secondaryCallerID
				r.Failover = &calls.Failover{Delay: "200ms", On: []calls.Status{calls.StatusFailed, calls.StatusNoAnswer}, MaxAttempts: 2 + f.chance.IntN(2)}
			}
		})
	}
}

// onPost chooses the fault of a request: one in five has one.
func (f *faults) onPost(p simulator.Post) simulator.Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	ref, attempt, _ := calls.ParseAttemptReferenceID(p.ReferenceID)
	if one := f.byRef[ref]; one != nil && attempt == 1 && p.Try <= len(one.forced) {
		return one.forced[p.Try-1]
	}
	if f.chance.Float64() < 0.2 {
		return allFaults[f.chance.IntN(len(allFaults))]
	}
	return simulator.FaultNone
}

func (f *faults) onCallAccepted(c simulator.Call) {
	ref, _, _ := calls.ParseAttemptReferenceID(c.ReferenceID)
	f.mu.Lock()
	one := f.byRef[ref]
	f.byCall[c.CallID] = one
	f.mu.Unlock()
	if one.ringing {
		_, _ = f.stack.Notify(context.Background(), notification(c.CallID, map[string]any{
			"status": "RINGING", "to": c.To, "referenceId": c.ReferenceID, "completedAt": nil, "duration": nil,
		}))
	}
}

func (f *faults) onLookup(id string) int {
	ref, _, _ := calls.ParseAttemptReferenceID(id)
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, one := range []*faulty{f.byRef[ref], f.byCall[id]} {
		if one != nil && one.silent {
			return http.StatusServiceUnavailable
		}
	}
	return 0
}

// placeAll places every request, and stops some of them at once.
func (f *faults) placeAll(ctx context.Context) error {
	return each(f.refs, func(ref string) error {
		one := f.byRef[ref]
		if err := ask(ctx, f.stack, http.MethodPost, "/v1/outbound-calls", one.req); err != nil || !one.stopped {
			return err
		}
		return ask(ctx, f.stack, http.MethodDelete, "/v1/outbound-calls/"+ref, nil)
	})
}

// each calls do for every request, eight at a time.
func each(refs []string, do func(ref string) error) error {
	next, failed := make(chan string), make(chan error, len(refs))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for ref := range next {
				failed <- do(ref)
			}
		})
	}
	for _, ref := range refs {
		next <- ref
	}
	close(next)
	all.Wait()
	close(failed)
	var errs []error
	for err := range failed {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// ask sends a request to the API, and retries while it responds with "try later". It must succeed.
func ask(ctx context.Context, s *stack.Stack, method, path string, body any) error {
	for {
		a, err := s.Ask(ctx, method, path, body)
		switch {
		case err != nil:
			return err
		case a.Status < http.StatusMultipleChoices:
			return nil
		case a.Status != http.StatusServiceUnavailable:
			return fmt.Errorf("%s %s answers %d: %s", method, path, a.Status, a.Body)
		}
	}
}

// TestOutboundDialsAtMostOnce sends 500 requests to a provider that answers one in five with a fault, and compares the
// provider's own list of calls with what each request may dial. Every request ends.
func TestOutboundDialsAtMostOnce(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	f := &faults{chance: rand.New(rand.NewPCG(seed, 0)), byRef: map[string]*faulty{}, byCall: map[string]*faulty{}}
	f.stack = start(t, func(o *stack.Options) {
		c := &o.Config
		c.CallGrace, c.ReconcileAfter, c.CallMaxAge, c.UnifonicTimeout = time.Second, 3*time.Second, 45*time.Second, 2*time.Second
		o.Settings = func(s *desk.Settings) { s.Outbound.LookupWindow = 10 * time.Second }
		o.Simulator.OnPost, o.Simulator.OnCallAccepted, o.Simulator.OnLookup = f.onPost, f.onCallAccepted, f.onLookup
	})
	f.fill()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	began := time.Now()
	require.NoError(t, f.placeAll(ctx))
	t.Logf("%d requests taken in %s", len(f.refs), time.Since(began).Round(time.Second))

	states := map[string]calls.OutboundCallState{}
	for _, ref := range f.refs {
		var s calls.OutboundCallState
		require.NoError(t, f.stack.Temporal().GetWorkflow(ctx, calls.OutboundCallWorkflowID(ref), "").Get(ctx, &s), "request %s does not end", ref)
		states[ref] = s
	}
	t.Logf("all ended after %s", time.Since(began).Round(time.Second))
	f.witness(t, states)
	f.count(t, states)
}

// witness compares the provider's list of calls with the allowed dials, and with the states of the requests.
func (f *faults) witness(t *testing.T, states map[string]calls.OutboundCallState) {
	t.Helper()
	perAttempt, perRequest := map[string]int{}, map[string]int{}
	for _, c := range f.stack.Simulator().Calls() {
		perAttempt[c.ReferenceID]++
		ref, _, ok := calls.ParseAttemptReferenceID(c.ReferenceID)
		require.True(t, ok)
		perRequest[ref]++
	}
	for attempt, n := range perAttempt {
		require.Equal(t, 1, n, "dials of attempt %s", attempt)
	}
	byDials := map[int]int{}
	for ref, s := range states {
		require.NotNil(t, s.Outcome, ref)
		allowed := 1
		if r := f.byRef[ref].req; r.SecondaryCallerID != "" {
			allowed = r.Failover.MaxAttempts
		}
		require.LessOrEqual(t, perRequest[ref], allowed, "dials of request %s", ref)
		byDials[perRequest[ref]]++
		for _, a := range s.Attempts {
			if a.Placement == calls.NotPlaced {
				require.Zero(t, perAttempt[a.ReferenceID], "attempt %s is said not to be placed", a.ReferenceID)
			}
			if a.Placement == calls.Placed {
				require.Equal(t, 1, perAttempt[a.ReferenceID], "attempt %s is said to be placed", a.ReferenceID)
			}
		}
	}
	t.Logf("%d dials; requests by number of dials: %v", len(perAttempt), byDials)
}

// count prints how often each pair of placement, by the provider's first answer, and settlement occurred.
func (f *faults) count(t *testing.T, states map[string]calls.OutboundCallState) {
	t.Helper()
	first, kinds := map[string]simulator.Fault{}, map[simulator.Fault]int{}
	posts := f.stack.Simulator().Posts()
	for _, p := range posts {
		if p.Try == 1 {
			first[p.ReferenceID] = p.Fault
		}
		kinds[p.Fault]++
	}
	t.Logf("%d posts, with these faults: %v", len(posts), kinds)
	pairs := map[string]int{}
	for _, s := range states {
		for _, a := range s.Attempts {
			fault, posted := first[a.ReferenceID]
			if !posted {
				pairs["never posted / "+settlement(a)]++
				continue
			}
			pairs[placement(fault)+" / "+settlement(a)]++
		}
	}
	for _, pair := range slices.Sorted(maps.Keys(pairs)) {
		t.Logf("%-28s %4d", pair, pairs[pair])
	}
	for placement, settlements := range map[string][]string{
		"placed":     {"notification", "call-log", "gave-up"},
		"unknown":    {"notification", "call-log", "gave-up", "silence"},
		"not placed": {"notification", "call-log", "gave-up", "silence", "not placed"},
	} {
		for _, s := range settlements {
			require.GreaterOrEqual(t, pairs[placement+" / "+s], 5, "too few of: %s / %s", placement, s)
		}
	}
	for _, kind := range allFaults {
		require.GreaterOrEqual(t, kinds[kind], 3, "too few of fault %s", kind)
	}
}

// placement returns the placement that follows from the response to a post.
func placement(f simulator.Fault) string {
	switch f {
	case simulator.FaultNone, simulator.FaultSlow, simulator.FaultLoseNotifications, simulator.FaultRepeatNotifications:
		return "placed"
	case simulator.FaultRefuse429:
		return "not placed"
	}
	return "unknown"
}

// settlement returns how the end of an attempt became known.
func settlement(a calls.Attempt) string {
	switch a.Placement {
	case calls.NotPlaced:
		return "not placed"
	case calls.PlacementUnknown:
		return "silence"
	}
	return string(a.Source)
}
