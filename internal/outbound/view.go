package outbound

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/phone"
)

// State returns what a user and an operator see. The caller sets WorkflowID.
func (m *Machine) State() calls.OutboundCallState {
	s := calls.OutboundCallState{
		ReferenceID: m.policy.referenceID, State: m.phase(), Attempts: make([]calls.Attempt, 0, len(m.attempts)),
		Attention: m.attention(), Waiting: m.waiting(), StopReason: m.stopWhy, Refused: m.refused,
		Notified: slices.Clone(m.notified), ExpectedStart: m.expectedStart(),
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
		return fmt.Sprintf("attempt %d to have its turn: in the dial queue, or being posted, since %s%s%s", m.placing,
			clockTime(m.attempt(m.placing).queuedAt), m.expectation(), m.pace())
	case m.asking:
		return "the hours to be checked"
	case m.next != nil && m.next.rule != "":
		return fmt.Sprintf("attempt %d, due at %s by rule %s", m.next.attempt, clockTime(m.next.at), m.next.rule)
	case m.next != nil:
		return fmt.Sprintf("attempt %d, due at %s%s%s", m.next.attempt, clockTime(m.next.at), m.expectation(), m.pace())
	case m.verifying():
		return fmt.Sprintf("the call log to confirm that attempt %d failed", last.Attempt.Attempt)
	case last != nil && last.Placement == calls.PlacementUnknown:
		return fmt.Sprintf("a notification or the call log to settle attempt %d, unknown since %s", last.Attempt.Attempt, clockTime(last.unknownAt))
	case last != nil && last.Placement == calls.Placed && !last.over:
		return fmt.Sprintf("attempt %d to end: it was placed%s", last.Attempt.Attempt, last.soFar())
	case m.outcome != nil:
		return "late news, until " + clockTime(m.closeAt())
	}
	return ""
}

// soFar returns what is known of a placed call.
func (a *attempt) soFar() string {
	if a.Status == "" {
		return ", and nothing is heard of it yet"
	}
	return ", and is " + string(a.Status)
}

// expectedStart returns when the first attempt is expected to be dialled, while it waits for its first turn.
func (m *Machine) expectedStart() *time.Time {
	first := m.next != nil && m.next.attempt == 1 || m.placing == 1 && !m.withdrawn
	if a := m.attempt(1); !first || m.outcome != nil || a != nil && (a.Posts > 1 || m.placing != 1) {
		return nil
	}
	return m.expected
}

// expectation returns expectedStart in words.
func (m *Machine) expectation() string {
	at := m.expectedStart()
	if at == nil {
		return ""
	}
	return "; expected at about " + clockTime(*at)
}

// Phase says in words where a request without an outcome is.
func Phase(s calls.OutboundCallState) string {
	var last calls.Attempt
	if n := len(s.Attempts); n > 0 {
		last = s.Attempts[n-1]
	}
	switch {
	case s.State == calls.OutboundDialling && len(s.Attempts) > 1:
		return fmt.Sprintf("attempt %d waits for its turn to be dialled", last.Attempt)
	case s.State == calls.OutboundDialling:
		return "waits for its turn to be dialled"
	case s.State == calls.OutboundPending && len(s.Attempts) == 0:
		return "is not due yet"
	case s.State == calls.OutboundPending:
		return "waits for the next dial"
	case s.State == calls.OutboundAwaiting && last.Placement == calls.PlacementUnknown:
		return "may have been dialled"
	case s.State == calls.OutboundAwaiting && last.EndedAt != nil:
		return "was dialled, and its failure is being verified"
	case s.State == calls.OutboundAwaiting:
		return "is dialled, and has not ended"
	}
	return strings.ToLower(string(s.State))
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
		return fmt.Sprintf("; the fleet dials %.4g per second", *d.Rate) // Temporal keeps a float32
	}
}

func clockTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }
