package callstate

import (
	"strings"

	"github.com/aftercall/aftercall/calls"
)

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
	leg, _, _ := strings.Cut(r.LegHash, "-")
	return r.Leg != "" && r.Leg == l.CallSID || leg != "" && leg == calls.LegHash(l.Key())
}

// RecordingPath is the path of a further recording of its leg; of the first it is empty.
func RecordingPath(r calls.Recording) string {
	_, path, _ := strings.Cut(r.LegHash, "-")
	return path
}
