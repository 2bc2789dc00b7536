package callstate

import (
	"reflect"
	"slices"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

// Late returns what an event means for a closed call: the recordings that the call did not know, with the workflows to tell
// of them, and whether the event would change what was told, which is not allowed any more.
func Late(closed calls.CallState, e calls.StatusEvent) (recordings []contract.RecordingURL, changes bool) {
	after, _ := Apply(closed, e)
	known := Recordings(closed)
	for _, r := range Recordings(after) {
		if !slices.ContainsFunc(known, func(k contract.RecordingURL) bool { return k.URL == r.URL }) {
			r.Subscribers = told(closed)
			recordings = append(recordings, r)
		}
	}
	return recordings, !reflect.DeepEqual(apartFromRecordings(closed), apartFromRecordings(after))
}

// told returns the workflows that were told of the call: they are told of its recordings too.
func told(s calls.CallState) []string {
	var ids []string
	for _, n := range s.Notified {
		if n.Result == calls.NotifiedTold && !calls.OwnWorkflowID(n.WorkflowID) {
			ids = append(ids, n.WorkflowID)
		}
	}
	return ids
}

// apartFromRecordings returns the part of the state that a late event may not change: everything that was told of the call.
func apartFromRecordings(s calls.CallState) calls.CallState {
	s.Recordings, s.Evidence, s.Notified, s.Parties, s.Revision = nil, nil, nil, nil, 0
	s.Legs = slices.Clone(s.Legs)
	for i := range s.Legs {
		s.Legs[i].RecordingID, s.Legs[i].MoreRecordingIDs = "", nil
	}
	if s.Outcome != nil {
		o := *s.Outcome
		o.Revision, s.Outcome = 0, &o
	}
	return s
}
