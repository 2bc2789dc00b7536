package workflows

import (
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/masking"
)

// addSubscriber adds a subscriber, which is told every call and the end. A repeated subscription is told again. It ignores
// our own workflows, which are told in another way.
func (m *maskingSession) addSubscriber(s calls.Subscription) {
	if s.WorkflowID == "" || calls.OwnWorkflowID(s.WorkflowID) || len(s.WorkflowID) > maxWorkflowID {
		return
	}
	if !slices.Contains(m.carry.Subscribers, s) {
		if len(m.carry.Subscribers) == maxSessionSubscribers {
			return
		}
		m.carry.Subscribers = append(m.carry.Subscribers, s)
	}
	m.carry.Fresh = append(m.carry.Fresh, s)
}

func (m *maskingSession) removeSubscriber(s calls.Subscription) {
	gone := func(o calls.Subscription) bool {
		return o.WorkflowID == s.WorkflowID && (s.Waiter == "" || o.Waiter == s.Waiter)
	}
	m.carry.Subscribers = slices.DeleteFunc(m.carry.Subscribers, gone)
	m.carry.Fresh = slices.DeleteFunc(m.carry.Fresh, gone)
}

// react tells what has changed: to subscribers, to the provider, to the recordings, to the operator. It reports whether it
// yielded.
func (m *maskingSession) react(ctx workflow.Context) bool {
	m.startClosing(ctx)
	m.startSweep(ctx)
	m.writeParties(ctx)
	m.show(ctx)
	sent := m.tellOutcomes(ctx)
	sent = append(sent, m.tellEnd(ctx)...)
	m.carry.Fresh = nil
	for _, s := range sent {
		m.carry.Notified = s.record(ctx, m.carry.Notified, m.carry.Revision)
	}
	m.carry.Notified = m.carry.Notified[max(len(m.carry.Notified)-maxSessionNotified, 0):]
	return len(sent) > 0
}

// outcomeID identifies a masked call's outcome by the leg that it comes from.
func outcomeID(c calls.MaskedCall) string {
	if c.Outbound != nil {
		return c.OutboundKey + "/" + calls.LegHash(c.Outbound.Key())
	}
	return c.InboundKey + "/" + calls.LegHash(c.Inbound.Key())
}

// tellOutcomes tells each call's outcome once it is known and the call is complete. It tells new outcomes to all
// subscribers, and earlier ones to new subscribers.
func (m *maskingSession) tellOutcomes(ctx workflow.Context) []sentSignal {
	var sent []sentSignal
	tell := func(o calls.Outcome, to []calls.Subscription) {
		for _, s := range to {
			if s.Quiet {
				continue
			}
			sent = append(sent, tell(ctx, m.edition, s.WorkflowID, contract.SignalCallOutcome(o.CallKey), o))
		}
	}
	now := workflow.Now(ctx)
	for _, c := range m.story {
		if c.Outcome == nil || !m.complete(c, now) {
			continue
		}
		id := outcomeID(c)
		if m.carry.Told[id] >= c.Outcome.Revision {
			tell(*c.Outcome, m.carry.Fresh)
			continue
		}
		m.carry.Told[id] = c.Outcome.Revision
		tell(*c.Outcome, m.carry.Subscribers)
	}
	for _, o := range m.carry.Late {
		tell(o, m.carry.Subscribers)
	}
	m.carry.Late = nil
	return sent
}

// tellEnd tells the end of the session, and again if a late leg has changed it.
func (m *maskingSession) tellEnd(ctx workflow.Context) []sentSignal {
	reason := m.ended(workflow.Now(ctx))
	if reason == "" {
		return nil
	}
	next := calls.MaskingSummary{
		MaskID: m.in.Key(), Reason: reason, Totals: m.totals(), Recordings: len(m.carry.Marks), Revision: m.carry.Revision,
	}
	to := m.carry.Fresh
	if told := m.carry.Summary; told == nil || told.Reason != reason || told.Totals != next.Totals || told.Recordings != next.Recordings {
		m.carry.Summary, to = &next, m.carry.Subscribers
	}
	var sent []sentSignal
	for _, s := range to {
		sent = append(sent, tell(ctx, m.edition, s.WorkflowID, contract.SignalMaskingClosed(m.in.Key()), *m.carry.Summary))
	}
	return sent
}

// totals counts all calls of the session.
func (m *maskingSession) totals() calls.MaskingTotals {
	t := m.carry.Book.Earlier
	for _, c := range m.story {
		t = masking.Count(t, c)
	}
	return t
}
