package outbound

import (
	"cmp"
	"slices"
	"time"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/phone"
)

func (e Updated) apply(m *Machine, now time.Time) {
	ref, n, ok := calls.ParseAttemptReferenceID(e.Call.ReferenceID)
	a := m.attempt(n)
	if !ok || ref != m.policy.referenceID || a == nil {
		m.refused++
		return
	}
	if !a.concerns(e.Call) {
		m.refused++
		a.mismatch = a.mismatch || !a.literal && a.trusted && a.sameCall(e.Call) && len(e.Call.Legs) > 0
		return
	}
	if !a.sameCall(e.Call) {
		m.refused++
		a.Conflict = true
		a.human = a.human || a.reached(e.Call) // no further dial is better than one too many
		return
	}
	m.hear(a, e.Call, now)
}

// concerns reports whether the call may have gone to our recipient. The ids prove that the call is ours, and only a
// different number contradicts them, not one that is spelled otherwise, hidden or absent. A state without legs counts only
// for a call with a known callId.
func (a *attempt) concerns(c calls.CallState) bool {
	if len(c.Legs) == 0 {
		return a.CallID != "" && a.sameCall(c)
	}
	return slices.ContainsFunc(c.Legs, a.mine)
}

// mine reports whether a leg may have gone to our recipient.
func (a *attempt) mine(l calls.Leg) bool {
	if a.literal {
		return l.To == a.to
	}
	return mayBe(l.To, a.to)
}

// mayBe reports whether two texts may spell the same number.
func mayBe(a, b string) bool {
	if phone.Valid(a) && phone.Valid(b) {
		return a == b
	}
	return phone.Compare(a, b) != phone.Different
}

// sameCall reports whether the call is the attempt's, as far as that is known.
func (a *attempt) sameCall(c calls.CallState) bool {
	return a.CallID == "" || calls.Key(a.CallID) == c.CallKey || calls.HashedOnly(c.CallKey) && a.CallID == c.CallID
}

// reached reports whether a leg to the recipient, or the outcome, shows that somebody answered.
func (a *attempt) reached(c calls.CallState) bool {
	if c.Outcome != nil && c.Outcome.Status.Human() {
		return true
	}
	return slices.ContainsFunc(c.Legs, func(l calls.Leg) bool { return a.mine(l) && l.Status.Human() })
}

// hear records the Call workflow's state of the attempt's call.
func (m *Machine) hear(a *attempt, c calls.CallState, now time.Time) {
	a.human = a.human || a.reached(c)
	if c.Revision < a.revision {
		return
	}
	if a.Placement != calls.Placed {
		m.proven(a, cmp.Or(c.CallID, c.CallKey), now)
	}
	a.revision, a.heardAt = c.Revision, now
	if a.over && a.Source == calls.SourceGaveUp && !c.Final { // given up too early
		a.over, a.Status, a.ending, a.EndedAt, a.FailureReason = false, "", calls.Outcome{}, nil, ""
	}
	switch {
	case c.Final && c.Outcome != nil:
		a.finish(*c.Outcome, now)
	case !a.over:
		for _, l := range c.Legs {
			if a.mine(l) && (a.Status == "" || l.Status.Rank() >= a.Status.Rank()) {
				a.Status, a.Source = l.Status, l.Source
			}
		}
	}
}

// proven records that a call was placed although the provider had not confirmed it, or had denied it.
func (m *Machine) proven(a *attempt, callID string, now time.Time) {
	a.Placement, a.CallID, a.heardAt = calls.Placed, callID, now
	a.FailureReason, a.refusal, a.final, a.EndedAt = "", "", false, nil
	if m.next != nil && m.next.attempt == a.Attempt.Attempt {
		m.next = nil
	}
}

// finish records how the call ended. A failure is verified if the call log reported it of a call that it knows as ours.
func (a *attempt) finish(o calls.Outcome, now time.Time) {
	if !a.over {
		a.overAt, a.EndedAt = now, &now
	}
	if a.over && a.Status != o.Status {
		a.Verified = nil
	}
	a.over, a.ending = true, o
	a.Status, a.Source, a.DurationSeconds = o.Status, o.Source, o.DurationSeconds
	a.FailureReason, a.Conflict = o.FailureReason, a.Conflict || o.Conflict
	if o.Source == calls.SourceCallLog && a.trusted && failure(o.Status) {
		a.verified(true)
	}
}

func (a *attempt) verified(is bool) { a.Verified = &is }

// failure reports whether a call with this status is over and reached nobody.
func failure(s calls.Status) bool { return s.Terminal() && !s.Human() }
