package outbound

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

const sequences = 25_000

// TestDialsAtMostOnce plays everything that provider, notifications, call log, workers, operators and time can do, in any
// order, and checks every dial. Then it calms the world down and requires that the request ends.
func TestDialsAtMostOnce(t *testing.T) {
	checks := flag.Lookup("rapid.checks")
	before := checks.Value.String()
	require.NoError(t, checks.Value.Set(fmt.Sprint(sequences)))
	defer func() { require.NoError(t, checks.Value.Set(before)) }()

	pairs := map[string]int{}
	dials := map[int]int{}
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		for range 10 + w.below(80, "steps") {
			if w.over() {
				break
			}
			w.step()
		}
		w.calmDown()
		dials[w.count(pairs)]++
	})
	for _, k := range slices.Sorted(maps.Keys(pairs)) {
		t.Logf("%-28s %6d", k, pairs[k])
	}
	t.Logf("requests by number of dials: %v", dials)
	for _, pair := range mustOccur() {
		require.GreaterOrEqual(t, pairs[pair], 100, "the generator makes too few of: %s", pair)
	}
}

// mustOccur returns the pairs of placement (by the first verdict) and settlement that the generator must reach.
func mustOccur() (out []string) {
	for placement, settlements := range map[string][]string{
		"placed":      {"notification", "call-log", "gave-up"},
		"unknown":     {"notification", "call-log", "gave-up", "silence"},
		"worker lost": {"notification", "call-log", "gave-up", "silence"},
		"not placed":  {"notification", "call-log", "gave-up", "silence", "not placed"},
		"refused":     {"notification", "not placed"},

		"delayed by a rule": {"notification", "silence", "not placed"},
		"refused by a rule": {"notification", "not placed"},

		"taken back from the queue": {"it was placed", "nobody wants it any more", "the one before did reach somebody"},
		"followed by another":       {"a retry", "a failover"},
		"first dialled":             {"at its notBefore", "after it"},
	} {
		for _, s := range settlements {
			out = append(out, placement+" / "+s)
		}
	}
	return out
}

// count records how each attempt was placed and settled, and returns the dials of the request.
func (w *world) count(pairs map[string]int) (dials int) {
	words := map[byte]string{
		'n': "not placed", 'f': "refused", 'p': "placed", 'u': "unknown", 'k': "worker lost", 'w': "delayed by a rule", 'r': "refused by a rule",
	}
	for _, a := range w.m.State().Attempts {
		seen := w.witness(a.Attempt)
		settlement := string(a.Source)
		switch a.Placement {
		case calls.NotPlaced:
			settlement = "not placed"
		case calls.PlacementUnknown:
			settlement = "silence"
		}
		pairs[words[seen.verdicts[0]]+" / "+settlement]++
		dials += seen.dials
	}
	for what := range w.happened {
		pairs[what]++
	}
	require.LessOrEqual(w.t, dials, w.most+len(w.grants)+w.excused, "dials of the request")
	return dials
}

func (w *world) over() bool {
	return w.m.Finished(w.now) && w.placing == nil
}

// step makes one thing happen.
func (w *world) step() {
	w.steps++
	if w.placing != nil && w.chance("place", 60) {
		w.resolvePlace(one(w, "verdict", []rune("nnppppuuuukkkknffwr")...))
		return
	}
	switch what := w.below(100, "what"); {
	case what < 25:
		w.honestUpdate()
	case what < 33:
		w.forgedUpdate()
	case what < 62:
		w.resolveSomething()
	case what < 84:
		if at := w.m.WakeAt(w.now); at.Sub(w.now) < time.Hour || w.chance("long", 10) {
			w.wake()
		}
	case what < 90:
		w.now = w.now.Add(one(w, "wait", time.Second, 20*time.Second, 6*time.Minute, 16*time.Minute))
		w.handle(Ticked{})
	case what < 95:
		w.retryNow()
	case w.stops:
		w.stopped = true
		w.handle(Stopped{Reason: "operator", Cancelled: w.chance("cancelled", 30)})
	}
}

var statuses = []calls.Status{
	calls.StatusQueued, calls.StatusRinging, calls.StatusFailed, calls.StatusFailed, calls.StatusFailed, calls.StatusBusy,
	calls.StatusNoAnswer, calls.StatusRejected, calls.StatusCancelled, calls.StatusAnswered, calls.StatusCompleted,
	calls.StatusCompletedWithFailure, calls.StatusUnknown,
}

func (w *world) status() calls.Status { return one(w, "status", statuses...) }

// honestUpdate reports a call that was placed.
func (w *world) honestUpdate() {
	for n, a := range w.sorted() {
		if a.dials == 0 || !w.chance("this", 70) {
			continue
		}
		s, source := a.fate, calls.SourceNotification
		if w.chance("whatever", 15) {
			s = w.status()
		}
		if w.chance("log", 30) {
			source = calls.SourceCallLog
		}
		final := s.Terminal()
		if s == calls.StatusUnknown && w.chance("gave up", 50) {
			source, final = calls.SourceGaveUp, true
		}
		w.update(n, fmt.Sprintf("call-%d", n), to, s, source, final)
	}
}

func (w *world) sorted() func(func(int, *witness) bool) {
	return func(yield func(int, *witness) bool) {
		for _, n := range slices.Sorted(maps.Keys(w.seen)) {
			if !yield(n, w.seen[n]) {
				return
			}
		}
	}
}

// forgedUpdate reports what did not happen: another call, another recipient, an attempt that was not made.
func (w *world) forgedUpdate() {
	recipient := one(w, "recipient", to, to, foreign)
	callID := one(w, "forged", "forged", "call-1", "call-2")
	s := w.status()
	w.update(1+w.below(4, "attempt"), callID, recipient, s, calls.SourceNotification, s.Terminal())
}

func (w *world) wake() {
	if at := w.m.WakeAt(w.now); !at.IsZero() {
		require.True(w.t, at.After(w.now))
		w.now = at
	}
	w.handle(Ticked{})
}

func (w *world) retryNow() {
	s := w.m.State()
	r := contract.RetryNow{Attempt: max(len(s.Attempts)-w.below(6, "which")/5, 1), Reason: "try", Force: w.chance("force", 60)}
	if w.m.CheckRetry(w.now, r) != nil {
		w.handle(RetryAsked{r}) // a second check: it must have no effect
		return
	}
	w.grants[r.Attempt] = r
	w.handle(RetryAsked{r})
}

// resolveSomething answers a command other than Place.
func (w *world) resolveSomething() {
	switch {
	case w.asked:
		w.asked = false
		hours := calls.CallingHours{Timezone: "Asia/Riyadh", From: "09:00", To: "22:00"}
		if h := w.in.Request.CallingHours; h != nil {
			hours = *h
		}
		open, err := NextWindow(hours, w.now)
		require.NoError(w.t, err)
		w.window = open
		if n := len(w.m.attempts); open.OpenAt.After(w.now) {
			for _, k := range []int{n, n + 1} {
				a := w.witness(max(k, 1))
				a.begun = maxTime(a.begun, open.OpenAt)
			}
		}
		w.handle(HoursChecked{Window: open})
	case len(w.tracks) > 0 && w.chance("tracked", 30):
		track := w.tracks[0]
		w.tracks = w.tracks[1:]
		w.handle(Tracked{Attempt: track.Attempt})
	case len(w.lookUps) > 0:
		i := w.below(len(w.lookUps), "look-up")
		l := w.lookUps[i]
		w.lookUps = slices.Delete(w.lookUps, i, i+1)
		w.answer(l)
	}
}

// answer answers a look-up: correctly, or not at all, or from a log that lags.
func (w *world) answer(l LookUp) {
	a := w.witness(l.Attempt)
	e := LookedUp{Attempt: l.Attempt, Purpose: l.Purpose, Answer: NoAnswer}
	kind := w.below(10, "answer")
	switch {
	case kind < 6 && (a.dials > 0 || l.Purpose == Verify):
		w.found(l, a, &e)
	case kind < 9 && l.Silence != nil:
		w.now = maxTime(w.now, l.Silence.Until)
		e.Answer = SurelyNotFound
		a.silent = a.silent || l.Purpose == Settle && !w.now.Before(a.unknown.Add(15*time.Minute))
	default:
		w.now = maxTime(w.now, l.Until)
	}
	w.handle(e)
}

func (w *world) found(l LookUp, a *witness, e *LookedUp) {
	s := a.fate
	if s == "" || w.chance("whatever", 20) {
		s = w.status()
	}
	if !l.AcceptNonTerminal && !s.Terminal() {
		s = calls.StatusFailed
	}
	real := fmt.Sprintf("call-%d", l.Attempt)
	e.Answer = Found
	e.Events = []calls.StatusEvent{
		{CallID: "other", To: foreign, Status: calls.StatusCompleted}, // foreign: does not count
		{CallID: real, To: to, Status: s, Source: calls.SourceCallLog},
	}
	byProvider := w.in.Request.Failover != nil && w.in.Request.Failover.By == calls.FailoverByProvider
	current := w.m.attempt(l.Attempt)
	switch {
	case current.looking != l.Purpose:
	case l.Purpose == Verify:
		if failing := current.over && failure(current.Status); failing {
			a.human, a.verified = a.human || s.Human(), !s.Human()
		}
	case current.Placement == calls.PlacementUnknown:
		a.human, a.callID, a.unknown, a.told, a.heard = a.human || s.Human(), real, time.Time{}, true, w.now
		if s.Terminal() && (!byProvider || s != calls.StatusFailed) {
			a.status, a.byLog = s, true
			w.ended(a, s)
		}
	}
}

// calmDown ends the random part: it answers everything outstanding, and lets time pass until the request is finished.
func (w *world) calmDown() {
	for i := 0; !w.over(); i++ {
		require.Less(w.t, i, 400, "the request does not come to an end: %s", strings.TrimSpace(w.m.waiting()))
		switch {
		case w.placing != nil:
			w.resolvePlace(one(w, "verdict", []rune("pukfr")...))
		case w.asked || len(w.lookUps) > 0 && i%3 == 0:
			w.resolveSomething()
		default:
			w.wake()
		}
	}
	require.NotNil(w.t, w.m.Outcome(), "a request that is finished has an outcome")
}
