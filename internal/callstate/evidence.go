package callstate

import (
	"cmp"
	"slices"
	"time"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/wording"
)

// Bounds of what is remembered of one call. Its state stays far below Temporal's limit of 2 MiB for a payload, whatever the
// provider sends. For what the provider documents, 250 recipients with four statuses each, it stays below the 512 KiB at
// which Temporal warns.
const (
	maxEvents     = 2_000
	maxEvidence   = 800 << 10 // bytes
	maxSuperseded = 240 << 10 // bytes, if superseded events are among them
	eventOverhead = 400       // bytes of an event's JSON beside its texts
	maxText       = 500       // bytes of a text of the provider
	maxURL        = 8_000     // bytes of a recording's URL
	maxReference  = len(calls.ForeignWorkflowPrefix) + 1000
)

// merge adds events to the evidence: each takes its slot if it is better than the event there. merge is commutative,
// associative and idempotent within the bounds. The result is sorted, best event first, and shares nothing with events;
// where none of them is news, it is events itself. It costs n log n.
func merge(events []calls.StatusEvent, more []calls.StatusEvent, sparing bool) []calls.StatusEvent {
	news := false
	all := make([]*calls.StatusEvent, 0, len(events)+len(more))
	held := make(map[slot]int, len(events)+len(more))
	take := func(e *calls.StatusEvent) {
		key := slotOf(e)
		switch i, taken := held[key]; {
		case !taken:
			held[key] = len(all)
			all, news = append(all, e), true
		case compare(e, all[i]) > 0:
			all[i], news = e, true
		}
	}
	for i := range events {
		take(&events[i])
	}
	news = false
	for i := range more {
		take(new(bounded(more[i])))
	}
	if !news {
		return events
	}
	slices.SortFunc(all, func(a, b *calls.StatusEvent) int { return compare(b, a) })
	return within(all, sparing)
}

// slot identifies the place of one kept event.
type slot struct {
	callSID, direction, from, to string
	status                       calls.Status
	rawStatus                    string
	source                       calls.Source
	secondary, recordingURL      string
	failoverOver, logComplete    bool
}

func slotOf(e *calls.StatusEvent) slot {
	return slot{
		e.CallSID, e.Direction, e.From, e.To, e.Status, e.RawStatus, e.Source, e.SecondaryCallerID, e.RecordingURL,
		e.FailoverOver, e.LogComplete,
	}
}

func compareSlots(a, b slot) int {
	return cmp.Or(
		cmp.Compare(a.callSID, b.callSID), cmp.Compare(a.direction, b.direction), cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to),
		cmp.Compare(a.status, b.status), cmp.Compare(a.rawStatus, b.rawStatus), cmp.Compare(a.source, b.source),
		cmp.Compare(a.secondary, b.secondary), cmp.Compare(a.recordingURL, b.recordingURL),
		compareBool(a.failoverOver, b.failoverOver), compareBool(a.logComplete, b.logComplete),
	)
}

// bounded returns an event with its texts cut to a useful length. It hashes an identifier that is longer than any of the
// provider's.
func bounded(e calls.StatusEvent) calls.StatusEvent {
	e.Source = cmp.Or(e.Source, calls.SourceNotification)
	e.Parties = nil // the state has them
	for _, text := range []*string{
		&e.RawStatus, &e.FailureReason, &e.UseCase, &e.Direction, &e.From, &e.To, &e.SecondaryCallerID, &e.AccountID, &e.ApplicationID,
	} {
		*text = wording.Cut(*text, maxText)
	}
	for _, id := range []*string{
		&e.CallID, &e.CallSID, &e.ParentCallSID, &e.UniqueCallID, &e.ExternalCallsID, &e.MaskID, &e.CampaignID, &e.EventKey,
	} {
		if len(*id) > maxText {
			*id = calls.HashedKey(*id)
		}
	}
	if len(e.ReferenceID) > maxReference {
		e.ReferenceID = calls.HashedKey(e.ReferenceID)
	}
	if len(e.RecordingURL) > maxURL {
		e.RecordingURL = ""
	}
	return e
}

// within copies the events, best first, without the worst ones beyond the bounds: those first that name no recording and
// end no leg; where it is sparing, of those that another event of their leg supersedes less is kept.
func within(events []*calls.StatusEvent, sparing bool) []calls.StatusEvent {
	count, size := len(events), 0
	for _, e := range events {
		size += sizeOf(e)
	}
	out := make([]bool, len(events))
	drop := func(most, bytes int, which func(i int) bool) {
		for i := len(events) - 1; i >= 0 && (count > most || size > bytes); i-- {
			if !out[i] && which(i) {
				out[i], count, size = true, count-1, size-sizeOf(events[i])
			}
		}
	}
	if sparing && size > maxSuperseded {
		late := superseded(events)
		drop(len(events), maxSuperseded, func(i int) bool { return late[i] })
	}
	drop(maxEvents, maxEvidence, func(i int) bool { return !matters(events[i]) })
	drop(maxEvents, maxEvidence, func(int) bool { return true })
	kept := make([]calls.StatusEvent, 0, count)
	for i, e := range events {
		if !out[i] {
			kept = append(kept, *e)
		}
	}
	return kept
}

// matters reports whether an event names a recording or ends its leg.
func matters(e *calls.StatusEvent) bool { return e.Status.Terminal() || e.RecordingURL != "" }

// superseded reports for each event, best first, whether a better event of its leg says everything that matters.
func superseded(events []*calls.StatusEvent) []bool {
	late := make([]bool, len(events))
	seen := make(map[[4]string]bool, len(events))
	for i, e := range events {
		leg := [4]string{e.CallSID}
		if e.CallSID == "" {
			leg = [4]string{"", e.Direction, e.From, e.To}
		}
		late[i], seen[leg] = seen[leg] && !matters(e), true
	}
	return late
}

func sizeOf(e *calls.StatusEvent) int {
	return eventOverhead + len(e.EventKey) + len(e.RawStatus) + len(e.CallID) + len(e.CallSID) + len(e.ParentCallSID) + len(e.UniqueCallID) +
		len(e.ExternalCallsID) + len(e.Direction) + len(e.From) + len(e.To) + len(e.UseCase) + len(e.FailureReason) + len(e.RecordingURL) +
		len(e.MaskID) + len(e.ReferenceID) + len(e.SecondaryCallerID) + len(e.CampaignID) + len(e.ApplicationID) + len(e.AccountID)
}

// compare orders events of one call; the better one is greater. Of two terminal events of a leg the better one has
// completedAt, or the later one; else is a notification and not of the call log; else has the higher status; else the higher
// event key. The time of receipt decides only between events that are equal in all of these.
func compare(a, b *calls.StatusEvent) int {
	if c := compareBool(a.Status.Terminal(), b.Status.Terminal()); c != 0 {
		return c
	}
	if c := compareTime(a.CompletedAt, b.CompletedAt); c != 0 {
		return c
	}
	if c := compareBool(a.Source == calls.SourceNotification, b.Source == calls.SourceNotification); c != 0 {
		return c
	}
	if c := cmp.Compare(a.Status.Rank(), b.Status.Rank()); c != 0 {
		return c
	}
	if c := cmp.Or(compareTime(a.InitiatedAt, b.InitiatedAt), cmp.Compare(a.EventKey, b.EventKey), b.ReceivedAt.Compare(a.ReceivedAt)); c != 0 {
		return c
	}
	return compareSlots(slotOf(a), slotOf(b))
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	default:
		return -1
	}
}

// compareTime puts no time before every time.
func compareTime(a, b *time.Time) int {
	if a == nil || b == nil {
		return compareBool(a != nil, b != nil)
	}
	return a.Compare(*b)
}
