package callstate

import (
	"strings"

	"github.com/aftercall/aftercall/calls"
)

// RecordingHash returns the hash that identifies a recording: its LegHash, or its leg's if an early release recorded none.
func RecordingHash(r calls.Recording) string {
	if r.LegHash != "" {
		return r.LegHash
	}
	return calls.LegHash(r.Leg)
}

// RecordingOf reports whether a recording belongs to a leg.
func RecordingOf(r calls.Recording, l calls.Leg) bool {
	leg, _, _ := strings.Cut(r.LegHash, "-")
	return r.Leg != "" && r.Leg == l.CallSID || leg != "" && leg == calls.LegHash(l.Key())
}

// RecordingPath returns the path of a further recording of its leg, or "" for the first.
func RecordingPath(r calls.Recording) string {
	_, path, _ := strings.Cut(r.LegHash, "-")
	return path
}
