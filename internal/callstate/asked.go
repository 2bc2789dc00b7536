package callstate

import (
	"cmp"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

// RecordingOverdue reports whether the call was to be recorded and somebody spoke in it, but nobody has said where the
// recording is, nor is it looked for.
func RecordingOverdue(s calls.CallState) bool {
	return s.Final && s.Evidence != nil && s.Evidence.Recorded && !s.Evidence.RecordingSought && len(s.Recordings) == 0 && spoken(s.Legs) != nil
}

// SeekRecording says that the provider had its time to say where the recording is: from now on it is listed, without a
// URL, and looked for.
func SeekRecording(s calls.CallState) (calls.CallState, bool) {
	return change(s, func(ev *calls.Evidence) { ev.RecordingSought = true })
}

// spoken is the leg that a call's recording would be of: the best of those that were answered and ended well.
func spoken(legs []calls.Leg) *calls.Leg {
	return bestLeg(filter(legs, func(l calls.Leg) bool {
		return l.Direction != calls.DirectionInbound && (l.Status == calls.StatusCompleted || l.Status == calls.StatusCompletedWithFailure) &&
			l.DurationSeconds != nil && *l.DurationSeconds > 0
	}), false)
}

// sought is the recording that is looked for, of a call of which no recording URL was said.
func sought(s calls.CallState, legs []*leg) []contract.RecordingURL {
	if !s.Evidence.RecordingSought {
		return nil
	}
	views := make([]calls.Leg, len(legs))
	for i, l := range legs {
		views[i] = l.view()
	}
	v := spoken(views)
	if v == nil {
		return nil
	}
	numbers := Numbers(s)
	r := contract.RecordingURL{
		CallKey: s.CallKey, CallID: cmp.Or(s.CallID, s.ReferenceID), LegKey: v.Key(), CallSID: Hidden(v.CallSID, numbers),
		ReferenceID: AttributeReference(s), CompletedAt: v.CompletedAt, Seconds: *v.DurationSeconds, Asked: true,
	}
	for _, l := range legs {
		if l.view().Key() == v.Key() {
			r.ReceivedAt = l.events[0].ReceivedAt
		}
	}
	return []contract.RecordingURL{r}
}
