package outbound

import (
	"cmp"
	"fmt"
	"time"

	"github.com/aftercall/aftercall/calls"
)

// decide draws the conclusions of what is known by now. It looks at the whole state, whatever the last event was.
func (m *Machine) decide(now time.Time) {
	m.expire(now)
	m.plan(now)
	m.pursue(now)
	m.lookUps(now)
	m.track(now)
	m.report(now)
}

// expire gives up calls of which nothing was heard for too long.
func (m *Machine) expire(now time.Time) {
	for _, a := range m.attempts {
		if a.Placement == calls.Placed && !a.over && !now.Before(a.heardAt.Add(m.policy.age())) {
			a.finish(calls.Outcome{
				CallKey: calls.Key(a.CallID), CallID: a.CallID, Status: calls.StatusUnknown,
				Source: calls.SourceGaveUp, FailureReason: "nothing was heard of the call in time",
			}, now)
		}
	}
}

// askAgain is after how much silence the Call workflow is asked whether it still watches a call: an operator may have
// terminated it. The pauses are equal after that.
const askAgain = 2 * time.Hour

// askAgainAt is when the Call workflow is asked again; zero: not.
func (a *attempt) askAgainAt() time.Time {
	if a.literal || !a.tracked || a.lost {
		return time.Time{}
	}
	return maxTime(a.heardAt, a.askedAt).Add(askAgain)
}

// track has every call watched that is known by its callId.
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

// permission says whether another attempt may follow.
type permission int

const (
	forbidden permission = iota
	ifVerified
	permitted
)

// follows says whether another attempt may follow this one, as things stand. Bars that concern every attempt are
// bar's matter.
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

// followsEnd says the same of an attempt that is over, where nobody forces the next one.
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

// granted reports whether the operator asked for an attempt after this one.
func (m *Machine) granted(a *attempt) bool {
	return m.grant != nil && m.grant.Attempt == a.Attempt.Attempt
}

// wants says whether another attempt after a is to be made now: only after the last, within what is allowed, and, but
// for the operator's word, not once an outcome was told: whoever was told may have acted on it.
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

// verifies reports whether the call log is to be asked about the attempt's failure.
func (m *Machine) verifies(a *attempt, now time.Time) bool { return m.wants(a, now) == ifVerified }

// bar is why no attempt, or not this one, may be dialled any more; nil if it may.
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

// plan makes the next attempt the plan, where one is wanted and nothing is in doubt.
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
		p.reason = "attempt " + fmt.Sprint(a.Attempt.Attempt) + " is unknown, and the call log does not know it"
	default:
		p.at = maxTime(now, a.overAt.Add(m.policy.on[a.Status]))
		p.reason = "attempt " + fmt.Sprint(a.Attempt.Attempt) + " ended " + string(a.Status)
	}
	m.next, m.due = p, p.at
}

// pursue carries the plan on, or gives it up; and takes back what waits in the dial queue without need.
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

// tooLate is why a plan is given up whose time comes after its deadline: the rule that it waits for, if it does.
func (m *Machine) tooLate() drop {
	if rule := m.next.rule; rule != "" {
		return drop{
			status: calls.StatusRefused, rule: rule,
			reason: fmt.Sprintf("%s: not before %s, and the %s comes first", rule, clockTime(m.next.at), m.policy.limitName),
		}
	}
	return drop{status: calls.StatusDeadline, reason: fmt.Sprintf("the %s comes before the next try", m.policy.limitName)}
}

// forbids is why the attempt may not be dialled now: a bar, or that the one before it is not what it was.
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

// withdraw takes back the attempt under way when it may not be dialled any more: also one that something proves to have
// been placed, whatever was answered before. Time is not looked at: the dial queue and the activity do that.
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
