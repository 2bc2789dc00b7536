package outbound

import (
	"cmp"
	"fmt"
	"time"

	"github.com/aftercall/aftercall/calls"
)

// decide derives all commands from the current state. It looks at the whole state, whatever the last event was.
func (m *Machine) decide(now time.Time) {
	m.expire(now)
	m.plan(now)
	m.pursue(now)
	m.lookUps(now)
	m.track(now)
	m.report(now)
}

// expire gives up calls that have been silent for too long.
func (m *Machine) expire(now time.Time) {
	for _, a := range m.attempts {
		if a.Placement == calls.Placed && !a.over && !now.Before(a.heardAt.Add(m.policy.age())) {
			a.finish(calls.Outcome{
				CallKey: calls.Key(a.CallID), CallID: a.CallID, Status: calls.StatusUnknown,
				Source: calls.SourceGaveUp, FailureReason: "no final status arrived in time",
			}, now)
		}
	}
}

// askAgain is the silence after which the machine asks the Call workflow whether it still watches a call, because an
// operator may have terminated it. It repeats at the same interval.
const askAgain = 2 * time.Hour

// askAgainAt returns when to ask the Call workflow again; zero: never.
func (a *attempt) askAgainAt() time.Time {
	if a.literal || !a.tracked || a.lost {
		return time.Time{}
	}
	return maxTime(a.heardAt, a.askedAt).Add(askAgain)
}

// track commands that every call with a known callId is watched.
func (m *Machine) track(now time.Time) {
	for _, a := range m.attempts {
		if a.Placement != calls.Placed || a.CallID == "" {
			continue
		}
		again := a.askAgainAt()
		if !a.tracked || !a.over && !again.IsZero() && !now.Before(again) {
			a.tracked, a.askedAt = true, now
			m.do(Track{Attempt: a.Attempt.Attempt, CallID: a.CallID, ReferenceID: a.ReferenceID, To: a.to})
		}
	}
}

// permission is whether another attempt may follow.
type permission int

const (
	forbidden permission = iota
	ifVerified
	permitted
)

// follows returns whether another attempt may now follow this one. It ignores what bars every attempt; see bar.
func (m *Machine) follows(a *attempt) permission {
	granted := m.granted(a)
	force := granted && m.grant.Force
	switch a.Placement {
	case calls.NotPlaced:
		return permittedIf(granted && a.final)
	case calls.PlacementUnknown:
		return permittedIf(force || m.policy.redial && a.silent)
	case calls.Placed:
		if !a.over {
			return forbidden // it may be ringing right now
		}
		if force {
			return permitted
		}
		return m.followsEnd(a, granted)
	}
	return forbidden
}

// followsEnd is follows for an attempt that is over, if nobody forces the next one.
func (m *Machine) followsEnd(a *attempt, granted bool) permission {
	switch {
	case !failure(a.Status) || a.Conflict:
		return forbidden
	case !granted && !m.retries(a.Status):
		return forbidden
	case !m.policy.settings.VerifyFailures:
		return permitted
	case a.Verified == nil:
		return ifVerified
	}
	return permittedIf(*a.Verified)
}

// retries reports whether the policy makes another attempt after this status.
func (m *Machine) retries(s calls.Status) bool {
	_, ok := m.policy.on[s]
	return ok
}

func permittedIf(ok bool) permission {
	if ok {
		return permitted
	}
	return forbidden
}

// granted reports whether the operator requested an attempt after this one.
func (m *Machine) granted(a *attempt) bool {
	return m.grant != nil && m.grant.Attempt == a.Attempt.Attempt
}

// wants reports whether to make another attempt after a now: only after the last attempt, within the allowed number, and
// not after an outcome was told, since its receiver may have acted on it. An operator's request overrides the last
// condition.
func (m *Machine) wants(a *attempt, now time.Time) permission {
	n := a.Attempt.Attempt + 1
	switch {
	case a != m.last() || m.next != nil || m.placing != 0 || m.asking:
		return forbidden
	case n > m.allowed || m.outcome != nil && !m.granted(a):
		return forbidden
	case m.bar(n, now) != nil:
		return forbidden
	}
	return m.follows(a)
}

// verifies reports whether to ask the call log about the attempt's failure.
func (m *Machine) verifies(a *attempt, now time.Time) bool { return m.wants(a, now) == ifVerified }

// bar returns why the attempt may not be dialled, or nil if it may.
func (m *Machine) bar(n int, now time.Time) *drop {
	switch a := m.attempt(n); {
	case m.stopped:
		return &drop{status: calls.StatusStopped, reason: m.stopWhy}
	case a != nil && (a.Placement != "" || a.final):
		return &drop{reason: "it was settled meanwhile"}
	case !now.Before(m.limit(n)):
		return &drop{status: calls.StatusDeadline, reason: fmt.Sprintf("the %s has passed", m.policy.limitName)}
	}
	for _, a := range m.attempts {
		if a.human {
			return &drop{reason: fmt.Sprintf("attempt %d has reached somebody", a.Attempt.Attempt)}
		}
	}
	return nil
}

// plan plans the next attempt, if one is wanted and nothing is in doubt.
func (m *Machine) plan(now time.Time) {
	a := m.last()
	if a == nil || m.wants(a, now) != permitted {
		return
	}
	p := &plan{attempt: a.Attempt.Attempt + 1, at: now}
	switch {
	case m.granted(a):
		p.reason = "retry-now: " + m.grant.Reason
	case a.Placement == calls.PlacementUnknown:
		p.reason = "attempt " + fmt.Sprint(a.Attempt.Attempt) + " is unknown, and the call log has no entry of it"
	default:
		p.at = maxTime(now, a.overAt.Add(m.policy.on[a.Status]))
		p.reason = "attempt " + fmt.Sprint(a.Attempt.Attempt) + " ended " + string(a.Status)
	}
	m.next, m.due = p, p.at
}

// pursue continues the plan, or gives it up. It withdraws an attempt that waits in the dial queue needlessly.
func (m *Machine) pursue(now time.Time) {
	if m.placing != 0 {
		m.withdraw(now)
		return
	}
	if m.next == nil {
		return
	}
	if d := m.forbids(m.next.attempt, now); d != nil {
		m.giveUp(now, *d)
		return
	}
	switch {
	case !m.next.at.Before(m.limit(m.next.attempt)):
		m.giveUp(now, m.tooLate())
	case m.asking || now.Before(m.next.at):
	case (m.policy.hours != nil || m.policy.class != "") && !m.window.Contains(now):
		m.asking = true
		m.do(CheckHours{Hours: m.policy.hours, Class: m.policy.class})
	default:
		m.place(now)
	}
}

// tooLate returns why a plan is given up whose time is after its deadline. It names the rule that the plan waits for, if
// any.
func (m *Machine) tooLate() drop {
	if rule := m.next.rule; rule != "" {
		return drop{
			status: calls.StatusRefused, rule: rule,
			reason: fmt.Sprintf("%s: not before %s, and the %s comes first", rule, clockTime(m.next.at), m.policy.limitName),
		}
	}
	return drop{status: calls.StatusDeadline, reason: fmt.Sprintf("the %s comes before the next try", m.policy.limitName)}
}

// forbids returns why the attempt may not be dialled now: a bar, or a revision of the attempt before it.
func (m *Machine) forbids(n int, now time.Time) *drop {
	if d := m.bar(n, now); d != nil {
		return d
	}
	if n > m.allowed {
		return &drop{reason: "no further attempt is allowed"}
	}
	if prev := m.attempt(n - 1); prev != nil && m.follows(prev) != permitted {
		return &drop{reason: fmt.Sprintf("attempt %d was revised", n-1)}
	}
	return nil
}

// withdraw withdraws the attempt under way if it may no longer be dialled. That includes an attempt that is proven to be
// placed, whatever the answer was. It ignores time, which the dial queue and the activity check.
func (m *Machine) withdraw(now time.Time) {
	if m.withdrawn || !now.Before(m.limit(m.placing)) || m.forbids(m.placing, now) == nil {
		return
	}
	m.withdrawn = true
	m.do(WithdrawPlace{Attempt: m.placing, Proven: m.attempt(m.placing).Placement == calls.Placed})
}

// giveUp drops the plan. An attempt that was to be posted again ends with it.
func (m *Machine) giveUp(now time.Time, d drop) {
	if a := m.attempt(m.next.attempt); a != nil && a.Placement == "" {
		reason := d.reason
		a.Rule = cmp.Or(d.rule, a.Rule)
		if a.refusal != "" {
			reason += "; before: " + a.refusal
		}
		a.end(reason, now)
	}
	m.next, m.dropped, m.grant = nil, d, nil
}
