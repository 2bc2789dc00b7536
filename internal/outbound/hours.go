package outbound

import (
	"fmt"
	"time"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

// NextWindow returns the window that is open at a time, or else the next one. It depends on the machine's time zone data,
// so a workflow asks an activity for it. It returns an error if the hours are invalid or never open.
//
// On a day when the clocks change, a window never holds a moment at which the clock shows a time outside the hours. It
// opens when the clock shows the first hour for the last time, and closes when the clock then shows the last hour for the
// first time. If the change skips one of the two, the window opens or closes at the change.
func NextWindow(h calls.CallingHours, at time.Time) (contract.Window, error) {
	zone, err := time.LoadLocation(h.Timezone)
	if err != nil || h.Timezone == "" {
		return contract.Window{}, fmt.Errorf("read calling hours: time zone %q is unknown", h.Timezone)
	}
	from, fromOK := TimeOfDay(h.From)
	to, toOK := TimeOfDay(h.To)
	if !fromOK || !toOK {
		return contract.Window{}, fmt.Errorf("read calling hours: from %q to %q are no times of day such as 09:00", h.From, h.To)
	}
	if from == to {
		return contract.Window{}, fmt.Errorf("read calling hours: from %s to %s never opens", h.From, h.To)
	}
	if to < from {
		to += EndOfDay
	}
	y, m, d := at.In(zone).Date()
	for day := -1; day <= 2; day++ { // yesterday's window may span midnight; a clock change may skip a day's
		midnight := time.Date(y, m, d+day, 0, 0, 0, 0, time.UTC)
		_, opens := shown(midnight.Add(time.Duration(from)*time.Minute), zone)
		w := contract.Window{OpenAt: opens, ClosesAt: firstAfter(opens, midnight.Add(time.Duration(to)*time.Minute), zone)}
		if w.OpenAt.Before(w.ClosesAt) && at.Before(w.ClosesAt) {
			return w, nil
		}
	}
	return contract.Window{}, fmt.Errorf("read calling hours: from %s to %s does not open", h.From, h.To)
}

// EndOfDay is the time of day, in minutes, at which a day ends: calling hours can close then, but not open.
const EndOfDay = 24 * 60

// TimeOfDay reads "09:00" as minutes after midnight; "24:00" is EndOfDay.
func TimeOfDay(s string) (minutes int, ok bool) {
	if s == "24:00" {
		return EndOfDay, true
	}
	t, err := time.Parse("15:04", s)
	return t.Hour()*60 + t.Minute(), err == nil && len(s) == len("09:00")
}

// mostOffset is more than any time zone's distance from UTC.
const mostOffset = 26 * time.Hour

// shown returns when the clock of a zone shows a date and time of day, given as if it were UTC: the first and the last
// time, if the clocks are set back over it. If they are set forward over it, both are the moment of the change.
func shown(reading time.Time, zone *time.Location) (first, last time.Time) {
	for at := reading.Add(-mostOffset); at.Before(reading.Add(mostOffset)); {
		_, offset := at.In(zone).Zone()
		_, until := at.In(zone).ZoneBounds()
		if until.IsZero() {
			until = reading.Add(mostOffset)
		}
		t := reading.Add(-time.Duration(offset) * time.Second)
		if t.Before(at) && first.IsZero() {
			t = at // the change skipped it
		}
		if !t.Before(at) && t.Before(until) {
			if first.IsZero() {
				first = t
			}
			last = t
		}
		at = until
	}
	return first.UTC(), last.UTC()
}

// firstAfter returns when the clock shows a reading for the first time after a moment.
func firstAfter(moment, reading time.Time, zone *time.Location) time.Time {
	first, last := shown(reading, zone)
	if first.Before(moment) {
		return last
	}
	return first
}
