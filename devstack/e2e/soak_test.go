package e2e

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"golang.org/x/sync/errgroup"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/devstack/stack"
)

// soaked is a call as the soak plays it, and what is to become of it.
type soaked struct {
	id     string
	bodies [][]byte // notifications, in the order in which they are sent
	late   [][]byte // that come when it is over, and say nothing new
	legs   int
	want   calls.Status
}

// TestSoak plays random calls of 1 to 60 legs through the real dispatcher and the server: numbers in odd spellings,
// duplicates, disorder, some of it early and some when the call is over. Every one must end as the model says, none be
// stuck or terminated, and no notification become a dead letter.
//
// AFTERCALL_TEST_CALLS says how many, AFTERCALL_TEST_SEED repeats a run.
func TestSoak(t *testing.T) {
	n, seed := setting(t, "AFTERCALL_TEST_CALLS", 0), setting(t, "AFTERCALL_TEST_SEED", 11)
	if n == 0 {
		t.Skip("SKIPPED, THE SOAK IS RUN ON DEMAND: AFTERCALL_TEST_CALLS says of how many calls")
	}
	s := start(t, func(o *stack.Options) {
		// A delivery that fails is repeated for half a minute before the next of its call: the call must not be over by then.
		o.Config.CallGrace, o.Config.CallMaxAge, o.Config.ReconcileAfter = 75*time.Second, 15*time.Minute, 15*time.Minute
	})
	began := time.Now()
	all := make([]soaked, n)
	post := func(ctx context.Context, body []byte) error {
		for {
			answer, err := s.Notify(ctx, body)
			switch {
			case err != nil:
				return err
			case answer.Status == http.StatusServiceUnavailable: // the inbox is full: a sender repeats
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
	sent := 0
	senders, ctx := errgroup.WithContext(t.Context())
	senders.SetLimit(4)
	for i := range all {
		all[i] = newSoaked(rand.New(rand.NewPCG(uint64(seed), uint64(i))), i)
		sent += len(all[i].bodies) + len(all[i].late)
		// A backlog would have calls be over before their last notification is delivered: that is what late means.
		require.Eventually(t, func() bool { return metric(t, s, "aftercall_inbox_pending") < 64 }, 5*time.Minute, 20*time.Millisecond)
		senders.Go(func() error {
			for _, b := range all[i].bodies {
				if err := post(ctx, b); err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, senders.Wait())
	posted := time.Since(began)

	count := func(query string) int64 {
		res, err := s.Temporal().CountWorkflow(t.Context(), &workflowservice.CountWorkflowExecutionsRequest{Query: `WorkflowType = "Call" AND ` + query})
		require.NoError(t, err)
		return res.GetCount()
	}
	require.Eventually(t, func() bool { return count(`ExecutionStatus = "Completed"`) == int64(n) },
		5*time.Minute+posted, time.Second, "calls are not over: %d run", count(`ExecutionStatus = "Running"`))
	require.Zero(t, count(`ExecutionStatus IN ("Terminated", "Failed", "TimedOut")`))
	require.Zero(t, count(`TemporalReportedProblems IS NOT NULL`))
	if metric(t, s, "aftercall_dead_letters") > 0 {
		res, err := http.Get(s.AdminURL() + "/inbox/dead-letters")
		require.NoError(t, err)
		defer func() { _ = res.Body.Close() }()
		text, err := io.ReadAll(io.LimitReader(res.Body, 3000))
		require.NoError(t, err)
		t.Fatalf("not all came before the calls were over: %s", text)
	}
	for i, c := range all {
		for _, b := range c.late {
			require.NoError(t, post(t.Context(), b))
		}
		var state calls.CallState
		require.NoError(t, s.Temporal().GetWorkflow(t.Context(), calls.CallWorkflowID(c.id), "").Get(t.Context(), &state))
		require.True(t, state.Final, "seed %d, call %d", seed, i)
		require.Equal(t, c.want, state.Outcome.Status, "seed %d, call %d", seed, i)
		require.Equal(t, calls.SourceNotification, state.Outcome.Source, "seed %d, call %d", seed, i)
		require.Len(t, state.Legs, c.legs, "seed %d, call %d", seed, i)
	}
	require.Eventually(t, func() bool { return metric(t, s, "aftercall_inbox_pending") == 0 }, time.Minute, 100*time.Millisecond)
	require.Zero(t, metric(t, s, "aftercall_dead_letters"))
	require.Equal(t, int64(n), count(`ExecutionStatus = "Completed"`), "what came late began nothing")
	t.Logf("%d calls, %d notifications: posted in %v, over after %v", n, sent, posted.Round(time.Second), time.Since(began).Round(time.Second))
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

// metric is the sum of a metric's series that have a label.
func metric(t *testing.T, s *stack.Stack, name string, label ...string) (sum float64) {
	t.Helper()
	res, err := http.Get(s.AdminURL() + "/metrics")
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
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

// newSoaked makes a call up: of one leg, of several legs to one person, or to up to 60 persons.
func newSoaked(r *rand.Rand, n int) soaked {
	c := soaked{id: fmt.Sprintf("5043a11c-0000-4000-8000-%012d", n), legs: 1}
	people := 1
	switch r.IntN(20) {
	case 0:
		people = 2 + r.IntN(59)
		c.legs = people
	case 1, 2, 3:
		c.legs = 2 + r.IntN(4)
	}
	sids := c.legs > 1 || r.IntN(3) > 0
	ended := time.Now().Add(-time.Minute).Truncate(time.Second)
	last := -1
	for leg := range c.legs {
		number := fmt.Sprintf("+9665%02d%06d", n%90+10, (n*61+leg*min(people-1, 1))%1_000_000)
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
			if r.IntN(3) > 0 {
				say(status, nil)
			}
		}
		end := map[string]any{"completedAt": ended.Add(-time.Duration(at) * -time.Millisecond).Format("2006-01-02T15:04:05.000Z07:00"), "duration": r.IntN(300)}
		say(oddTerminals[ending][r.IntN(len(oddTerminals[ending]))], end)
	}
	for range r.IntN(len(c.bodies) + 1) { // duplicates
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

// spelled writes a Saudi number as somebody might.
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
