package callstate

import (
	"cmp"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

// RecordingOverdue reports whether the call was to be recorded and was answered, but no recording URL has arrived and none
// is looked for.
func RecordingOverdue(s calls.CallState) bool {
	return s.Final && s.Evidence != nil && s.Evidence.Recorded && !s.Evidence.RecordingSought && len(s.Recordings) == 0 && spoken(s.Legs) != nil
}

// SeekRecording records that the provider's time to send the recording's URL is over: from now on the recording is listed
// without a URL, and looked for.
func SeekRecording(s calls.CallState) (calls.CallState, bool) {
	return change(s, func(ev *calls.Evidence) { ev.RecordingSought = true })
}

// spoken returns the leg that a recording would belong to: the best answered leg that ended well.
func spoken(legs []calls.Leg) *calls.Leg {
	return bestLeg(filter(legs, func(l calls.Leg) bool {
		return l.Direction != calls.DirectionInbound && (l.Status == calls.StatusCompleted || l.Status == calls.StatusCompletedWithFailure) &&
			l.DurationSeconds != nil && *l.DurationSeconds > 0
	}), false)
}

// sought returns the recording to look for, of a call without a recording URL.
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
