package outbound

import (
	"cmp"
	"slices"
	"time"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

// Machine decides one outbound call request. It is not safe for concurrent use, and its methods never block. Make one with
// New.
type Machine struct {
	policy   policy
	old      bool // see ByRulesOfOld
	attempts []*attempt
	next     *plan              // the attempt to make, or to post again; nil: none
	due      time.Time          // of the attempt planned last: when it is due, if no others waited
	allowed  int                // allowed attempts in total
	grant    *contract.RetryNow // the operator's request for one more, after attempt grant.Attempt

	placing   int // the attempt whose Verdict is outstanding; 0: none
	withdrawn bool
	asking    bool // HoursChecked is outstanding
	window    contract.Window

	stopped   bool
	early     bool // stopped before there was an outcome
	cancelled bool
	stopWhy   string
	dropped   drop

	outcome    *calls.OutboundOutcome
	reportedAt time.Time
	refused    int
	notified   []calls.Notified
	dialling   calls.Dialling // as far as known
	expected   *time.Time     // when the first attempt is expected to be dialled; nil: unknown
	skew       time.Duration  // the error of the clock of the worker that posted last

	out []Command
}

// plan is an attempt that is due at a time.
type plan struct {
	attempt int
	at      time.Time // not earlier
	reason  string
	rule    string // the rule that makes it wait until then
}

// drop is the reason why a plan was given up.
type drop struct {
	status calls.Status
	reason string
	rule   string // of calls.StatusRefused
}

// attempt is one dial.
type attempt struct {
	calls.Attempt
	to        string
	trusted   bool // CallID comes from the provider's API or its call log, not from a notification
	refusal   string
	refused   bool // by a provider until a setting is corrected
	final     bool // not placed, and must not be posted again
	over      bool // the call has ended, or was given up
	human     bool // somebody answered, or seems to have: nothing is dialled after this
	ending    calls.Outcome
	queuedAt  time.Time
	post      int      // number of its next post in the dial ledger; 0 is 1
	claims    []string // claims of that number with an unknown result
	unknownAt time.Time
	heardAt   time.Time
	overAt    time.Time
	revision  int // revision of the Call's last known state
	tracked   bool
	literal   bool      // by the earlier rules, which compare spellings of numbers
	mismatch  bool      // the call reached another number than the one it was placed to
	lost      bool      // the Call workflow cannot tell how it ends; ask the call log
	askedAt   time.Time // when the Call workflow was last asked whether it watches the call
	looking   Purpose   // the LookUp under way
	dropping  bool      // it was cancelled
	lookAt    time.Time
	silent    bool // the call log certainly does not know it
	gaveUp    bool // asked so often that it is not asked again
}

// New returns the machine of a request that started at a time. Its first event is Started.
func New(in contract.OutboundCallInput, start time.Time) *Machine {
	m := &Machine{policy: newPolicy(in, start), expected: in.ExpectedStart}
	if in.Dialling != nil {
		m.dialling = *in.Dialling
	}
	m.allowed = m.policy.attempts
	return m
}

// ByRulesOfOld makes the machine follow the rules of a run that began before today's rules, so that its history replays.
func (m *Machine) ByRulesOfOld() { m.old = true }

// Handle applies an event and returns the commands to carry out now.
func (m *Machine) Handle(now time.Time, e Event) []Command {
	now = now.UTC()
	m.out = nil
	e.apply(m, now)
	m.decide(now)
	return m.out
}

func (m *Machine) do(c Command) { m.out = append(m.out, c) }

func (Started) apply(m *Machine, now time.Time) {
	m.next = &plan{attempt: 1, at: maxTime(now, m.policy.notBefore)}
	m.due = m.next.at
}

func (Ticked) apply(*Machine, time.Time) {}

func (e DiallingChanged) apply(m *Machine, _ time.Time) { m.dialling, m.expected = e.Dialling, nil }

func (e Told) apply(m *Machine, _ time.Time) { m.notified = append(m.notified, e.Notified) }

func (e HoursChecked) apply(m *Machine, now time.Time) {
	m.asking = false
	switch {
	case m.next == nil:
	case e.Problem != "":
		m.giveUp(now, drop{status: calls.StatusNotPlaced, reason: e.Problem})
	default:
		m.window = e.Window
		if e.Window.OpenAt.After(m.next.at) {
			m.postpone(e.Window.OpenAt, cmp.Or(e.Rule, calls.RuleCallingHours))
		}
		if !now.Before(e.Window.ClosesAt) { // the answering worker has another clock
			m.next.at = now.Add(time.Minute)
		}
	}
}

// postpone makes the plan wait until a rule allows it. The attempt's own time begins then.
func (m *Machine) postpone(until time.Time, rule string) {
	m.next.at, m.next.rule = until, rule
	m.due = maxTime(m.due, until)
}

// limit returns the time from which attempt n is not dialled. For an attempt that is not planned yet it is the end of the
// request.
func (m *Machine) limit(n int) time.Time {
	planned := n <= len(m.attempts) || m.next != nil && m.next.attempt == n
	if m.policy.each == 0 || !planned {
		return m.policy.limit
	}
	return minTime(m.policy.limit, m.due.Add(m.policy.each))
}

// Finished reports whether no event can follow that is worth waiting for.
func (m *Machine) Finished(now time.Time) bool {
	if m.outcome == nil || m.next != nil || m.placing != 0 || m.asking || m.verifying() {
		return false
	}
	return !now.Before(m.closeAt())
}

// WakeAt returns when time alone will change something: handle Ticked then.
func (m *Machine) WakeAt(now time.Time) time.Time {
	var at []time.Time
	if m.next != nil && m.placing == 0 && !m.asking {
		at = append(at, m.next.at)
	}
	for _, a := range m.attempts {
		if a.looking == "" && a.wantsSettling() {
			at = append(at, a.lookAt)
		}
		if a.Placement == calls.Placed && !a.over {
			at = append(at, a.heardAt.Add(m.policy.age()), a.askAgainAt())
		}
		if a.Placement == calls.PlacementUnknown {
			at = append(at, m.reportAt(a))
		}
	}
	if m.outcome != nil {
		at = append(at, m.closeAt())
	}
	at = slices.DeleteFunc(at, func(t time.Time) bool { return !t.After(now) })
	if len(at) == 0 {
		return time.Time{}
	}
	return slices.MinFunc(at, time.Time.Compare)
}

// closeAt returns how long a request with an outcome stays open for revisions and for an operator.
func (m *Machine) closeAt() time.Time {
	at := m.reportedAt
	if m.cancelled {
		return at
	}
	s := m.policy.settings
	for _, a := range m.attempts {
		switch {
		case a.Placement == calls.Placed && !a.over:
			at = maxTime(at, a.heardAt.Add(m.policy.age()))
		case a.Placement == calls.Placed:
			at = maxTime(at, maxTime(m.reportedAt, a.heardAt).Add(m.policy.grace()))
		case a.Placement == calls.PlacementUnknown:
			at = maxTime(at, a.unknownAt.Add(s.MaxAge))
		}
	}
	if last := m.last(); last != nil && last.Placement == calls.NotPlaced && !m.stopped {
		if until := minTime(m.reportedAt.Add(s.Grace), m.limit(last.Attempt.Attempt+1)); until.After(at) {
			at = until // the operator may correct the refused setting, and retry
		}
	}
	return at
}

func (m *Machine) last() *attempt {
	if len(m.attempts) == 0 {
		return nil
	}
	return m.attempts[len(m.attempts)-1]
}

func (m *Machine) attempt(n int) *attempt {
	if n < 1 || n > len(m.attempts) {
		return nil
	}
	return m.attempts[n-1]
}

// verifying reports whether a question to the call log about a failure is under way.
func (m *Machine) verifying() bool {
	return slices.ContainsFunc(m.attempts, func(a *attempt) bool { return a.looking == Verify })
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
