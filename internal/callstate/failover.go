package callstate

import (
	"slices"

	"github.com/aftercall/aftercall/calls"
)

// failsOver reports whether the event is a failure after which the provider may itself dial again from the secondary caller
// ID.
func failsOver(e *calls.StatusEvent) bool {
	return e.Status == calls.StatusFailed && e.Source == calls.SourceNotification &&
		e.SecondaryCallerID != "" && e.SecondaryCallerID != e.From
}

// settleFailovers marks the legs whose failure is not final: no leg from the secondary caller ID has ended, and the
// call log has not confirmed the failure after the time for failing over.
func settleFailovers(legs []*leg, views []calls.Leg, n *numbers) {
	var failed []int
	for i := range legs {
		if views[i].Status == calls.StatusFailed && slices.ContainsFunc(legs[i].events, failsOver) {
			failed = append(failed, i)
		}
	}
	if len(failed) == 0 {
		return
	}
	byTo, confirmed := map[string][]int{}, map[string][]int{}
	for i, l := range legs {
		b := n.bucket(l.to)
		if views[i].Status.Terminal() {
			byTo[b] = append(byTo[b], i)
		}
		if slices.ContainsFunc(l.events, func(e *calls.StatusEvent) bool { return e.FailoverOver && e.Status == calls.StatusFailed }) {
			confirmed[b] = append(confirmed[b], i)
		}
	}
	for _, i := range failed {
		l := legs[i]
		j := slices.IndexFunc(l.events, func(e *calls.StatusEvent) bool {
			return failsOver(e) && (n.rules == rulesOfOld || !n.same(e.SecondaryCallerID, e.From))
		})
		if j < 0 {
			continue
		}
		secondary := l.events[j].SecondaryCallerID
		over := n.anyTo(byTo, l.to, func(k int) bool { return n.same(views[k].From, secondary) && n.same(views[k].To, l.to) }) ||
			n.anyTo(confirmed, l.to, func(k int) bool { return n.fit(legs[k].to, l.to) })
		views[i].Provisional = !over
	}
}

// anyTo reports whether a condition holds for one of the legs that may go to a number.
func (n *numbers) anyTo(byTo map[string][]int, number string, f func(int) bool) bool {
	b := n.bucket(number)
	if b == "" {
		for _, legs := range byTo {
			if slices.ContainsFunc(legs, f) {
				return true
			}
		}
		return false
	}
	return slices.ContainsFunc(byTo[b], f) || slices.ContainsFunc(byTo[""], f)
}
