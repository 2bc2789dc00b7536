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
		"an hour that the clocks swallow":  {"Europe/Berlin", "02:15", "02:45", "2026-03-29T00:30:00Z", "2026-03-29T01:15:00Z", "2026-03-29T01:45:00Z"},
		"an hour that comes twice is open": {"Europe/Berlin", "02:00", "03:00", "2026-10-25T01:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w, err := NextWindow(calls.CallingHours{Timezone: tt.zone, From: tt.from, To: tt.to}, clockAt(t, tt.at))
			require.NoError(t, err)
			require.Equal(t, contract.Window{OpenAt: clockAt(t, tt.open), ClosesAt: clockAt(t, tt.close)}, w)
		})
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
