package outbound

import (
	"cmp"
	"time"

	"github.com/aftercall/aftercall/calls"
)

// place commands the planned dial. The caller has just checked everything that may forbid it.
func (m *Machine) place(now time.Time) {
	n := m.next.attempt
	a := m.attempt(n)
	if a == nil {
		at := now
		a = &attempt{to: m.policy.to, literal: m.old, Attempt: calls.Attempt{
			Attempt: n, ReferenceID: calls.AttemptReferenceID(m.policy.referenceID, n), CallerID: m.policy.caller(n),
			Reason: m.next.reason, StartedAt: &at,
		}}
		m.attempts = append(m.attempts, a)
	}
	a.Posts++
	a.FailureReason, a.queuedAt = "", now
	until := m.limit(n)
	if !m.window.ClosesAt.IsZero() {
		until = minTime(until, m.window.ClosesAt)
	}
	m.placing, m.withdrawn, m.next = n, false, nil
	m.do(Place{
		Attempt: n, ReferenceID: a.ReferenceID, CallerID: a.CallerID,
		SecondaryCallerID: m.policy.passedOn(), NotAfter: until, Post: max(a.post, 1), Claims: a.claims,
	})
}

func (e Verdict) apply(m *Machine, now time.Time) {
	a := m.attempt(e.Attempt)
	if a == nil || m.placing != e.Attempt {
		return
	}
	m.placing, m.withdrawn = 0, false
	if e.Post > 0 {
		a.post, a.claims = e.Post, e.Claims
	}
	m.skew = e.ClockAhead
	a.refused = e.Placement == calls.NotPlaced && e.Refused
	a.Rule = cmp.Or(e.Rule, a.Rule)
	switch {
	case e.Placement == calls.Placed && e.CallID != "":
		m.accepted(a, e.CallID, now)
	case a.Placement == calls.Placed: // a notification was faster; its proof outweighs an error
	case e.Placement == calls.NotPlaced && e.Rule != "" && e.Rule != calls.RuleAllowed:
		m.forbidden(a, e, now)
	case e.Placement == calls.NotPlaced && e.Final:
		a.end(e.Reason, now)
	case e.Placement == calls.NotPlaced:
		a.refusal, a.FailureReason = e.Reason, e.Reason
		m.next = &plan{attempt: a.Attempt.Attempt, at: now.Add(backOff(a.Posts, e.RetryAfter, e.Refused))}
	default: // an answer without a callId is as good as none
		a.Placement, a.FailureReason = calls.PlacementUnknown, e.Reason
		a.unknownAt, a.lookAt = now, now.Add(FirstLookUp)
	}
}

// forbidden records that a rule forbade the dial. The attempt waits if waiting can help, or ends.
func (m *Machine) forbidden(a *attempt, e Verdict, now time.Time) {
	reason := e.Rule + ": " + e.Reason
	if e.NotBefore.IsZero() {
		a.end(reason, now)
		m.dropped = drop{status: calls.StatusRefused, reason: reason, rule: e.Rule}
		return
	}
	a.FailureReason = reason
	m.next = &plan{attempt: a.Attempt.Attempt, reason: a.Reason}
	until := e.NotBefore
	if !now.Before(until) { // whoever answered has another clock
		until = now.Add(time.Minute)
	}
	m.postpone(until, e.Rule)
}

// end settles that an attempt was not placed and will not be.
func (a *attempt) end(reason string, now time.Time) {
	a.Placement, a.FailureReason, a.final, a.EndedAt = calls.NotPlaced, reason, true, &now
}

// accepted records that the provider itself confirmed a call. An earlier notification that named another call was not about
// ours: its ending is forgotten, but not that somebody may have answered.
func (m *Machine) accepted(a *attempt, callID string, now time.Time) {
	if a.CallID != "" && calls.Key(a.CallID) != calls.Key(callID) {
		a.Conflict = true
		a.forget()
	}
	a.Placement, a.CallID, a.trusted, a.heardAt = calls.Placed, callID, true, now
	a.FailureReason = a.ending.FailureReason
}

// forget drops what is known of the call.
func (a *attempt) forget() {
	a.over, a.Status, a.Source, a.DurationSeconds, a.EndedAt, a.Verified = false, "", "", 0, nil, nil
	a.ending, a.revision, a.tracked = calls.Outcome{}, 0, false
}

func (e Tracked) apply(m *Machine, now time.Time) {
	a := m.attempt(e.Attempt)
	switch {
	case a == nil:
	case e.Call != nil:
		m.hear(a, *e.Call, now)
	case e.Lost && !m.old:
		a.lost = true
	}
}
