package outbound

import (
	"fmt"
	"slices"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

const (
	to      = "+966500000004"
	foreign = "+966500000009"
)

var dayZero = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

// world plays everybody but the machine: the provider, Temporal, the Call workflow, the operator. It keeps its own record
// of all dials and of everything the machine was told, and checks every dial against that record alone.
type world struct {
	t   *rapid.T
	m   *Machine
	in  contract.OutboundCallInput
	now time.Time

	limit     time.Time // of the request; zero: each attempt has its own
	most      int       // attempts without the operator
	placing   *Place
	withdrawn bool // whether the Place under way was withdrawn
	excused   int  // dials that could not be foreseen: the provider had denied the one before
	asked     bool
	lookUps   []LookUp
	tracks    []Track
	window    contract.Window

	seen     map[int]*witness
	grants   map[int]contract.RetryNow // by the attempt they follow
	stops    bool                      // the operator may stop this request
	stopped  bool
	revision int
	steps    int
	happened map[string]bool // the further pairs of mustOccur
}

// witness records what happened to an attempt, and what was reported of it.
type witness struct {
	dials    int // calls that the provider placed, whatever it responded
	fate     calls.Status
	verdicts string // one letter each: n not placed, f final, p placed, u unknown, k worker killed, w a rule delays, r a rule refuses
	callID   string
	told     bool         // CallID comes from the provider itself
	status   calls.Status // the last that the machine was told; "": none
	byLog    bool         // from an entry of the call log about a call known to be ours
	human    bool
	verified bool
	heard    time.Time // the last news of the call
	unknown  time.Time
	silent   bool
	revision int
	begun    time.Time     // first placed, or allowed by a rule
	until    time.Time     // until then a rule delays it
	ended    time.Time     // the first news that it is over
	delay    time.Duration // the shortest delay of the statuses with which it ended
}

func newWorld(t *rapid.T) *world {
	w := &world{t: t, now: dayZero, seen: map[int]*witness{}, grants: map[int]contract.RetryNow{}, happened: map[string]bool{}}
	w.in, w.stops = w.request(), w.chance("stops", 25)
	w.m = New(w.in, w.now)
	if at, err := time.Parse(time.RFC3339, w.in.Request.Deadline); err == nil {
		w.limit = at
	}
	w.handle(Started{})
	return w
}

func (w *world) request() contract.OutboundCallInput {
	req := calls.OutboundCallRequest{ReferenceID: "order-1", To: to, CallerID: "+966110000001", Type: calls.CallTypeTTS}
	if w.chance("deadline", 70) {
		limit := one(w, "deadline", 3*time.Minute, 40*time.Minute, time.Hour, 30*time.Hour)
		req.Deadline = w.now.Add(limit).Format(time.RFC3339)
	}
	if w.chance("not before", 20) {
		at := w.now.Add(one(w, "not before", -time.Hour, time.Minute, 5*time.Hour))
		req.NotBefore = &at
	}
	if w.chance("class", 10) {
		req.Class = calls.ClassAdvertising
	}
	w.most = 1
	if w.chance("retry", 40) {
		w.retry(&req)
	} else if w.chance("failover", 90) {
		req.SecondaryCallerID = "+966110000002"
		req.Failover = &calls.Failover{
			On: []calls.Status{calls.StatusFailed, calls.StatusNoAnswer}, By: calls.FailoverByAftercall,
			MaxAttempts: one(w, "max", 1, 2, 2, 3, 3), Delay: "5s", OnUnknown: calls.OnUnknownAssumePlaced,
		}
		if w.chance("provider", 15) {
			req.Failover.By = calls.FailoverByProvider
		} else {
			w.most = req.Failover.MaxAttempts
		}
		if w.chance("redial", 50) {
			req.Failover.OnUnknown = calls.OnUnknownRedial
		}
	}
	if w.chance("hours", 20) {
		req.CallingHours = &calls.CallingHours{Timezone: "Asia/Riyadh", From: "09:00", To: "22:00"}
	}
	return contract.OutboundCallInput{Request: req, Settings: contract.OutboundSettings{VerifyFailures: w.chance("verify", 70)}}
}

// retry adds a retry policy, which may name statuses that must not be retried.
func (w *world) retry(req *calls.OutboundCallRequest) {
	req.Retry = &calls.Retry{
		MaxAttempts: one(w, "max", 2, 2, 3, 4), CallerID: one(w, "caller", "", calls.RetryCallerSame),
		On: map[calls.Status]string{calls.StatusFailed: one(w, "failed", "0s", "5s", "20m"), calls.StatusNoAnswer: one(w, "no answer", "0s", "30m")},
	}
	w.most = req.Retry.MaxAttempts
	if w.chance("more", 30) {
		req.Retry.On[calls.StatusRejected], req.Retry.On[calls.StatusCompleted] = "1s", "1s"
	}
	if w.chance("second", 50) {
		req.SecondaryCallerID = "+966110000002"
	}
}

// retriesOn returns the delay after which the request's policy retries a status. ok is false if it does not.
func (w *world) retriesOn(s calls.Status) (delay time.Duration, ok bool) {
	req := w.in.Request
	switch {
	case s == calls.StatusRejected && req.Retry != nil, !s.Terminal(), s.Human():
		return 0, false
	case req.Retry != nil:
		delay, err := time.ParseDuration(req.Retry.On[s])
		return delay, err == nil
	case req.Failover != nil:
		delay, err := time.ParseDuration(req.Failover.Delay)
		return delay, err == nil && slices.Contains(req.Failover.On, s)
	}
	return 0, false
}

// below returns a number from 0 to n-1, each as likely as the other for a small n: rapid's own numbers are mostly small ones.
func (w *world) below(n int, label string) int {
	x := 0
	for range 10 {
		x <<= 1
		if rapid.Bool().Draw(w.t, label) {
			x |= 1
		}
	}
	return x * n / 1024
}

func one[T any](w *world, label string, of ...T) T { return of[w.below(len(of), label)] }

func (w *world) chance(label string, percent int) bool { return w.below(100, label) < percent }

func (w *world) verifies() bool { return w.in.Settings.VerifyFailures }

func (w *world) witness(n int) *witness {
	if w.seen[n] == nil {
		w.seen[n] = &witness{}
	}
	return w.seen[n]
}

// handle passes an event to the machine and carries out its commands.
func (w *world) handle(e Event) {
	w.t.Logf("%s %#v", w.now.Format(time.TimeOnly), e)
	for _, c := range w.m.Handle(w.now, e) {
		switch c := c.(type) {
		case Place:
			w.checkDial(c)
			w.noteDial(c)
			w.placing, w.withdrawn = &c, false
		case WithdrawPlace:
			require.Equal(w.t, w.placing.Attempt, c.Attempt)
			w.withdrawn = true
			w.noteWithdrawal(c)
		case CheckHours:
			require.False(w.t, w.asked)
			require.Equal(w.t, CheckHours{Hours: w.in.Request.CallingHours, Class: w.in.Request.Class}, c)
			w.asked = true
		case LookUp:
			w.checkLookUp(c)
			w.lookUps = append(w.lookUps, c)
		case CancelLookUp:
			i := slices.IndexFunc(w.lookUps, func(l LookUp) bool { return l.Attempt == c.Attempt && l.Purpose == c.Purpose })
			require.GreaterOrEqual(w.t, i, 0, "only what is under way is taken back")
			w.lookUps[i].Until = w.now
		case Track:
			w.tracks = append(w.tracks, c)
		case Tell:
			require.Equal(w.t, w.revision+1, c.Outcome.Revision)
			require.NotEmpty(w.t, c.Outcome.Status)
			w.revision++
		}
	}
	if p := w.placing; p != nil && w.now.Before(p.NotAfter) && w.witness(p.Attempt).callID != "" {
		require.True(w.t, w.withdrawn, "attempt %d is known to have been placed, and waits in the dial queue", w.placing.Attempt)
	}
}

// noteWithdrawal records why an attempt is withdrawn from the dial queue.
func (w *world) noteWithdrawal(c WithdrawPlace) {
	why := "the one before did reach somebody"
	switch {
	case c.Proven:
		why = "it was placed"
	case w.stopped:
		why = "nobody wants it any more"
	}
	w.happened["taken back from the queue / "+why] = true
}

// noteDial records what a dial shows of the request's policy.
func (w *world) noteDial(p Place) {
	req := w.in.Request
	switch {
	case w.witness(p.Attempt).verdicts != "":
	case p.Attempt > 1 && req.Retry != nil:
		w.happened["followed by another / a retry"] = true
	case p.Attempt > 1:
		w.happened["followed by another / a failover"] = true
	case req.NotBefore != nil && req.NotBefore.After(dayZero) && w.now.Equal(*req.NotBefore):
		w.happened["first dialled / at its notBefore"] = true
	case req.NotBefore != nil && req.NotBefore.After(dayZero):
		w.happened["first dialled / after it"] = true
	}
}

// checkLookUp checks that the call log is asked by an id that can be trusted.
func (w *world) checkLookUp(l LookUp) {
	a := w.witness(l.Attempt)
	require.True(w.t, l.Until.After(w.now), "a look-up needs time")
	if l.Silence != nil {
		require.Equal(w.t, 3, l.Silence.Answers)
		require.False(w.t, l.Silence.Until.Before(a.unknown.Add(15*time.Minute)), "silence needs time")
	}
	if !a.told {
		require.Equal(w.t, calls.AttemptReferenceID("order-1", l.Attempt), l.ID, "a notification may name any callId")
	}
}

// checkDial checks the promise.
func (w *world) checkDial(p Place) {
	t, n := w.t, p.Attempt
	require.Nil(t, w.placing, "one dial at a time")
	require.False(t, w.stopped, "no dial after a stop")
	w.checkTime(p)
	require.LessOrEqual(t, n, w.most+len(w.grants), "attempts allowed")
	require.Equal(t, calls.AttemptReferenceID("order-1", n), p.ReferenceID)
	for k, a := range w.seen {
		require.False(t, a.human, "attempt %d reached somebody", k)
	}
	for _, v := range w.witness(n).verdicts {
		require.Contains(t, "nw", string(v), "posted again only what was surely not placed")
	}
	require.Empty(t, w.witness(n).callID, "what is known to have been placed is not posted again")
	byProvider := w.in.Request.Failover != nil && w.in.Request.Failover.By == calls.FailoverByProvider
	require.Equal(t, byProvider, p.SecondaryCallerID != "", "either the provider fails over or we do")
	other := w.in.Request.SecondaryCallerID != "" && (w.in.Request.Retry == nil || w.in.Request.Retry.CallerID == "")
	require.Equal(t, n > 1 && !byProvider && other, p.CallerID == "+966110000002")
	if n > 1 && w.witness(n).verdicts == "" {
		require.Empty(t, w.unjustified(n-1), "attempt %d after %+v", n, *w.witness(n - 1))
	}
}

// checkTime checks that an attempt is dialled at its time.
func (w *world) checkTime(p Place) {
	t, req, a := w.t, w.in.Request, w.witness(p.Attempt)
	require.True(t, p.NotAfter.After(w.now), "it has time")
	if w.limit.IsZero() {
		if a.begun.IsZero() {
			a.begun = w.now
		}
		require.False(t, p.NotAfter.After(a.begun.Add(time.Hour)), "each attempt has an hour")
	} else {
		require.True(t, w.now.Before(w.limit) && !p.NotAfter.After(w.limit), "dials only before the deadline")
	}
	require.False(t, req.NotBefore != nil && w.now.Before(*req.NotBefore), "not before its time")
	require.False(t, w.now.Before(a.until), "not before a rule lets it")
	if req.CallingHours != nil || req.Class != "" {
		require.True(t, w.window.Contains(w.now) && !p.NotAfter.After(w.window.ClosesAt), "dials only in calling hours")
	}
	prev := w.witness(p.Attempt - 1)
	// An attempt that is posted again kept the delay at its first post. Later news of the attempt before it may forbid
	// it, but does not postpone it.
	if _, granted := w.grants[p.Attempt-1]; p.Attempt > 1 && !granted && prev.status != "" && a.verdicts == "" {
		require.False(t, w.now.Before(prev.ended.Add(prev.delay)), "the delay is kept")
	}
}

// unjustified returns why attempt n does not justify another one, or "".
func (w *world) unjustified(n int) string {
	a, granted := w.witness(n), false
	g, granted := w.grants[n]
	f := w.in.Request.Failover
	failed := a.status.Terminal() && !a.status.Human()
	switch {
	case granted && g.Force && (failed || a.status == calls.StatusUnknown || a.status == "" && !a.unknown.IsZero()):
		return ""
	case granted && g.Force && !a.heard.IsZero() && !w.now.Before(a.heard.Add(24*time.Hour)):
		return "" // given up by now
	case granted && a.status == "" && a.unknown.IsZero() && a.callID == "":
		return ""
	case !granted && w.revision > 0:
		return "an outcome was told"
	case a.status == "" && !a.unknown.IsZero() && f != nil && f.OnUnknown == calls.OnUnknownRedial && a.silent &&
		!w.now.Before(a.unknown.Add(15*time.Minute)):
		return ""
	case !failed:
		return "it is not known to have failed"
	case !granted && !w.follows(a.status):
		return "not a failure to be followed"
	case w.verifies() && !a.verified && !a.byLog:
		return "not verified"
	}
	return ""
}

func (w *world) follows(s calls.Status) bool {
	_, ok := w.retriesOn(s)
	return ok
}

// resolvePlace ends the PlaceCall under way.
func (w *world) resolvePlace(kind rune) {
	p := *w.placing
	a := w.witness(p.Attempt)
	w.placing = nil
	a.verdicts += string(kind)
	v := Verdict{Attempt: p.Attempt, Placement: calls.PlacementUnknown, Reason: "time-out"}
	dialled := false
	switch kind {
	case 'n':
		v.Placement, v.Reason = calls.NotPlaced, "429"
		v.RetryAfter = one(w, "retry-after", 0, time.Second, 2*time.Minute)
		dialled = w.chance("it did place", 10)
	case 'f':
		v.Placement, v.Final, v.Reason = calls.NotPlaced, true, "403"
		dialled = w.chance("it did place", 10)
	case 'r':
		v.Placement, v.Rule, v.Reason = calls.NotPlaced, calls.RuleSuppressed, "the person is not to be called"
	case 'w':
		v.Placement, v.Rule, v.Reason = calls.NotPlaced, calls.RulePersonGap, "called a short time ago"
		v.NotBefore = w.now.Add(one(w, "until", -time.Second, time.Minute, 90*time.Minute, 20*24*time.Hour))
		a.until = v.NotBefore
		a.begun = maxTime(v.NotBefore, w.now.Add(time.Minute))
	case 'p':
		v.Placement, dialled = calls.Placed, true
	case 'u', 'k': // time-outs, 5xx; a worker killed before or after the provider accepted
		dialled = w.chance("dialled", 50)
	}
	if dialled {
		if a.dials > 0 {
			w.excused++ // the provider had denied that one, and no news of it came before this one was on its way
		}
		a.dials++
		a.fate = one(w, "fate", calls.StatusFailed, calls.StatusFailed, calls.StatusFailed, calls.StatusNoAnswer, w.status())
		if real := fmt.Sprintf("call-%d", p.Attempt); a.callID != real {
			if kind == 'p' && a.callID != "" { // a forged notification was first; it does not count
				a.status, a.byLog, a.verified = "", false, false
			}
			if kind == 'p' || a.callID == "" {
				a.revision = 0
			}
		}
	}
	if kind == 'p' {
		v.CallID = fmt.Sprintf("call-%d", p.Attempt)
		a.callID, a.unknown, a.told, a.heard = v.CallID, time.Time{}, true, w.now
	} else if a.callID == "" && (kind == 'u' || kind == 'k') {
		a.unknown = w.now
	}
	w.handle(v)
}

// update sends a call-update, true or forged, and records it.
func (w *world) update(n int, callID, recipient string, s calls.Status, source calls.Source, final bool) {
	a := w.seen[n]
	revision := 1
	if a != nil {
		revision = a.revision + one(w, "revision", -1, 0, 1, 1, 1, 2)
	}
	c := calls.CallState{
		CallKey: callID, CallID: callID, Revision: revision, Final: final, ReferenceID: calls.AttemptReferenceID("order-1", n),
		Legs: []calls.Leg{{Direction: calls.DirectionOutbound, To: recipient, Status: s, Source: source}},
	}
	if final {
		c.Outcome = &calls.Outcome{CallKey: callID, CallID: callID, Status: s, Source: source, Revision: revision}
	}
	if a != nil && a.verdicts+w.underway(n) != "" && recipient == to {
		a.human = a.human || s.Human()
		w.record(a, n, c, s, source)
	}
	w.handle(Updated{Call: c})
}

// underway returns "-" while the attempt is being placed, else "".
func (w *world) underway(n int) string {
	if w.placing != nil && w.placing.Attempt == n {
		return "-"
	}
	return ""
}

func (w *world) record(a *witness, n int, c calls.CallState, s calls.Status, source calls.Source) {
	if a.callID != "" && a.callID != c.CallID || c.Revision < a.revision {
		return
	}
	a.callID, a.revision, a.unknown, a.heard = c.CallID, c.Revision, time.Time{}, w.now
	if !c.Final {
		return
	}
	w.ended(a, s)
	if a.status != s {
		a.verified, a.byLog = false, false
	}
	trusted := w.m.attempt(n).trusted
	a.status, a.byLog = s, a.byLog || source == calls.SourceCallLog && trusted
}

// ended records when an attempt was first known to be over, and the shortest delay that its endings require.
func (w *world) ended(a *witness, s calls.Status) {
	delay, ok := w.retriesOn(s)
	if a.ended.IsZero() {
		a.ended, a.delay = w.now, delay
	} else if ok {
		a.delay = min(a.delay, delay)
	}
}
