package rules

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/calls"
)

// months are the months of Ramadan in the calendar of Umm al-Qura. The year 2030 has two.
var months = []Period{
	{"2024-03-11", "2024-04-09"}, {"2025-03-01", "2025-03-29"}, {"2026-02-18", "2026-03-19"}, {"2027-02-08", "2027-03-08"},
	{"2028-01-28", "2028-02-25"}, {"2029-01-16", "2029-02-13"}, {"2030-01-05", "2030-02-03"}, {"2030-12-26", "2031-01-23"},
}

func day(t *testing.T, s string) time.Time {
	t.Helper()
	d, err := time.ParseInLocation(time.DateOnly, s, riyadh)
	require.NoError(t, err)
	return d
}

func TestRamadanByTheCalendar(t *testing.T) {
	var r Rules
	found := map[Period]bool{}
	var first string
	for d := day(t, "2024-01-01"); d.Year() < 2031 || d.Month() == 1; d = d.AddDate(0, 0, 1) {
		sure, ramadan := r.ramadan(d)
		today, before := d.Format(time.DateOnly), d.AddDate(0, 0, -1)
		sureBefore, ramadanBefore := r.ramadan(before)
		switch {
		case ramadan && !ramadanBefore:
			require.False(t, sureBefore, "the day before %s", today)
			first = today
		case !ramadan && ramadanBefore:
			require.False(t, sure, "the day after: %s", today)
			found[Period{first, before.Format(time.DateOnly)}] = true
		case !ramadan && !sure:
			_, tomorrow := r.ramadan(d.AddDate(0, 0, 1))
			require.True(t, tomorrow, "%s is next to no month", today)
		}
	}
	for _, p := range months {
		require.True(t, found[p], "%v of %v", p, found)
	}
	require.Len(t, found, len(months))
}

func TestRamadanIsWhenItWasAnnounced(t *testing.T) {
	r := Rules{Country: SaudiArabia, Ramadan: []Period{{"2027-02-09", "2027-03-09"}}}
	for date, want := range map[string]bool{
		"2027-02-07": false, "2027-02-08": false, "2027-02-09": true, "2027-03-09": true, "2027-03-10": false, "2026-12-25": false,
	} {
		sure, ramadan := r.ramadan(day(t, date))
		require.True(t, sure, date)
		require.Equal(t, want, ramadan, date)
	}
	sure, _ := r.ramadan(day(t, "2028-01-27"))
	require.False(t, sure, "another year goes by the calendar")
}

func TestParsePeriod(t *testing.T) {
	p, err := ParsePeriod("2027-02-08/2027-03-08")
	require.NoError(t, err)
	require.Equal(t, months[3], p)
	for _, bad := range []string{"", "2027-02-08", "2027-02-08/x", "2027-03-09/2027-02-08", "2027-02-08/2027-02-20", "2027-02-08/2028-03-09"} {
		_, err := ParsePeriod(bad)
		require.Error(t, err, bad)
	}
}

func TestClassHours(t *testing.T) {
	calendar, announced := Rules{Country: SaudiArabia}, Rules{Country: SaudiArabia, Ramadan: months}
	for name, tt := range map[string]struct {
		rules       Rules
		class, at   string
		open        bool
		opens, ends string // in Riyadh
	}{
		"morning":                        {calendar, calls.ClassAdvertising, "2026-11-23T08:59:59", false, "2026-11-23T09:00:00", "2026-11-23T22:00:00"},
		"day":                            {calendar, calls.ClassAwareness, "2026-11-23T09:00:00", true, "2026-11-23T09:00:00", "2026-11-23T22:00:00"},
		"night":                          {calendar, calls.ClassAdvertising, "2026-11-23T22:00:00", false, "2026-11-24T09:00:00", "2026-11-24T22:00:00"},
		"service at night":               {calendar, calls.ClassService, "2026-11-23T23:00:00", true, "", ""},
		"warning at night":               {calendar, calls.ClassWarning, "2026-11-23T23:00:00", true, "", ""},
		"no class at night":              {calendar, "", "2026-11-23T23:00:00", true, "", ""},
		"without rules":                  {Rules{}, calls.ClassAdvertising, "2026-11-23T23:00:00", true, "", ""},
		"Ramadan, late evening":          {calendar, calls.ClassAdvertising, "2027-02-15T23:00:00", true, "2027-02-15T12:00:00", "2027-02-16T01:00:00"},
		"Ramadan, after midnight":        {calendar, calls.ClassAdvertising, "2027-02-16T00:59:59", true, "2027-02-15T12:00:00", "2027-02-16T01:00:00"},
		"Ramadan, night":                 {calendar, calls.ClassAwareness, "2027-02-16T01:00:00", false, "2027-02-16T12:00:00", "2027-02-17T01:00:00"},
		"Ramadan, morning":               {calendar, calls.ClassAwareness, "2027-02-16T11:59:59", false, "2027-02-16T12:00:00", "2027-02-17T01:00:00"},
		"the day before takes both":      {calendar, calls.ClassAdvertising, "2027-02-07T10:00:00", false, "2027-02-07T12:00:00", "2027-02-07T22:00:00"},
		"the night before too":           {calendar, calls.ClassAdvertising, "2027-02-07T22:30:00", false, "2027-02-08T00:00:00", "2027-02-08T01:00:00"},
		"the day after takes both":       {calendar, calls.ClassAdvertising, "2027-03-09T00:30:00", false, "2027-03-09T12:00:00", "2027-03-09T22:00:00"},
		"announced, the day before":      {announced, calls.ClassAdvertising, "2027-02-07T10:00:00", true, "2027-02-07T09:00:00", "2027-02-07T22:00:00"},
		"announced, the last evening":    {announced, calls.ClassAdvertising, "2027-03-08T23:00:00", true, "2027-03-08T12:00:00", "2027-03-09T00:00:00"},
		"announced, the feast's morning": {announced, calls.ClassAdvertising, "2027-03-09T00:30:00", false, "2027-03-09T09:00:00", "2027-03-09T22:00:00"},
	} {
		t.Run(name, func(t *testing.T) {
			at := func(s string) time.Time {
				got, err := time.ParseInLocation("2006-01-02T15:04:05", s, riyadh)
				require.NoError(t, err)
				return got
			}
			d := tt.rules.ClassHours(tt.class, at(tt.at))
			require.Equal(t, tt.open, d.Allowed())
			w := tt.rules.Window(tt.class, at(tt.at))
			require.Equal(t, tt.open, w.Contains(at(tt.at)))
			if tt.opens == "" {
				return
			}
			require.Equal(t, at(tt.opens).UTC(), w.OpenAt)
			require.Equal(t, at(tt.ends).UTC(), w.ClosesAt)
			if !tt.open {
				require.Equal(t, Decision{Rule: calls.RuleClassHours, Until: w.OpenAt, Reason: d.Reason}, d)
			}
		})
	}
}
