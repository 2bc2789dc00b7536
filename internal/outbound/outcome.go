package outbound

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/callstate"
	"github.com/aftercall/aftercall/internal/phone"
)

// report tells the outcome once there is one, and again whenever it changes.
func (m *Machine) report(now time.Time) {
	o := m.conclude(now)
	if o == nil {
		return
	}
	numbers := phone.NewSet(m.policy.to, m.policy.callerID, m.policy.secondary)
	o.FailureReason, o.CallID = callstate.WithoutNumbers(o.FailureReason, numbers), callstate.HiddenID(o.CallID, numbers)
	o.CallKey = callstate.HiddenID(o.CallKey, numbers)
	if m.outcome != nil && sameOutcome(*o, *m.outcome) {
		return
	}
	o.ReferenceID, o.Revision = m.policy.referenceID, 1
	if m.outcome != nil {
		o.Revision = m.outcome.Revision + 1
	}
	m.outcome, m.reportedAt = o, now
	m.do(Tell{Outcome: *o})
}

// sameOutcome reports whether b adds nothing to a. A different source is no news.
func sameOutcome(a, b calls.OutboundOutcome) bool {
	at := a.CompletedAt == b.CompletedAt || a.CompletedAt != nil && b.CompletedAt != nil && a.CompletedAt.Equal(*b.CompletedAt)
	return at && a.Attempt == b.Attempt && a.CallKey == b.CallKey && a.Status == b.Status && a.Conflict == b.Conflict &&
		a.Partial == b.Partial && a.Rule == b.Rule && a.DurationSeconds == b.DurationSeconds && a.FailureReason == b.FailureReason
}

// conclude returns the outcome so far, or nil while it may still change unprompted. An attempt that reached somebody wins,
// then the last that may have rung, then the reason why none was made.
func (m *Machine) conclude(now time.Time) *calls.OutboundOutcome {
	if a := m.reached(); a != nil {
		return m.ended(a)
	}
	if m.next != nil || m.placing != 0 || m.asking || m.verifying() {
		return nil
	}
	for _, a := range slices.Backward(m.attempts) {
		switch {
		case a.Placement == calls.Placed && a.over:
			return m.ended(a)
		case a.Placement == calls.Placed:
			return nil
		case a.Placement == calls.PlacementUnknown && now.Before(m.reportAt(a)):
			return nil
		case a.Placement == calls.PlacementUnknown:
			return m.unknown(a)
		}
	}
	return m.nothingPlaced()
}

// reached returns the best and latest finished attempt that reached somebody, or nil.
func (m *Machine) reached() (best *attempt) {
	for _, a := range m.attempts {
		if a.over && a.Status.Human() && (best == nil || a.Status.Rank() >= best.Status.Rank()) {
			best = a
		}
	}
	return best
}

// reportAt returns when a placement that is still unknown is reported as such.
func (m *Machine) reportAt(a *attempt) time.Time {
	wait := m.policy.settings.LookupWindow
	if m.policy.redial && a.Attempt.Attempt < m.allowed && !m.stopped && m.policy.limit.After(a.unknownAt.Add(RedialAfter)) {
		wait = max(wait, redialWindow)
	}
	return a.unknownAt.Add(wait)
}

// ended returns the outcome from an attempt whose call is over.
func (m *Machine) ended(a *attempt) *calls.OutboundOutcome {
	o := &calls.OutboundOutcome{Attempt: a.Attempt.Attempt, Rule: a.Rule, Outcome: a.ending}
	o.Conflict = o.Conflict || a.Conflict
	if !a.Status.Human() {
		o.FailureReason = m.explain(a)
	}
	return o
}

// explain returns why an attempt failed, and why no later one reached somebody.
func (m *Machine) explain(a *attempt) string {
	var why []string
	add := func(s string) {
		if s != "" {
			why = append(why, s)
		}
	}
	add(a.ending.FailureReason)
	if a.Verified != nil && !*a.Verified && !a.Conflict {
		add("the call log did not confirm it, so it was not dialled again")
	}
	for _, later := range m.attempts[a.Attempt.Attempt:] {
		if later.Placement == calls.NotPlaced {
			add(fmt.Sprintf("attempt %d was not placed: %s", later.Attempt.Attempt, later.FailureReason))
		}
	}
	if m.dropped.status != "" && a == m.last() {
		add("not dialled again: " + m.dropped.reason)
	}
	return strings.Join(why, "; ")
}

func (m *Machine) unknown(a *attempt) *calls.OutboundOutcome {
	return &calls.OutboundOutcome{Attempt: a.Attempt.Attempt, Rule: a.Rule, Outcome: calls.Outcome{
		Status: calls.StatusUnknown, Source: calls.SourceGaveUp,
		FailureReason: "the provider may have placed the call: " + a.FailureReason,
	}}
}

// nothingPlaced returns the outcome of a request that cannot have rung a phone.
func (m *Machine) nothingPlaced() *calls.OutboundOutcome {
	o := &calls.OutboundOutcome{Rule: m.dropped.rule, Outcome: calls.Outcome{Status: calls.StatusNotPlaced, FailureReason: m.dropped.reason}}
	if m.dropped.status != "" {
		o.Status = m.dropped.status
	}
	if a := m.last(); a != nil {
		o.Attempt = a.Attempt.Attempt
		o.FailureReason, o.Rule = a.FailureReason, a.Rule
	} else if m.dropped.reason == "" {
		return nil // not begun
	}
	return o
}
