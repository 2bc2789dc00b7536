package callstate

import (
	"cmp"
	"reflect"
	"slices"
	"time"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/phone"
	"github.com/aftercall/aftercall/internal/wording"
)

// New returns the state of a call whose key alone is known.
func New(callKey string) calls.CallState {
	s := NewByRulesOfOld(callKey)
	s.Evidence.Rules = rulesCurrent
	return s
}

// NewByRulesOfOld is New for a run that began before today's rules.
func NewByRulesOfOld(callKey string) calls.CallState {
	return calls.CallState{
		CallKey: callKey, WorkflowID: calls.CallWorkflowID(callKey),
		Legs: []calls.Leg{}, Recordings: []calls.Recording{}, Notified: []calls.Notified{}, Evidence: &calls.Evidence{},
	}
}

// ByRulesOfToday is a state that is read by the rules of today from now on, but for what they keep of it in a run that
// began before they kept less.
func ByRulesOfToday(s calls.CallState, keepsAll bool) calls.CallState {
	var evidence calls.Evidence
	if s.Evidence != nil {
		evidence = *s.Evidence
	}
	evidence.Rules, s.Evidence = rulesCurrent, &evidence
	if keepsAll {
		evidence.Rules = rulesRead
	}
	return s
}

// News holds the events of a call that arrived together.
type News struct {
	Events    []calls.StatusEvent
	Trackings []calls.Tracking
}

// Take merges all that came in into a state, and derives what is visible once; it reports whether any of that changed,
// and then the revision is one higher. The order in which things come, how often, and how many at a time, does not
// matter to the state but for its revision and for when the outcome was first given: Final once set stays set. The
// given state is left as it is.
func Take(s calls.CallState, n News) (calls.CallState, bool) {
	var evidence calls.Evidence
	if s.Evidence != nil {
		evidence = *s.Evidence
	}
	s.Parties = parties(s, n)
	events := evidence.Events
	merged := merge(events, n.Events, evidence.Rules >= rulesCurrent)
	if len(n.Trackings) == 0 && len(merged) == len(events) && (len(events) == 0 || &merged[0] == &events[0]) {
		return s, false
	}
	return change(s, func(ev *calls.Evidence) {
		ev.Events = merged
		for _, t := range n.Trackings {
			track(ev, t)
		}
	})
}

// parties are the hashes of the numbers that a state and the news know. They are found by, and are no news by themselves.
func parties(s calls.CallState, n News) []string {
	lists := [][]string{s.Parties}
	for _, e := range n.Events {
		lists = append(lists, e.Parties)
	}
	for _, t := range n.Trackings {
		lists = append(lists, t.Parties)
	}
	return contract.JoinParties(lists...)
}

// Apply is Take for events alone. An event that does not say its source is a notification.
func Apply(s calls.CallState, events ...calls.StatusEvent) (calls.CallState, bool) {
	return Take(s, News{Events: events})
}

// Track adds what is expected of the call. An expectation once set stays: the first one counts.
func Track(s calls.CallState, t calls.Tracking) (calls.CallState, bool) {
	return Take(s, News{Trackings: []calls.Tracking{t}})
}

// maxTracked is how many referenceIds of trackings are remembered beside the first.
const maxTracked = 10

func track(ev *calls.Evidence, t calls.Tracking) {
	if len(t.ReferenceID) > maxReference {
		t.ReferenceID = calls.HashedKey(t.ReferenceID)
	}
	ev.ExpectedTo = cmp.Or(ev.ExpectedTo, wording.Cut(t.To, maxText))
	ev.Recorded = ev.Recorded || t.Recorded
	switch {
	case ev.TrackedRef == "":
		ev.TrackedRef = t.ReferenceID
	case t.ReferenceID != "" && t.ReferenceID != ev.TrackedRef && !slices.Contains(ev.MoreRefs, t.ReferenceID) && len(ev.MoreRefs) < maxTracked:
		ev.MoreRefs = append(slices.Clip(ev.MoreRefs), t.ReferenceID)
	}
}

// EndGrace says that no more is waited for: what several recipients' legs say by now is told, as partial.
func EndGrace(s calls.CallState) (calls.CallState, bool) {
	return change(s, func(ev *calls.Evidence) { ev.GraceOver = true })
}

// GiveUp says that nobody told the ending of the call in time. A call that is final stays as it is.
func GiveUp(s calls.CallState) (calls.CallState, bool) {
	return change(s, func(ev *calls.Evidence) { ev.GaveUp, ev.GraceOver = true, true })
}

// EndUnknown says that the call log did not tell in time what a status means that nobody knows: a leg that ended with it
// has ended so.
func EndUnknown(s calls.CallState) (calls.CallState, bool) {
	return change(s, func(ev *calls.Evidence) { ev.UnknownOver = true })
}

// Requests are the referenceIds of calls that we may have placed ourselves: who asked for them is to be told of this
// one. What was tracked comes first.
func Requests(s calls.CallState) []string {
	if s.Evidence == nil || s.Evidence.Rules == rulesOfOld {
		return ownRequests(s.ReferenceID)
	}
	said := append([]string{s.Evidence.TrackedRef}, s.Evidence.MoreRefs...)
	for _, l := range s.Legs {
		said = append(said, l.ReferenceID)
	}
	return ownRequests(said...)
}

// Sessions are the masks whose sessions the call has legs of.
func Sessions(s calls.CallState) []string {
	if s.MaskID == "" || s.Evidence == nil || s.Evidence.Rules == rulesOfOld {
		return nonEmpty(s.MaskID)
	}
	out := nonEmpty(s.MaskID)
	for _, l := range s.Legs {
		if l.MaskID != "" && !slices.Contains(out, l.MaskID) && len(out) < maxTracked {
			out = append(out, l.MaskID)
		}
	}
	return out
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

func ownRequests(said ...string) []string {
	var out []string
	for _, ref := range said {
		if _, _, own := calls.ParseAttemptReferenceID(ref); own && !slices.Contains(out, ref) && len(out) < maxTracked {
			out = append(out, ref)
		}
	}
	return out
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
	s.Evidence, s.Revision, s.Notified, s.Parties = nil, 0, nil, nil
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

// maxLegs is how many legs a state shows; those beyond are counted.
const maxLegs = 300

// derive makes the visible state out of the evidence. Who was told is taken over, and that the call was final.
func derive(s calls.CallState, evidence calls.Evidence) calls.CallState {
	next := New(s.CallKey)
	next.WorkflowID = cmp.Or(s.WorkflowID, next.WorkflowID)
	next.Evidence = &evidence
	next.Notified = append(next.Notified, s.Notified...)
	next.Parties = s.Parties

	n := newNumbers(evidence.Rules)
	legs := groupLegs(evidence.Events, n)
	for _, l := range legs {
		next.Legs = append(next.Legs, l.view())
	}
	settleFailovers(legs, next.Legs, n)

	all := &leg{events: pointers(evidence.Events)}
	said := first(all, func(e *calls.StatusEvent) string { return e.ReferenceID })
	next.CallID = first(all, func(e *calls.StatusEvent) string { return e.CallID })
	next.MaskID = first(all, func(e *calls.StatusEvent) string { return e.MaskID })
	next.ReferenceID = cmp.Or(evidence.TrackedRef, said)
	if evidence.Rules == rulesOfOld {
		next.ReferenceID = cmp.Or(said, evidence.TrackedRef)
	}
	next.SecondaryCallerID = first(all, func(e *calls.StatusEvent) string { return e.SecondaryCallerID })
	next.CampaignID = first(all, func(e *calls.StatusEvent) string { return e.CampaignID })
	next.Recordings = pending(recordings(next, legs))
	settle(&next, s, n)
	if more := len(next.Legs) - maxLegs; more > 0 {
		next.Legs, next.MoreLegs = slices.Clip(next.Legs[:maxLegs]), more
	}
	return next
}

// attention lists what an operator should look at.
func attention(s calls.CallState, n *numbers) []string {
	var out []string
	if slices.ContainsFunc(s.Legs, func(l calls.Leg) bool { return l.Conflict }) {
		out = append(out, calls.AttentionConflict)
	}
	if s.Outcome != nil && s.Outcome.Source == calls.SourceGaveUp {
		out = append(out, calls.AttentionGaveUp)
	}
	if n.rules == rulesOfOld {
		return out
	}
	if slices.ContainsFunc(s.Legs, func(l calls.Leg) bool { return l.Status == calls.StatusUnknown && l.RawStatus != "" }) {
		out = append(out, calls.AttentionUnknownStatus)
	}
	if mismatch(s, n) {
		out = append(out, calls.AttentionNumberMismatch)
	}
	return out
}

// Recordings lists every recording URL that was said of a leg of the call, the best event's last, so that the last URL
// of a path is the one to try. A leg may have several recordings: each path is one. Where none was said and the call's is
// looked for, that is the only one, without a URL.
func Recordings(s calls.CallState) []contract.RecordingURL {
	if s.Evidence == nil {
		return nil
	}
	return recordings(s, groupLegs(s.Evidence.Events, newNumbers(s.Evidence.Rules)))
}

func recordings(s calls.CallState, legs []*leg) []contract.RecordingURL {
	var out []contract.RecordingURL
	var numbers *phone.Set
	for _, l := range legs {
		var listed map[string]bool
		var first string
		var several bool
		for _, e := range slices.Backward(l.events) {
			if e.RecordingURL == "" || listed[e.RecordingURL] {
				continue
			}
			if numbers == nil {
				numbers = new(Numbers(s))
			}
			if listed == nil {
				listed = map[string]bool{}
				first, several = l.recordingPaths()
			}
			listed[e.RecordingURL] = true
			v := l.view()
			r := contract.RecordingURL{
				CallKey: s.CallKey, CallID: s.CallID, LegKey: v.Key(), CallSID: Hidden(v.CallSID, *numbers), MaskID: s.MaskID,
				ReferenceID: AttributeReference(s), URL: e.RecordingURL, EventKey: e.EventKey, CompletedAt: cmp.Or(e.CompletedAt, v.CompletedAt), ReceivedAt: e.ReceivedAt,
				Parties: s.Parties,
			}
			if path := recordingPath(e); path != first {
				r.Path = path
			}
			if v.DurationSeconds != nil && !several {
				r.Seconds = *v.DurationSeconds
			}
			out = append(out, r)
		}
	}
	if len(out) == 0 {
		return sought(s, legs)
	}
	return out
}

// recordingPath tells the recordings of a leg apart. The query of a URL, which signs it, does not count.
func recordingPath(e *calls.StatusEvent) string {
	return calls.RecordingPath(cmp.Or(calls.RecordingIdentity(e.RecordingURL), calls.LegHash(e.RecordingURL)))
}

// recordingPaths returns the path of the leg's recording that was heard of first, and whether there are others.
func (l *leg) recordingPaths() (first string, several bool) {
	var at time.Time
	for _, e := range l.events {
		if e.RecordingURL == "" {
			continue
		}
		path := recordingPath(e)
		several = several || first != "" && path != first
		if first == "" || cmp.Or(e.ReceivedAt.Compare(at), cmp.Compare(path, first)) < 0 {
			first, at = path, e.ReceivedAt
		}
	}
	return first, several
}

// recordingIDs are the identities of the leg's recordings, the one that was heard of first before the others.
func (l *leg) recordingIDs() (ids []string) {
	heard := map[string]time.Time{}
	for _, e := range l.events {
		id := calls.RecordingIdentity(e.RecordingURL)
		if id == "" {
			continue
		}
		if at, known := heard[id]; !known {
			ids, heard[id] = append(ids, id), e.ReceivedAt
		} else if e.ReceivedAt.Before(at) {
			heard[id] = e.ReceivedAt
		}
	}
	slices.SortFunc(ids, func(a, b string) int { return cmp.Or(heard[a].Compare(heard[b]), cmp.Compare(a, b)) })
	return ids
}

// pending is what the call itself knows of its recordings: one per path, wanted until a time. What became of each is the
// Recording workflow's to say.
func pending(urls []contract.RecordingURL) []calls.Recording {
	out := make([]calls.Recording, 0, len(urls))
	listed := map[string]int{}
	for _, r := range urls {
		in := r.Input()
		rec := calls.Recording{
			ID: in.LegHash, CallKey: r.CallKey, Leg: r.CallSID, LegHash: in.LegHash, Status: calls.RecordingPending,
			Deadline: RecordingDeadline(r.CompletedAt, r.ReceivedAt),
		}
		if i, ok := listed[rec.LegHash]; ok {
			out[i] = rec
			continue
		}
		listed[rec.LegHash] = len(out)
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
