package outbound

import (
	"cmp"
	"slices"
	"time"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

// Machine is one outbound call request on its way to an outcome. It is not safe for concurrent use; its methods never
// block. Make one with New.
type Machine struct {
	policy   policy
	old      bool // see ByRulesOfOld
	attempts []*attempt
	next     *plan              // the attempt to be made, or to be posted again; nil: none
	due      time.Time          // of the attempt planned last: when it is to be made, were it not for others that wait
	allowed  int                // attempts that may be made in all
	grant    *contract.RetryNow // the operator's word for one more, after attempt grant.Attempt

	placing   int // the attempt whose Verdict is awaited; 0: none
	withdrawn bool
	asking    bool // HoursChecked is awaited
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
	dialling   calls.Dialling // as far as we were told
	skew       time.Duration  // of the clock of the worker that posted last

	out []Command
}

// plan is an attempt that is to be made.
type plan struct {
	attempt int
	at      time.Time // not sooner
	reason  string
	rule    string // that makes it wait until then
}

// drop is why a plan was given up.
type drop struct {
	status calls.Status
	reason string
	rule   string // of calls.StatusRefused
}

// attempt is one dial.
type attempt struct {
	calls.Attempt
	to        string
	trusted   bool // CallID was said by the provider's API or its call log, not by a notification
	refusal   string
	refused   bool // by a provider that needs a setting mended
	final     bool // not placed, and not to be posted again
	over      bool // the call has ended, or was given up
	human     bool // somebody picked up, or something says so: nothing is dialled after this
	ending    calls.Outcome
	queuedAt  time.Time
	post      int      // number of its next post in the dial ledger; 0 is 1
	claims    []string // of that number, whose fate is in doubt
	unknownAt time.Time
	heardAt   time.Time
	overAt    time.Time
	revision  int // of the Call's state that was heard last
	tracked   bool
	literal   bool      // by the rules of old: a number is its spelling
	mismatch  bool      // the call went to another number than it was placed to
	lost      bool      // the Call workflow cannot tell how it ends: the call log is asked
	askedAt   time.Time // the Call workflow was asked last whether it still watches the call
	looking   Purpose   // the LookUp under way
	dropping  bool      // which was taken back
	lookAt    time.Time
	silent    bool // the call log surely does not know it
	gaveUp    bool // so often asked that it is not asked again
}

// New makes the machine of a request that started at a time. Its first event is Started.
func New(in contract.OutboundCallInput, start time.Time) *Machine {
	m := &Machine{policy: newPolicy(in, start)}
	if in.Dialling != nil {
		m.dialling = *in.Dialling
	}
	m.allowed = m.policy.attempts
	return m
}

// ByRulesOfOld makes the machine that of a run which began before the rules of today, whose history is to be replayed.
func (m *Machine) ByRulesOfOld() { m.old = true }

// Handle tells the machine what has happened and returns what is to be done now.
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

func (e DiallingChanged) apply(m *Machine, _ time.Time) { m.dialling = e.Dialling }

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
		if !now.Before(e.Window.ClosesAt) { // whoever answered has another clock
			m.next.at = now.Add(time.Minute)
		}
	}
}

// postpone makes the plan wait for what a rule says. The attempt's own time begins then.
func (m *Machine) postpone(until time.Time, rule string) {
	m.next.at, m.next.rule = until, rule
	m.due = maxTime(m.due, until)
}

// limit is from when on attempt n is not dialled. Of one that is not planned yet that is when the request is over.
func (m *Machine) limit(n int) time.Time {
	planned := n <= len(m.attempts) || m.next != nil && m.next.attempt == n
	if m.policy.each == 0 || !planned {
		return m.policy.limit
	}
	return minTime(m.policy.limit, m.due.Add(m.policy.each))
}

// Finished reports whether nothing can come any more that is worth waiting for.
func (m *Machine) Finished(now time.Time) bool {
	if m.outcome == nil || m.next != nil || m.placing != 0 || m.asking || m.verifying() {
		return false
	}
	return !now.Before(m.closeAt())
}

// WakeAt is when time alone will change something: hand in Ticked then.
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

// closeAt is until when a request with an outcome stays open for revisions and for the operator's hand.
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
			at = until // the operator may mend what the provider refused, and retry
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

// verifying reports whether the call log is being asked about a failure.
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
