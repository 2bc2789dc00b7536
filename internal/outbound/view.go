package outbound

import (
	"fmt"
	"slices"
	"time"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/phone"
)

// State returns what a user and an operator see. The caller sets WorkflowID.
func (m *Machine) State() calls.OutboundCallState {
	s := calls.OutboundCallState{
		ReferenceID: m.policy.referenceID, State: m.phase(), Attempts: make([]calls.Attempt, 0, len(m.attempts)),
		Attention: m.attention(), Waiting: m.waiting(), StopReason: m.stopWhy, Refused: m.refused,
		Notified: slices.Clone(m.notified),
	}
	for _, a := range m.attempts {
		s.Attempts = append(s.Attempts, a.Attempt)
	}
	if m.outcome != nil {
		o := *m.outcome
		s.Outcome, s.Revision = &o, o.Revision
	}
	return s
}

// Outcome returns the last told outcome, or nil.
func (m *Machine) Outcome() *calls.OutboundOutcome { return m.outcome }

func (m *Machine) phase() calls.OutboundState {
	last := m.last()
	switch {
	case m.outcome != nil && m.reached() != nil:
		return m.closed()
	case m.placing != 0:
		return calls.OutboundDialling
	case m.next != nil || m.asking:
		return calls.OutboundPending
	case m.verifying(), last != nil && last.Placement == calls.Placed && !last.over:
		return calls.OutboundAwaiting
	case last != nil && last.Placement == calls.PlacementUnknown && (m.outcome == nil || m.outcome.Attempt != last.Attempt.Attempt):
		return calls.OutboundAwaiting
	case m.outcome == nil:
		return calls.OutboundPending
	}
	return m.closed()
}

func (m *Machine) closed() calls.OutboundState {
	if m.early && !m.outcome.Status.Human() {
		return calls.OutboundStopped
	}
	return calls.OutboundDone
}

// attention returns what an operator should look at.
func (m *Machine) attention() (out []string) {
	add := func(s string, when bool) {
		if when && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	for _, a := range m.attempts {
		add(calls.AttentionUnknownPlacement, a.Placement == calls.PlacementUnknown && m.outcome != nil)
		add(calls.AttentionConflict, a.Conflict)
		add(calls.AttentionNumberMismatch, a.mismatch)
		add(calls.AttentionProviderRefuses, a.refused)
		add(calls.AttentionGaveUp, a.Source == calls.SourceGaveUp || a.Verified != nil && !*a.Verified && !a.Conflict)
	}
	slices.Sort(out)
	if m.skew != 0 { // last: doubts about a call come first
		out = append(out, calls.AttentionClockSkew)
	}
	return out
}

// waiting returns, in words, what the request waits for.
func (m *Machine) waiting() string {
	last := m.last()
	switch {
	case m.placing != 0 && m.withdrawn:
		return fmt.Sprintf("attempt %d to leave the dial queue: it was withdrawn", m.placing)
	case m.placing != 0:
		return fmt.Sprintf("attempt %d, in the dial queue or being posted since %s%s", m.placing, clockTime(m.attempt(m.placing).queuedAt), m.pace())
	case m.asking:
		return "the hours to be checked"
	case m.next != nil && m.next.rule != "":
		return fmt.Sprintf("attempt %d, due at %s by rule %s", m.next.attempt, clockTime(m.next.at), m.next.rule)
	case m.next != nil:
		return fmt.Sprintf("attempt %d, due at %s%s", m.next.attempt, clockTime(m.next.at), m.pace())
	case m.verifying():
		return fmt.Sprintf("the call log to confirm that attempt %d failed", last.Attempt.Attempt)
	case last != nil && last.Placement == calls.PlacementUnknown:
		return fmt.Sprintf("a notification or the call log to settle attempt %d, unknown since %s", last.Attempt.Attempt, clockTime(last.unknownAt))
	case last != nil && last.Placement == calls.Placed && !last.over:
		return fmt.Sprintf("attempt %d to end", last.Attempt.Attempt)
	case m.outcome != nil:
		return "late news, until " + clockTime(m.closeAt())
	}
	return ""
}

// pace returns what a waiting request shows of the dial queue.
func (m *Machine) pace() string {
	switch d := m.dialling; {
	case d.Stop != nil:
		return "; " + phone.Redact(d.Stop.String())
	case d.Rate == nil:
		return ""
	case *d.Rate == 0:
		return "; the dial rate is 0, so nothing is dialled"
	default:
		return fmt.Sprintf("; the fleet dials %g per second", *d.Rate)
	}
}

func clockTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }
