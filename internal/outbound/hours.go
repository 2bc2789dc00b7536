package outbound

import (
	"fmt"
	"time"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

// NextWindow is the window that is open at a time, or else the next one. It depends on the time zone data of the
// machine, so a workflow asks an activity for it. It errs where the hours cannot be read or never open.
func NextWindow(h calls.CallingHours, at time.Time) (contract.Window, error) {
	zone, err := time.LoadLocation(h.Timezone)
	if err != nil || h.Timezone == "" {
		return contract.Window{}, fmt.Errorf("read calling hours: time zone %q is not known", h.Timezone)
	}
	from, err := clock(h.From)
	if err != nil {
		return contract.Window{}, err
	}
	to, err := clock(h.To)
	if err != nil {
		return contract.Window{}, err
	}
	if from == to {
		return contract.Window{}, fmt.Errorf("read calling hours: from %s to %s never opens", h.From, h.To)
	}
	y, m, d := at.In(zone).Date()
	for day := -1; day <= 2; day++ { // yesterday's window may span midnight; a change of the clocks may swallow a day's
		w := contract.Window{OpenAt: onDay(y, m, d+day, from, zone), ClosesAt: onDay(y, m, d+day, to, zone)}
		if to < from {
			w.ClosesAt = onDay(y, m, d+day+1, to, zone)
		}
		if w.OpenAt.Before(w.ClosesAt) && at.Before(w.ClosesAt) {
			return w, nil
		}
	}
	return contract.Window{}, fmt.Errorf("read calling hours: from %s to %s does not open", h.From, h.To)
}

// clock reads "09:00" as minutes after midnight; "24:00" is the end of the day.
func clock(s string) (minutes int, err error) {
	if s == "24:00" {
		return 24 * 60, nil
	}
	t, err := time.Parse("15:04", s)
	if err != nil {
		return 0, fmt.Errorf("read calling hours: %q is not a time of day such as 09:00", s)
	}
	return t.Hour()*60 + t.Minute(), nil
}

func onDay(y int, m time.Month, d, minutes int, zone *time.Location) time.Time {
	return time.Date(y, m, d, 0, minutes, 0, 0, zone).UTC()
}
