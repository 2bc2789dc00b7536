package outbound

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

func TestNextWindow(t *testing.T) {
	tests := map[string]struct {
		zone, from, to string
		at             string
		open, close    string
	}{
		"open":                             {"Asia/Riyadh", "09:00", "22:00", "2026-11-23T10:00:00Z", "2026-11-23T06:00:00Z", "2026-11-23T19:00:00Z"},
		"first instant":                    {"Asia/Riyadh", "09:00", "22:00", "2026-11-23T06:00:00Z", "2026-11-23T06:00:00Z", "2026-11-23T19:00:00Z"},
		"last instant":                     {"Asia/Riyadh", "09:00", "22:00", "2026-11-23T19:00:00Z", "2026-11-24T06:00:00Z", "2026-11-24T19:00:00Z"},
		"before":                           {"Asia/Riyadh", "09:00", "22:00", "2026-11-23T05:59:59Z", "2026-11-23T06:00:00Z", "2026-11-23T19:00:00Z"},
		"over midnight, evening":           {"Asia/Riyadh", "20:00", "02:00", "2026-11-23T20:00:00Z", "2026-11-23T17:00:00Z", "2026-11-23T23:00:00Z"},
		"over midnight, night":             {"Asia/Riyadh", "20:00", "02:00", "2026-11-23T22:30:00Z", "2026-11-23T17:00:00Z", "2026-11-23T23:00:00Z"},
		"over midnight, closed":            {"Asia/Riyadh", "20:00", "02:00", "2026-11-23T23:00:00Z", "2026-11-24T17:00:00Z", "2026-11-24T23:00:00Z"},
		"the day is another one there":     {"Pacific/Auckland", "09:00", "12:00", "2026-06-01T20:59:00Z", "2026-06-01T21:00:00Z", "2026-06-02T00:00:00Z"},
		"the day the clocks go forward":    {"Europe/Berlin", "00:00", "24:00", "2026-03-29T10:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"},
		"the day the clocks go back":       {"Europe/Berlin", "00:00", "24:00", "2026-10-25T00:30:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"},
		"an hour that the clocks swallow":  {"Europe/Berlin", "02:15", "02:45", "2026-03-29T00:30:00Z", "2026-03-30T00:15:00Z", "2026-03-30T00:45:00Z"},
		"an hour that comes twice is open": {"Europe/Berlin", "02:00", "03:00", "2026-10-25T01:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"},
		"minutes that come twice":          {"Europe/Berlin", "02:10", "02:40", "2026-10-25T00:00:00Z", "2026-10-25T01:10:00Z", "2026-10-25T01:40:00Z"},
		"closes for the first time":        {"Africa/Cairo", "22:00", "23:30", "2026-10-29T19:30:00Z", "2026-10-29T19:00:00Z", "2026-10-29T20:30:00Z"},
		"and does not open again":          {"Africa/Cairo", "22:00", "23:30", "2026-10-29T21:10:00Z", "2026-10-30T20:00:00Z", "2026-10-30T21:30:00Z"},
		"over the midnight that is late":   {"Africa/Cairo", "22:00", "00:30", "2026-10-29T19:30:00Z", "2026-10-29T19:00:00Z", "2026-10-29T22:30:00Z"},
		"opens in what is swallowed":       {"America/New_York", "02:15", "03:00", "2026-03-08T05:00:00Z", "2026-03-09T06:15:00Z", "2026-03-09T07:00:00Z"},
		"is swallowed":                     {"America/New_York", "02:00", "02:30", "2026-03-08T05:00:00Z", "2026-03-09T06:00:00Z", "2026-03-09T06:30:00Z"},
		"opens late by the change":         {"America/New_York", "02:15", "04:00", "2026-03-08T05:00:00Z", "2026-03-08T07:00:00Z", "2026-03-08T08:00:00Z"},
		"closes in what is swallowed":      {"America/New_York", "01:15", "02:15", "2026-03-08T05:00:00Z", "2026-03-08T06:15:00Z", "2026-03-08T07:00:00Z"},
		"a change of half an hour":         {"Australia/Lord_Howe", "01:00", "01:45", "2026-04-04T13:00:00Z", "2026-04-04T14:00:00Z", "2026-04-04T14:45:00Z"},
		"a day that never was":             {"Pacific/Apia", "09:00", "10:00", "2011-12-30T01:00:00Z", "2011-12-30T19:00:00Z", "2011-12-30T20:00:00Z"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w, err := NextWindow(calls.CallingHours{Timezone: tt.zone, From: tt.from, To: tt.to}, clockAt(t, tt.at))
			require.NoError(t, err)
			require.Equal(t, contract.Window{OpenAt: clockAt(t, tt.open), ClosesAt: clockAt(t, tt.close)}, w)
		})
	}
}

// TestNextWindowShowsItsHours walks through a year of odd zones. In a window the clock always shows a time within the hours.
// Outside all windows it does so only if a clock change repeats the hours.
func TestNextWindowShowsItsHours(t *testing.T) {
	for _, zone := range []string{
		"Africa/Cairo", "America/New_York", "America/Santiago", "America/St_Johns", "Antarctica/Troll", "Asia/Beirut", "Asia/Riyadh",
		"Australia/Lord_Howe", "Europe/Berlin", "Pacific/Chatham",
	} {
		loc, err := time.LoadLocation(zone)
		require.NoError(t, err)
		for _, h := range [][2]string{{"02:15", "03:00"}, {"01:15", "02:15"}, {"23:30", "00:30"}, {"22:00", "23:30"}, {"00:00", "24:00"}, {"09:00", "22:00"}, {"22:00", "06:00"}} {
			from, _ := TimeOfDay(h[0])
			to, _ := TimeOfDay(h[1])
			var w contract.Window
			twice := 0
			for at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() == 2026; at = at.Add(15 * time.Minute) {
				if !at.Before(w.ClosesAt) {
					w, err = NextWindow(calls.CallingHours{Timezone: zone, From: h[0], To: h[1]}, at)
					require.NoError(t, err)
					require.True(t, at.Before(w.ClosesAt))
				}
				y, m, d := at.In(loc).Date()
				shows := int(time.Date(y, m, d, at.In(loc).Hour(), at.In(loc).Minute(), 0, 0, time.UTC).Sub(time.Date(y, m, d, 0, 0, 0, 0, time.UTC)).Minutes())
				within := from <= shows && shows < to || to < from && (shows >= from || shows < to)
				if w.Contains(at) {
					require.True(t, within, "%s %v: open at %s", zone, h, at.In(loc))
				} else if within {
					twice++
				}
			}
			require.LessOrEqual(t, twice, 8, "%s %v: quarters of an hour left out", zone, h)
		}
	}
}

func TestNextWindowRefusesHoursThatNeverOpen(t *testing.T) {
	for name, h := range map[string]calls.CallingHours{
		"unknown zone": {Timezone: "Asia/Nowhere", From: "09:00", To: "22:00"},
		"no zone":      {From: "09:00", To: "22:00"},
		"not a time":   {Timezone: "UTC", From: "9 o'clock", To: "22:00"},
		"not a time 2": {Timezone: "UTC", From: "09:00", To: "25:00"},
		"never":        {Timezone: "UTC", From: "09:00", To: "09:00"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NextWindow(h, dayZero)
			require.Error(t, err)
		})
	}
}

func clockAt(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, s)
	require.NoError(t, err)
	return at
}
