package workflows

import (
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/callstate"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/masking"
)

// listAtLeast is the longest time between two listings while a session is never quiet: far less than the 72 hours after
// which URLs expire.
const listAtLeast = 24 * time.Hour

// sweep lists a session's recordings, beside the main loop.
type sweep struct {
	running bool
	from    time.Time // what carry.Unlisted was when it started
}

// sweepAt returns when to list the recordings: after a quiet time, since a leg may still name its own.
func (m *maskingSession) sweepAt() time.Time {
	quiet := m.carry.LastLegAt.Add(m.in.Settings.RecordingsAfter)
	if latest := m.carry.Unlisted.Add(listAtLeast); latest.Before(quiet) {
		return latest
	}
	return quiet
}

// startSweep lists the session's recordings if that is due. The list is the second source, besides the legs' notifications.
func (m *maskingSession) startSweep(ctx workflow.Context) {
	now := workflow.Now(ctx)
	if m.sweep.running || m.carry.Unlisted == nil || (now.Before(m.sweepAt()) && now.Before(m.expiry())) || m.reason != "" {
		return
	}
	m.sweep = sweep{running: true, from: *m.carry.Unlisted}
	m.carry.Unlisted = nil
	in := contract.KeepSessionRecordingsInput{MaskID: m.in.MaskID, Key: m.in.MaskKey, Known: slices.Concat(m.carry.Book.Recordings, m.carry.Marks),
		Parties: m.carry.Parties}
	in.Legs, in.Known = m.recordedLegs(in.Known)
	workflow.GoNamed(ctx, "list-recordings", func(ctx workflow.Context) {
		res, err := keepSessionRecordings(ctx, in)
		now := workflow.Now(ctx).UTC()
		m.sweep.running, m.carry.ListedAt, m.dirty = false, &now, true
		if err != nil {
			workflow.GetLogger(ctx).Warn("recordings of the session were not listed", "maskId", m.in.Key(), "error", err)
			m.raiseAlarm(ctx)
			return
		}
		for _, k := range res.Kept {
			m.addRecording(ctx, k)
		}
	})
}

// recordedLegs returns the legs whose recordings are not stored yet, and the marks of the stored ones.
func (m *maskingSession) recordedLegs(known []string) ([]contract.SessionLeg, []string) {
	var legs []contract.SessionLeg
	for _, c := range m.story {
		for key, l := range masking.Sides(c) {
			for i, id := range l.RecordingIDs() {
				path := ""
				if i > 0 {
					path = calls.RecordingPath(id)
				}
				if slices.ContainsFunc(c.Recordings, func(r calls.Recording) bool {
					return r.Status == calls.RecordingStored && callstate.RecordingOf(r, *l) && callstate.RecordingPath(r) == path
				}) {
					known = append(known, masking.RecordingMark(id))
					continue
				}
				legs = append(legs, contract.SessionLeg{
					RecordingID: id, Path: path, CallKey: key, CallID: m.carry.Book.Entries[key].State.CallID, LegKey: l.Key(),
					CallSID: l.CallSID, CompletedAt: l.CompletedAt,
				})
			}
		}
	}
	return legs, known
}

// addRecording remembers a recording that belongs to the session and to no leg.
func (m *maskingSession) addRecording(ctx workflow.Context, k contract.KeptRecording) {
	m.carry.Marks = append(m.carry.Marks, k.Mark)
	m.carry.Marks = m.carry.Marks[max(len(m.carry.Marks)-maxSessionMarks, 0):]
	if m.recordingAt(k.Recording.LegHash) < 0 { // its state may have been reported before
		m.refreshRecording(ctx, k.Recording)
	}
}

// refreshRecording takes a recording's report to the session.
func (m *maskingSession) refreshRecording(ctx workflow.Context, r calls.Recording) {
	m.carry.Revision++
	if i := m.recordingAt(r.LegHash); i >= 0 {
		m.carry.Recordings[i] = r
	} else {
		m.carry.Recordings = append(m.carry.Recordings, r)
		m.carry.Recordings = m.carry.Recordings[max(len(m.carry.Recordings)-maxSessionRecordings, 0):]
	}
	if r.Alarm || r.Status == calls.RecordingExpired || r.Status == calls.RecordingRefused || r.Status == calls.RecordingMissing {
		m.raiseAlarm(ctx)
	}
}

func (m *maskingSession) recordingAt(legHash string) int {
	return slices.IndexFunc(m.carry.Recordings, func(r calls.Recording) bool { return r.LegHash == legHash })
}

// recordingsAt returns how long an ending session waits for reports of its own recordings. Their workflows continue without
// it.
func (m *maskingSession) recordingsAt() time.Time {
	pending := slices.ContainsFunc(m.carry.Recordings, func(r calls.Recording) bool { return r.Status == calls.RecordingPending })
	if m.carry.ListedAt == nil || !pending {
		return time.Time{}
	}
	return m.carry.ListedAt.Add(m.in.Settings.PairingWindow)
}

// raiseAlarm shows an operator that recordings of the session may be lost.
func (m *maskingSession) raiseAlarm(ctx workflow.Context) {
	if m.carry.Alarm {
		return
	}
	m.carry.Alarm = true
	m.carry.Revision++
	writeAttributes(ctx, calls.AttributeCallAttention.ValueSet(calls.AttentionRecordingAlarm))
}
