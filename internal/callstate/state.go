package callstate

import (
	"cmp"
	"reflect"
	"slices"
	"time"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

// New is the state of a call of which nothing is known but its key.
func New(callKey string) calls.CallState {
	return calls.CallState{
		CallKey: callKey, WorkflowID: calls.CallWorkflowID(callKey),
		Legs: []calls.Leg{}, Recordings: []calls.Recording{}, Notified: []calls.Notified{}, Evidence: &calls.Evidence{},
	}
}

// Apply merges an event into a state and reports whether anything visible changed; then the revision is one higher.
// The order in which events are applied, and how often, does not matter to the state but for its revision. The given
// state is left as it is. An event that does not say its source is a notification.
func Apply(s calls.CallState, e calls.StatusEvent) (calls.CallState, bool) {
	e.Source = cmp.Or(e.Source, calls.SourceNotification)
	return change(s, func(ev *calls.Evidence) { ev.Events = merge(ev.Events, e) })
}

// Track adds what is expected of the call. An expectation once set stays: the first one counts.
func Track(s calls.CallState, t calls.Tracking) (calls.CallState, bool) {
	return change(s, func(ev *calls.Evidence) {
		ev.ExpectedTo = cmp.Or(ev.ExpectedTo, t.To)
		ev.TrackedRef = cmp.Or(ev.TrackedRef, t.ReferenceID)
	})
}

// EndGrace says that no more is waited for: what several recipients' legs say by now is told, as partial.
func EndGrace(s calls.CallState) (calls.CallState, bool) {
	return change(s, func(ev *calls.Evidence) { ev.GraceOver = true })
}

// GiveUp says that nobody told the ending of the call in time. A call that is final stays as it is.
func GiveUp(s calls.CallState) (calls.CallState, bool) {
	return change(s, func(ev *calls.Evidence) { ev.GaveUp, ev.GraceOver = true, true })
}

func change(s calls.CallState, edit func(*calls.Evidence)) (calls.CallState, bool) {
	var evidence calls.Evidence
	if s.Evidence != nil {
		evidence = *s.Evidence
	}
	edit(&evidence)
	next := derive(s, evidence)
	if reflect.DeepEqual(visible(s), visible(next)) {
		next.Revision, next.Outcome = s.Revision, s.Outcome
		return next, false
	}
	next.Revision = s.Revision + 1
	if next.Outcome != nil {
		next.Outcome.Revision = next.Revision
		if s.Outcome != nil && sameOutcome(*s.Outcome, *next.Outcome) {
			next.Outcome = s.Outcome
		}
	}
	return next, true
}

// visible is a state without what says how it came about.
func visible(s calls.CallState) calls.CallState {
	s.Evidence, s.Revision, s.Notified = nil, 0, nil
	if s.Outcome != nil {
		o := *s.Outcome
		o.Revision, s.Outcome = 0, &o
	}
	return s
}

func sameOutcome(a, b calls.Outcome) bool {
	a.Revision = b.Revision
	return reflect.DeepEqual(a, b)
}

// derive makes the visible state out of the evidence. Who was told is taken over.
func derive(s calls.CallState, evidence calls.Evidence) calls.CallState {
	next := New(s.CallKey)
	next.WorkflowID = cmp.Or(s.WorkflowID, next.WorkflowID)
	next.Evidence = &evidence
	next.Notified = append(next.Notified, s.Notified...)

	legs := groupLegs(evidence.Events)
	for _, l := range legs {
		next.Legs = append(next.Legs, l.view())
	}
	settleFailovers(legs, next.Legs)

	all := &leg{events: evidence.Events}
	next.CallID = first(all, func(e calls.StatusEvent) string { return e.CallID })
	next.MaskID = first(all, func(e calls.StatusEvent) string { return e.MaskID })
	next.ReferenceID = cmp.Or(first(all, func(e calls.StatusEvent) string { return e.ReferenceID }), evidence.TrackedRef)
	next.SecondaryCallerID = first(all, func(e calls.StatusEvent) string { return e.SecondaryCallerID })
	next.CampaignID = first(all, func(e calls.StatusEvent) string { return e.CampaignID })
	next.Recordings = pending(next)
	next.Outcome = outcome(next)
	next.Final = next.Outcome != nil
	next.Attention = attention(next)
	return next
}

// attention lists what an operator should look at.
func attention(s calls.CallState) []string {
	var out []string
	if slices.ContainsFunc(s.Legs, func(l calls.Leg) bool { return l.Conflict }) {
		out = append(out, calls.AttentionConflict)
	}
	if s.Outcome != nil && s.Outcome.Source == calls.SourceGaveUp {
		out = append(out, calls.AttentionGaveUp)
	}
	return out
}

// Recordings lists every recording URL that was said of a leg of the call, the best event's last, so that the last URL
// of a leg is the one to try.
func Recordings(s calls.CallState) []contract.RecordingURL {
	var out []contract.RecordingURL
	if s.Evidence == nil {
		return out
	}
	for _, l := range groupLegs(s.Evidence.Events) {
		v := l.view()
		for _, e := range slices.Backward(l.events) {
			if e.RecordingURL == "" || slices.ContainsFunc(out, func(r contract.RecordingURL) bool { return r.URL == e.RecordingURL && r.LegKey == v.Key() }) {
				continue
			}
			out = append(out, contract.RecordingURL{
				CallKey: s.CallKey, CallID: s.CallID, LegKey: v.Key(), CallSID: v.CallSID, MaskID: s.MaskID, URL: e.RecordingURL,
				EventKey: e.EventKey, CompletedAt: cmp.Or(e.CompletedAt, v.CompletedAt), ReceivedAt: e.ReceivedAt,
			})
		}
	}
	return out
}

// pending is what the call itself knows of its recordings: one per leg, wanted until a time. What became of each is the
// Recording workflow's to say.
func pending(s calls.CallState) []calls.Recording {
	out := []calls.Recording{}
	for _, r := range Recordings(s) {
		rec := calls.Recording{
			CallKey: s.CallKey, Leg: r.CallSID, LegHash: calls.LegHash(r.LegKey), Status: calls.RecordingPending,
			Deadline: RecordingDeadline(r.CompletedAt, r.ReceivedAt),
		}
		if i := slices.IndexFunc(out, func(o calls.Recording) bool { return o.LegHash == rec.LegHash }); i >= 0 {
			out[i] = rec
			continue
		}
		out = append(out, rec)
	}
	return out
}

// A completedAt further than this from its notification is taken for a fault of the provider's clock.
const (
	clockSkew      = 5 * time.Minute     // after it
	implausiblyOld = 30 * 24 * time.Hour // before it
)

// RecordingDeadline is when a recording's URL expires: 72 hours after completedAt, or after receipt where completedAt is
// missing or implausible (more than 5 minutes after receipt, or 30 days before it). The provider does not say from when the 72
// hours run (provider's reference, section 3).
func RecordingDeadline(completedAt *time.Time, receivedAt time.Time) time.Time {
	from := receivedAt
	if completedAt != nil && completedAt.Sub(receivedAt) <= clockSkew && receivedAt.Sub(*completedAt) < implausiblyOld {
		from = *completedAt
	}
	return from.Add(calls.RecordingLifetime).UTC()
}
