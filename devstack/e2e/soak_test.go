package e2e

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/devstack/stack"
)

// soaked is a call of the soak, with its expected result.
type soaked struct {
	id     string
	bodies [][]byte // notifications, in the order in which they are sent
	late   [][]byte // sent after all others, without news
	people int
	legs   int
	want   calls.Status
}

// told reports whether a call has received everything sent. With several people it cannot know that all have reported, so
// its outcome comes after grace.
func (c soaked) told(state calls.CallState, over bool) bool {
	return len(state.Legs) == c.legs && !slices.ContainsFunc(state.Legs, func(l calls.Leg) bool { return !l.Status.Terminal() }) &&
		(state.Final || c.people > 1 && !over)
}

// judge compares the state of a call with the model.
func (c soaked) judge(t *testing.T, state calls.CallState, which string) {
	t.Helper()
	if !state.Final {
		return
	}
	require.Equal(t, c.want, state.Outcome.Status, which)
	require.Equal(t, calls.SourceNotification, state.Outcome.Source, which)
	require.False(t, state.Outcome.Partial && c.people == 1, which)
}

// TestSoak plays random calls of 1 to 60 legs through the real dispatcher and the server: numbers in odd spellings,
// duplicates, disorder, early and late notifications. Every call must end as in the model, none may be stuck or
// terminated, and no notification may become a dead letter.
//
// AFTERCALL_TEST_CALLS=20000 makes that many calls and waits until they are over, AFTERCALL_TEST_SEED repeats a run.
func TestSoak(t *testing.T) {
	n, seed := setting(t, "AFTERCALL_TEST_CALLS", 0), setting(t, "AFTERCALL_TEST_SEED", 11)
	grace, long := time.Hour, n > 0
	if long {
		grace = 5 * time.Minute // much longer than the wait in the inbox, lest a call end before all of it has arrived
	} else {
		n = 40
	}
	s := start(t, func(o *stack.Options) {
		o.Config.CallGrace, o.Config.CallMaxAge, o.Config.ReconcileAfter = grace, 2*time.Hour, 2*time.Hour
		o.Temporal.DataFile = filepath.Join(t.TempDir(), "temporal.db")
	})
	began := time.Now()
	all := make([]soaked, n)
	for i := range all {
		all[i] = newSoaked(rand.New(rand.NewPCG(uint64(seed), uint64(i))), i)
	}
	sent := soak(t, s, all, func(c soaked) [][]byte { return c.bodies })
	posted := time.Since(began)

	if long {
		require.Eventually(t, func() bool { return countCalls(t, s, `ExecutionStatus = "Completed"`) == n }, grace+posted+5*time.Minute, time.Second, "calls are not over")
		t.Logf("%d calls are over after %v", n, time.Since(began).Round(time.Second))
	}
	sent += soak(t, s, all, func(c soaked) [][]byte { return c.late })
	require.Eventually(t, func() bool { return metric(t, s, "aftercall_inbox_pending") == 0 }, 5*time.Minute, 100*time.Millisecond)
	require.Zero(t, countCalls(t, s, `ExecutionStatus NOT IN ("Running", "Completed")`))
	require.Zero(t, countCalls(t, s, `TemporalReportedProblems IS NOT NULL`))
	if metric(t, s, "aftercall_dead_letters") > 0 {
		t.Fatalf("notifications are dead letters: %.3000s", deadLetters(t, s))
	}
	for i, c := range all {
		var state calls.CallState
		which := fmt.Sprintf("seed %d, call %d", seed, i)
		if long {
			require.NoError(t, s.Temporal().GetWorkflow(t.Context(), calls.CallWorkflowID(c.id), "").Get(t.Context(), &state))
			require.True(t, c.told(state, true), which)
		} else {
			require.Eventually(t, func() bool { _, state = getCall(t, s, c.id, ""); return c.told(state, false) }, time.Minute, 100*time.Millisecond, which)
		}
		c.judge(t, state, which)
	}
	if long {
		require.Equal(t, n, countCalls(t, s, `ExecutionStatus = "Completed"`), "what came late began nothing")
	}
	t.Logf("%d calls, %d notifications: posted in %v, judged after %v", n, sent, posted.Round(time.Second), time.Since(began).Round(time.Second))
	const tasks = "temporal_workflow_task_execution_latency_seconds"
	done, within := metric(t, s, tasks+"_count", `workflow_type="Call"`), metric(t, s, tasks+"_bucket", `workflow_type="Call"`, `le="0.25"`)
	t.Logf("%.0f tasks of calls, %.2f ms each, %.0f of them above 250 ms", done, 1000*metric(t, s, tasks+"_sum", `workflow_type="Call"`)/done, done-within)
}

// soak posts the selected notifications of each call, many calls at a time, and never so many that they wait for long.
func soak(t *testing.T, s *stack.Stack, all []soaked, of func(soaked) [][]byte) (sent int) {
	t.Helper()
	const most = 500
	var senders sync.WaitGroup
	next := make(chan soaked)
	for range 32 {
		senders.Go(func() {
			for c := range next {
				for _, body := range of(c) {
					if err := post(t.Context(), s, body); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	for i, c := range all {
		if i%20 == 0 {
			require.Eventually(t, func() bool { return metric(t, s, "aftercall_inbox_pending") < most }, 5*time.Minute, 200*time.Millisecond)
		}
		next <- c
		sent += len(of(c))
	}
	close(next)
	senders.Wait()
	return sent
}

// post posts a notification until the inbox has room for it, as a provider does.
func post(ctx context.Context, s *stack.Stack, body []byte) error {
	for {
		answer, err := s.Notify(ctx, body)
		switch {
		case err != nil:
			return err
		case answer.Status == http.StatusServiceUnavailable:
			select {
			case <-time.After(20 * time.Millisecond):
			case <-ctx.Done():
				return ctx.Err()
			}
		case answer.Status != http.StatusOK:
			return fmt.Errorf("webhook answers %d: %s", answer.Status, answer.Body)
		default:
			return nil
		}
	}
}

// countCalls counts calls by a query of Temporal.
func countCalls(t *testing.T, s *stack.Stack, query string) int {
	t.Helper()
	res, err := s.Temporal().CountWorkflow(t.Context(), &workflowservice.CountWorkflowExecutionsRequest{Query: `WorkflowType = "Call" AND ` + query})
	require.NoError(t, err)
	return int(res.GetCount())
}

// deadLetters returns the operator's list of dead letters.
func deadLetters(t *testing.T, s *stack.Stack) string {
	t.Helper()
	res, err := http.Get(s.AdminURL() + "/inbox/dead-letters")
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return string(text)
}

func setting(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, name)
	return n
}

// metric returns the sum of a metric's series with a label.
func metric(t *testing.T, s *stack.Stack, name string, label ...string) (sum float64) {
	t.Helper()
	for line := range strings.Lines(adminMetrics(t, s)) {
		fields := strings.Fields(line)
		if len(fields) != 2 || fields[0] != name && !strings.HasPrefix(fields[0], name+"{") {
			continue
		}
		if !slices.ContainsFunc(label, func(l string) bool { return !strings.Contains(line, l) }) {
			v, err := strconv.ParseFloat(fields[1], 64)
			require.NoError(t, err)
			sum += v
		}
	}
	return sum
}

var (
	endings      = []string{"COMPLETED", "BUSY", "NO_ANSWER", "REJECTED", "CANCELLED", "FAILED"}
	oddTerminals = map[string][]string{
		"COMPLETED": {"COMPLETED", "completed"}, "BUSY": {"BUSY", "Busy"}, "NO_ANSWER": {"NO_ANSWER", "no-answer", "TIMEOUT", "Missed"},
		"REJECTED": {"REJECTED", "DECLINED"}, "CANCELLED": {"CANCELLED", "canceled"}, "FAILED": {"FAILED", "Unreachable", "congestion"},
	}
)

// newSoaked makes up a call: of one leg, of several legs to one person, or to up to 60 persons.
func newSoaked(r *rand.Rand, n int) soaked {
	c := soaked{id: fmt.Sprintf("5043a11c-0000-4000-8000-%012d", n), people: 1, legs: 1}
	switch {
	case n%100 == 0:
		c.people = 2 + r.IntN(59)
		c.legs = c.people
	case r.IntN(10) == 0:
		c.legs = 2 + r.IntN(4)
	}
	sids := c.legs > 1 || r.IntN(3) > 0
	ended := time.Now().Add(-time.Minute).Truncate(time.Second)
	last := -1
	for leg := range c.legs {
		number := fmt.Sprintf("+9665%02d%06d", n%90+10, (n*61+leg*min(c.people-1, 1))%1_000_000)
		ending := endings[r.IntN(len(endings))]
		at := (leg*7919 + r.IntN(7)*c.legs*7919) % 50_000 // none ends at the time of another
		if at > last {
			last, c.want = at, calls.Status(ending)
		}
		say := func(status string, more map[string]any) {
			n := map[string]any{
				"status": status, "to": spelled(r, number), "callSid": nil, "initiatedAt": ended.Add(-time.Hour).Unix(), "completedAt": nil,
				"duration": 0, "referenceId": "soak",
			}
			if sids {
				n["callSid"] = fmt.Sprintf("%s-leg%d", c.id, leg)
			}
			for k, v := range more {
				n[k] = v
			}
			c.bodies = append(c.bodies, notification(c.id, n))
		}
		for _, status := range []string{"QUEUED", "INITIATED", "RINGING", "ANSWERED"} {
			if r.IntN(3) == 0 {
				say(status, nil)
			}
		}
		end := map[string]any{"completedAt": ended.Add(-time.Duration(at) * -time.Millisecond).Format("2006-01-02T15:04:05.000Z07:00"), "duration": r.IntN(300)}
		say(oddTerminals[ending][r.IntN(len(oddTerminals[ending]))], end)
	}
	for range r.IntN(len(c.bodies)/2 + 2) { // duplicates
		c.bodies = append(c.bodies, c.bodies[r.IntN(len(c.bodies))])
	}
	if r.IntN(4) > 0 {
		r.Shuffle(len(c.bodies), func(i, j int) { c.bodies[i], c.bodies[j] = c.bodies[j], c.bodies[i] })
	}
	if r.IntN(10) == 0 {
		c.late = append(c.late, c.bodies[r.IntN(len(c.bodies))])
	}
	return c
}

// spelled writes a Saudi number in a random spelling.
func spelled(r *rand.Rand, number string) any {
	national := strings.TrimPrefix(number, "+966")
	return cmp.Or([]any{
		number, "00966" + national, "966" + national, "0" + national, "sip:" + number + "@carrier.example", "tel:" + number,
		"+966 (0)" + national, arabic(number), number[:6] + " " + number[6:],
	}[r.IntN(9)], any(number))
}

func arabic(number string) string {
	return strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' {
			return '٠' + c - '0'
		}
		return c
	}, number)
}
