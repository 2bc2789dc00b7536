package callstate

import "github.com/aftercall/aftercall/calls"

// RecordingHash is the hash by which a recording is found: its LegHash, or that of its leg where an early release noted
// none.
func RecordingHash(r calls.Recording) string {
	if r.LegHash != "" {
		return r.LegHash
	}
	return calls.LegHash(r.Leg)
}

// RecordingOf reports whether a recording is of a leg.
func RecordingOf(r calls.Recording, l calls.Leg) bool {
	return r.Leg != "" && r.Leg == l.CallSID || r.LegHash != "" && r.LegHash == calls.LegHash(l.Key())
}
