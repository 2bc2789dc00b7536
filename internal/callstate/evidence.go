package callstate

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/aftercall/aftercall/calls"
)

// merge adds an event to the evidence: it takes its slot if it is better than what holds it. merge is commutative,
// associative and idempotent. The result is sorted, best event first, and shares nothing with events.
func merge(events []calls.StatusEvent, e calls.StatusEvent) []calls.StatusEvent {
	out := slices.Clone(events)
	i := slices.IndexFunc(out, func(o calls.StatusEvent) bool { return slot(o) == slot(e) })
	switch {
	case i < 0:
		out = append(out, e)
	case compare(e, out[i]) > 0:
		out[i] = e
	}
	slices.SortFunc(out, func(a, b calls.StatusEvent) int { return compare(b, a) })
	return out
}

// slot is what only one event is kept for.
func slot(e calls.StatusEvent) string {
	flags := ""
	if e.FailoverOver {
		flags += "f"
	}
	if e.LogComplete {
		flags += "c"
	}
	return strings.Join([]string{
		e.CallSID, e.Direction, e.From, e.To, string(e.Status), e.RawStatus, string(e.Source), e.SecondaryCallerID,
		e.RecordingURL, flags,
	}, "\x00")
}

// compare orders events of one call, the better one greater. Between two terminal ones of a leg it is the contract's
// rule: has completedAt, later completedAt, notification before call log, order of statuses, event key. When we
// received them decides only between events that are alike in all else.
func compare(a, b calls.StatusEvent) int {
	return cmp.Or(
		compareBool(a.Status.Terminal(), b.Status.Terminal()),
		compareTime(a.CompletedAt, b.CompletedAt),
		compareBool(a.Source == calls.SourceNotification, b.Source == calls.SourceNotification),
		cmp.Compare(a.Status.Rank(), b.Status.Rank()),
		compareTime(a.InitiatedAt, b.InitiatedAt),
		cmp.Compare(a.EventKey, b.EventKey),
		b.ReceivedAt.Compare(a.ReceivedAt),
		cmp.Compare(slot(a), slot(b)),
	)
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
