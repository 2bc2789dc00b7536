package activities_test

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"

	"github.com/aftercall/aftercall/activities"
	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/intake"
	"github.com/aftercall/aftercall/internal/ledger"
	"github.com/aftercall/aftercall/internal/outbound"
	"github.com/aftercall/aftercall/internal/rules"
	"github.com/aftercall/aftercall/internal/unifonic"
)

// The month of Ramadan that is simulated. The clocks of both zones go forward in it, on 8 March.
const (
	ramadanBegins = "2026-02-18"
	ramadanEnds   = "2026-03-19"
	monthRequests = 10_000
	monthCap      = 2
	monthGap      = 4 * time.Hour
)

var monthZones = []string{"America/New_York", "America/St_Johns"}

// month is a simulated month: requests at any time, the real policy and rules, and a provider
// that keeps its own record and knows the rules in its own words.
type month struct {
	t       *testing.T
	now     time.Time
	chance  *rand.Rand
	riyadh  *time.Location
	suite   testsuite.WorkflowTestSuite
	dial    *activities.Dial
	book    *memoryBook
	events  events
	asked   map[string]*monthRequest // by referenceId
	stopped map[string][]stopped     // by number
	dialled map[string][]time.Time   // by number
	refused map[string]int           // by rule
	ended   map[calls.Status]int
	dials   int
}

// monthRequest is a request and its machine.
type monthRequest struct {
	req      calls.OutboundCallRequest
	machine  *outbound.Machine
	attempts map[string]int // dials of each attempt
	declined bool
}

// stopped is that a person asked not to be called.
type stopped struct {
	scope       string
	since, till time.Time
}

// events are what happens, by time.
type events []event

type event struct {
	at time.Time
	do func()
}

func (e events) Len() int           { return len(e) }
func (e events) Less(i, j int) bool { return e[i].at.Before(e[j].at) }
func (e events) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)        { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	old := *e
	last := old[len(old)-1]
	*e = old[:len(old)-1]
	return last
}

func (m *month) at(at time.Time, do func()) { heap.Push(&m.events, event{at, do}) }

// TestAMonthOfRamadan asks for 10,000 calls of all classes in a month of Ramadan, to people of two zones whose clocks
// change. No dial breaks a rule, and whatever is refused names the rule.
func TestAMonthOfRamadan(t *testing.T) {
	m := newMonth(t)
	first, err := time.ParseInLocation(time.DateOnly, ramadanBegins, m.riyadh)
	require.NoError(t, err)
	m.now = first.Add(-36 * time.Hour) // in time for the day before
	for n := range 150 {
		m.at(m.now.Add(m.within(32*24*time.Hour)), func() { m.suppress(n) })
	}
	for n := range monthRequests {
		m.at(m.now.Add(m.within(33*24*time.Hour)), func() { m.ask(n) })
	}
	for m.events.Len() > 0 {
		e := heap.Pop(&m.events).(event)
		if e.at.After(m.now) {
			m.now = e.at
		}
		e.do()
	}
	m.report()
}

func newMonth(t *testing.T) *month {
	t.Helper()
	m := &month{
		t: t, chance: rand.New(rand.NewPCG(1447, 9)),
		asked: map[string]*monthRequest{}, stopped: map[string][]stopped{}, dialled: map[string][]time.Time{},
		refused: map[string]int{}, ended: map[calls.Status]int{},
	}
	var err error
	m.riyadh, err = time.LoadLocation("Asia/Riyadh")
	require.NoError(t, err)
	m.book = &memoryBook{claims: map[string]bool{}, dials: map[string]map[string]ledger.Dial{}, suppressed: map[string]ledger.Suppression{}}
	m.dial = &activities.Dial{API: m, Ledger: m.book, Rules: activities.DialRules{
		Rules: rules.Rules{
			Prefixes: []string{"+1", "+966"}, CallerIDs: []string{"+966110000001", "+966110000002"}, Country: rules.SaudiArabia,
			PersonDaily: monthCap, PersonGap: monthGap, Zone: m.riyadh,
		},
		Book: m.book, Hash: plainHash{},
	}, Now: func() time.Time { return m.now }}
	m.suite.SetLogger(sdklog.NewStructuredLogger(slog.New(slog.NewTextHandler(io.Discard, nil))))
	return m
}

func (m *month) within(d time.Duration) time.Duration {
	return time.Duration(m.chance.Int64N(int64(d)))
}

func (m *month) of(percent int) bool { return m.chance.IntN(100) < percent }

// number is a person's: so few that they are called often.
func (m *month) number(n int) string { return fmt.Sprintf("+1709555%04d", n%1200) }

func (m *month) suppress(n int) {
	number, s := m.number(n*7), ledger.Suppression{Scope: rules.ScopeAll, Since: m.now.UTC()}
	if m.of(40) {
		s.Scope = calls.ClassAdvertising
	}
	told := stopped{scope: s.Scope, since: m.now}
	if m.of(30) {
		until := m.now.Add(m.within(10 * 24 * time.Hour)).UTC()
		s.Until, told.till = &until, until
	}
	m.book.suppressed[plainHash{}.Phone(number)] = s
	for i := range m.stopped[number] { // the later word counts
		if old := &m.stopped[number][i]; old.till.IsZero() || old.till.After(m.now) {
			old.till = m.now
		}
	}
	m.stopped[number] = append(m.stopped[number], told)
}

// request is one of any kind.
func (m *month) request(n int) calls.OutboundCallRequest {
	req := calls.OutboundCallRequest{
		ReferenceID: fmt.Sprintf("month-%d", n), To: m.number(m.chance.IntN(1200)), CallerID: "+966110000001", Type: calls.CallTypeTTS,
		TTS: &calls.TTS{Text: "hello"}, Class: rules.Classes()[m.chance.IntN(4)],
	}
	if m.of(25) {
		req.Class = ""
	}
	if m.of(90) {
		req.ConsentRef = "crm:1"
	}
	switch {
	case m.of(2):
		req.To = "+442079460000"
	case m.of(2):
		req.CallerID = "+966110000009"
	}
	if m.of(60) {
		from := m.chance.IntN(24)
		req.CallingHours = &calls.CallingHours{
			Timezone: monthZones[m.chance.IntN(2)], From: fmt.Sprintf("%02d:30", from), To: fmt.Sprintf("%02d:15", (from+4+m.chance.IntN(16))%24),
		}
	}
	switch m.chance.IntN(3) {
	case 0:
		req.Deadline = "6h"
	case 1:
		req.Deadline = "72h"
	}
	if m.of(20) {
		at := m.now.Add(m.within(5 * time.Hour))
		req.NotBefore = &at
	}
	if m.of(50) {
		req.Retry = &calls.Retry{MaxAttempts: 3, On: map[calls.Status]string{
			calls.StatusNoAnswer: "30m", calls.StatusBusy: "5m", calls.StatusFailed: "0s",
		}}
	}
	return req
}

// ask accepts a request as the API does, or refuses it by the name of a rule.
func (m *month) ask(n int) {
	asked, fault := intake.OutboundCall(m.request(n), m.now)
	require.NoError(m.t, fault)
	if err := asked.Ruled(m.dial.Rules.Rules, nil); err != nil {
		faults, ok := errors.AsType[*intake.Errors](err)
		require.True(m.t, ok)
		require.NotEmpty(m.t, faults.Fields[0].Rule)
		m.refused["422 "+faults.Fields[0].Rule]++
		return
	}
	in := contract.OutboundCallInput{Request: asked.Request}
	r := &monthRequest{req: asked.Request, machine: outbound.New(in, m.now), attempts: map[string]int{}}
	m.asked[r.req.ReferenceID] = r
	m.happened(r, outbound.Started{})
}

// happened tells a machine what happened, does what it wants done, and wakes it when it asks for that.
func (m *month) happened(r *monthRequest, e outbound.Event) {
	for _, c := range r.machine.Handle(m.now, e) {
		switch c := c.(type) {
		case outbound.Place:
			m.at(m.now.Add(m.within(20*time.Minute)), func() { m.happened(r, m.place(r, c)) }) // in the dial queue
		case outbound.CheckHours:
			m.at(m.now, func() { m.happened(r, m.hours(c)) })
		case outbound.LookUp:
			m.at(c.Until, func() {
				m.happened(r, outbound.LookedUp{Attempt: c.Attempt, Purpose: c.Purpose, Answer: outbound.NoAnswer})
			})
		case outbound.Tell:
			m.told(r, c.Outcome)
		}
	}
	if at := r.machine.WakeAt(m.now); !at.IsZero() && r.machine.Outcome() == nil {
		m.at(at, func() { m.happened(r, outbound.Ticked{}) })
	}
}

func (m *month) told(r *monthRequest, o calls.OutboundOutcome) {
	if o.Status == calls.StatusRefused {
		require.NotEmpty(m.t, o.Rule, "every refusal names its rule")
		require.Contains(m.t, o.FailureReason, o.Rule)
		m.refused[o.Rule]++
	}
	for _, a := range r.machine.State().Attempts {
		if a.Placement == calls.Placed {
			require.Equal(m.t, calls.RuleAllowed, a.Rule, "every dial names its rule")
		}
	}
	m.ended[o.Status]++
}

func (m *month) hours(c outbound.CheckHours) outbound.Event {
	var h calls.CallingHours
	if c.Hours != nil {
		h = *c.Hours
	}
	w, rule, err := m.dial.Rules.Rules.Next(h, c.Class, m.now)
	if err != nil {
		return outbound.HoursChecked{Problem: err.Error()}
	}
	return outbound.HoursChecked{Window: w, Rule: rule}
}

// place runs the real activity, and later says how the call ended.
func (m *month) place(r *monthRequest, p outbound.Place) outbound.Event {
	if !m.now.Before(p.NotAfter) {
		return outbound.Verdict{Attempt: p.Attempt, Placement: calls.NotPlaced, Reason: "it did not leave the dial queue in time"}
	}
	env := m.suite.NewTestActivityEnvironment()
	env.RegisterActivity(m.dial)
	v, err := env.ExecuteActivity(m.dial.PlaceCall, contract.PlaceCallInput{
		Request: r.req, ReferenceID: p.ReferenceID, CallerID: p.CallerID, NotAfter: p.NotAfter, OriginalRunID: testRun, Post: p.Post, Claims: p.Claims,
	})
	require.NoError(m.t, err)
	var res contract.PlaceCallResult
	require.NoError(m.t, v.Get(&res))
	if res.Placement == calls.Placed {
		m.at(m.now.Add(m.within(time.Minute)), func() { m.happened(r, m.ending(r, p, res.CallID)) })
	}
	e := outbound.Verdict{
		Attempt: p.Attempt, Placement: res.Placement, CallID: res.CallID, Final: res.Final, RetryAfter: res.RetryAfter, Reason: res.Reason,
		Post: res.Post, Claims: res.Claims, Rule: res.Rule,
	}
	if res.NotBefore != nil {
		e.NotBefore = *res.NotBefore
	}
	return e
}

// ending is what the Call workflow says of a call that is over.
func (m *month) ending(r *monthRequest, p outbound.Place, callID string) outbound.Event {
	s := []calls.Status{
		calls.StatusCompleted, calls.StatusCompleted, calls.StatusNoAnswer, calls.StatusBusy, calls.StatusFailed, calls.StatusRejected,
	}[m.chance.IntN(6)]
	r.declined = r.declined || s == calls.StatusRejected
	return outbound.Updated{Call: calls.CallState{
		CallKey: callID, CallID: callID, Final: true, Revision: 1, ReferenceID: p.ReferenceID,
		Legs:    []calls.Leg{{To: r.req.To, Status: s, Source: calls.SourceNotification}},
		Outcome: &calls.Outcome{CallKey: callID, CallID: callID, Status: s, Source: calls.SourceNotification},
	}}
}

// CreateCall is the provider. It sees every dial, and holds it to the rules as the terms say them.
func (m *month) CreateCall(_ context.Context, c unifonic.CreateCallRequest) (unifonic.CreatedCall, error) {
	t, now := m.t, m.now
	base, _, _ := strings.Cut(c.ReferenceID, "-a")
	r := m.asked[base]
	if m.of(8) {
		return unifonic.CreatedCall{}, &unifonic.CallError{Verdict: unifonic.VerdictNotPlaced, StatusCode: 429, RetryAfter: time.Second}
	}
	r.attempts[c.ReferenceID]++
	require.Equal(t, 1, r.attempts[c.ReferenceID], "one dial for each attempt")
	require.False(t, r.declined, "nobody who declined is called again")
	require.True(t, strings.HasPrefix(c.To, "+1"))
	require.Equal(t, "+966110000001", c.CallerID)
	if r.req.NotBefore != nil {
		require.False(t, now.Before(*r.req.NotBefore))
	}
	m.checkHours(r.req, now)
	for _, s := range m.stopped[c.To] {
		held := s.scope == rules.ScopeAll || s.scope == r.req.Class
		require.False(t, held && !now.Before(s.since) && (s.till.IsZero() || now.Before(s.till)), "a dial to a suppressed number")
	}
	today := 0
	for _, d := range m.dialled[c.To] {
		require.GreaterOrEqual(t, now.Sub(d), monthGap, "too short after the dial before")
		if d.In(m.riyadh).Format(time.DateOnly) == now.In(m.riyadh).Format(time.DateOnly) {
			today++
		}
	}
	require.Less(t, today, monthCap, "too many dials on a day")
	m.dialled[c.To] = append(m.dialled[c.To], now)
	m.dials++
	if m.of(3) {
		return unifonic.CreatedCall{}, errors.New("the answer was lost")
	}
	return unifonic.CreatedCall{CallID: "call-" + c.ReferenceID}, nil
}

// checkHours holds a dial to the hours of its request and of its class.
func (m *month) checkHours(req calls.OutboundCallRequest, now time.Time) {
	if h := req.CallingHours; h != nil {
		zone, err := time.LoadLocation(h.Timezone)
		require.NoError(m.t, err)
		shown := now.In(zone).Format("15:04")
		within := h.From <= shown && shown < h.To || h.To < h.From && (shown >= h.From || shown < h.To)
		require.True(m.t, within, "%s is not within %s to %s", now.In(zone), h.From, h.To)
	}
	if req.Class == calls.ClassAdvertising {
		require.NotEmpty(m.t, req.ConsentRef)
	}
	if req.Class != calls.ClassAdvertising && req.Class != calls.ClassAwareness {
		return
	}
	local := now.In(m.riyadh)
	date, hour := local.Format(time.DateOnly), local.Hour()
	ramadan := ramadanBegins <= date && date <= ramadanEnds
	besides := local.AddDate(0, 0, 1).Format(time.DateOnly) == ramadanBegins || local.AddDate(0, 0, -1).Format(time.DateOnly) == ramadanEnds
	require.False(m.t, (ramadan || besides) && hour >= 1 && hour < 12, "%s is a morning of Ramadan", local)
	require.False(m.t, !ramadan && (hour >= 22 || hour < 9), "%s is at night", local)
}

// report sees that every request came to an end, and shows the figures.
func (m *month) report() {
	for ref, r := range m.asked {
		require.NotNil(m.t, r.machine.Outcome(), "%s: %s", ref, r.machine.State().Waiting)
	}
	m.t.Logf("%d requests, %d dials, outcomes %v", monthRequests, m.dials, m.ended)
	for _, rule := range slices.Sorted(maps.Keys(m.refused)) {
		m.t.Logf("refused by %-16s %5d", rule, m.refused[rule])
	}
	for _, rule := range []string{
		"422 prefix", "422 caller-id", "422 consent", calls.RuleSuppressed, calls.RulePersonDaily, calls.RulePersonGap, calls.RuleClassHours,
		calls.RuleCallingHours,
	} {
		require.Positive(m.t, m.refused[rule], "nothing was refused by %s", rule)
	}
	require.Greater(m.t, m.dials, monthRequests/4)
}

// memoryBook is a ledger in memory: that of a month, written to a disk, takes minutes.
type memoryBook struct {
	claims     map[string]bool
	dials      map[string]map[string]ledger.Dial
	suppressed map[string]ledger.Suppression
}

func (b *memoryBook) Claim(_ context.Context, p ledger.Post) (ledger.Post, error) {
	p.Number = max(p.Number, 1)
	name := fmt.Sprintf("%s#%d", p.Attempt, p.Number)
	if b.claims[name] {
		return p, ledger.ErrTaken
	}
	b.claims[name] = true
	return p, nil
}

func (b *memoryBook) Suppression(_ context.Context, hash string) (ledger.Suppression, error) {
	s, ok := b.suppressed[hash]
	if !ok {
		return s, ledger.ErrNotSuppressed
	}
	return s, nil
}

func (b *memoryBook) Dials(_ context.Context, hash string) ([]ledger.Dial, error) {
	return slices.Collect(maps.Values(b.dials[hash])), nil
}

func (b *memoryBook) Count(_ context.Context, hash string, d ledger.Dial) error {
	name := fmt.Sprintf("%s-%d", d.Date, d.N)
	if b.dials[hash] == nil {
		b.dials[hash] = map[string]ledger.Dial{}
	}
	if _, ok := b.dials[hash][name]; ok {
		return ledger.ErrTaken
	}
	b.dials[hash][name] = d
	return nil
}

func (b *memoryBook) Uncount(_ context.Context, hash string, d ledger.Dial) error {
	delete(b.dials[hash], fmt.Sprintf("%s-%d", d.Date, d.N))
	return nil
}
