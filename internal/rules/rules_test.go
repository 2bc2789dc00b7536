package rules

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/aftercall/aftercall/calls"
)

func TestAsk(t *testing.T) {
	strict := Rules{Prefixes: []string{"+966", "+9715"}, CallerIDs: []string{"+966110000001"}, Country: SaudiArabia}
	ok := Request{To: "+966500000001", CallerID: "+966110000001", Class: calls.ClassService}
	for name, tt := range map[string]struct {
		rules Rules
		edit  func(*Request)
		want  string
	}{
		"allowed":                       {strict, func(*Request) {}, calls.RuleAllowed},
		"another country":               {strict, func(q *Request) { q.To = "+4930123456" }, calls.RulePrefix},
		"the second prefix":             {strict, func(q *Request) { q.To = "+971501234567" }, calls.RuleAllowed},
		"another caller ID":             {strict, func(q *Request) { q.CallerID = "+9661100000011" }, calls.RuleCallerID},
		"advertising":                   {strict, func(q *Request) { q.Class = calls.ClassAdvertising }, calls.RuleConsent},
		"advertising with consent":      {strict, func(q *Request) { q.Class, q.ConsentRef = calls.ClassAdvertising, "c-1" }, calls.RuleAllowed},
		"awareness":                     {strict, func(q *Request) { q.Class = calls.ClassAwareness }, calls.RuleAllowed},
		"no rules":                      {Rules{}, func(q *Request) { *q = Request{To: "+4930123456"} }, calls.RuleAllowed},
		"no country":                    {Rules{}, func(q *Request) { q.Class = calls.ClassAdvertising }, calls.RuleAllowed},
		"the first rule is named first": {strict, func(q *Request) { *q = Request{Class: calls.ClassAdvertising} }, calls.RulePrefix},
	} {
		t.Run(name, func(t *testing.T) {
			q := ok
			tt.edit(&q)
			d := tt.rules.Ask(q)
			require.Equal(t, tt.want, d.Rule)
			require.Equal(t, tt.want == calls.RuleAllowed, d.Allowed())
			require.Equal(t, !d.Allowed(), d.Reason != "")
			require.Zero(t, d.Until)
		})
	}
}

func TestSuppressed(t *testing.T) {
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		s     Suppression
		class string
		want  string
		until time.Time
	}{
		"nobody":            {Suppression{}, calls.ClassAdvertising, calls.RuleAllowed, time.Time{}},
		"all":               {Suppression{Scope: ScopeAll}, calls.ClassWarning, calls.RuleSuppressed, time.Time{}},
		"the class":         {Suppression{Scope: calls.ClassAdvertising}, calls.ClassAdvertising, calls.RuleSuppressed, time.Time{}},
		"another class":     {Suppression{Scope: calls.ClassAdvertising}, calls.ClassService, calls.RuleAllowed, time.Time{}},
		"the default class": {Suppression{Scope: calls.ClassService}, "", calls.RuleSuppressed, time.Time{}},
		"for a while":       {Suppression{Scope: ScopeAll, Until: now.Add(1)}, "", calls.RuleSuppressed, now.Add(1)},
		"over":              {Suppression{Scope: ScopeAll, Until: now}, "", calls.RuleAllowed, time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			d := Rules{}.Suppressed(tt.s, tt.class, now)
			require.Equal(t, tt.want, d.Rule)
			require.Equal(t, tt.until, d.Until)
		})
	}
}

// TestWindowsAreTheHours compares windows and decisions with a second statement of the terms, at any minute of 2024 to 2031.
func TestWindowsAreTheHours(t *testing.T) {
	begin := day(t, "2024-01-01")
	rapid.Check(t, func(rt *rapid.T) {
		r := Rules{Country: SaudiArabia}
		if rapid.Bool().Draw(rt, "announced") {
			r.Ramadan = months
		}
		at := begin.Add(time.Duration(rapid.IntRange(0, 7*365*24*60).Draw(rt, "minute")) * time.Minute)
		w := r.Window(calls.ClassAdvertising, at)
		require.True(rt, at.Before(w.ClosesAt) && w.OpenAt.Before(w.ClosesAt))
		for probe := at; probe.Before(w.ClosesAt.Add(2 * time.Minute)); probe = probe.Add(7 * time.Minute) {
			inside := w.Contains(probe)
			if probe.Before(w.ClosesAt) {
				require.Equal(rt, inside, mayAdvertise(r, probe), "%s in %v", probe, w)
			}
			require.Equal(rt, mayAdvertise(r, probe), r.ClassHours(calls.ClassAdvertising, probe).Allowed())
		}
	})
}

// mayAdvertise states the terms again: no calls from 22:00 to 09:00; in Ramadan none from 01:00 to 12:00; both next to a
// month that was not announced.
func mayAdvertise(r Rules, at time.Time) bool {
	local := at.In(riyadh)
	date, hour := local.Format(time.DateOnly), local.Hour()
	night, fasting := hour >= 22 || hour < 9, hour >= 1 && hour < 12
	for _, p := range months {
		before := local.AddDate(0, 0, 1).Format(time.DateOnly) == p.First
		after := local.AddDate(0, 0, -1).Format(time.DateOnly) == p.Last
		switch {
		case p.First <= date && date <= p.Last:
			return !fasting
		case (before || after) && len(r.Ramadan) == 0:
			return !fasting && !night
		}
	}
	return !night
}

// TestCapsAndGapsHold dials whenever the rules allow it. It checks that the cap and the gap hold, and that waiting until
// the time they name is long enough and never too long.
func TestCapsAndGapsHold(t *testing.T) {
	zone, err := time.LoadLocation("Africa/Cairo") // its clocks change
	require.NoError(t, err)
	rapid.Check(t, func(rt *rapid.T) {
		r := Rules{
			PersonDaily: rapid.IntRange(0, 4).Draw(rt, "daily"),
			PersonGap:   time.Duration(rapid.IntRange(0, 30*60).Draw(rt, "gap")) * time.Minute, Zone: zone,
		}
		now := time.Date(2026, 10, 28, 9, 0, 0, 0, time.UTC)
		var dials []Dial
		for range 40 {
			now = now.Add(time.Duration(rapid.IntRange(0, 600).Draw(rt, "later")) * time.Minute)
			d := r.Person(dials, now)
			for !d.Allowed() {
				require.True(rt, d.Until.After(now), "%+v", d)
				require.False(rt, r.Person(dials, d.Until.Add(-1)).Allowed(), "not too long")
				now = d.Until
				d = r.Person(dials, now)
			}
			dials = append(dials, Dial{At: now, Date: r.Date(now)})
		}
		days := map[string]int{}
		for i, d := range dials {
			days[d.At.In(zone).Format(time.DateOnly)]++
			if i > 0 {
				require.GreaterOrEqual(rt, d.At.Sub(dials[i-1].At), r.PersonGap)
			}
		}
		for date, n := range days {
			require.True(rt, r.PersonDaily == 0 || n <= r.PersonDaily, "%d dials on %s", n, date)
		}
	})
}

func TestNoPersonRulesCostNothing(t *testing.T) {
	require.False(t, Rules{}.PersonRules())
	require.True(t, Rules{PersonDaily: 1}.PersonRules())
	require.True(t, Rules{PersonGap: 1}.PersonRules())
	require.True(t, Rules{}.Person([]Dial{{At: time.Now()}}, time.Now()).Allowed())
}

func TestNextIsWhereBothHoursMeet(t *testing.T) {
	r := Rules{Country: SaudiArabia, Ramadan: months}
	riyadhHours := func(from, to string) calls.CallingHours {
		return calls.CallingHours{Timezone: "Asia/Riyadh", From: from, To: to}
	}
	for name, tt := range map[string]struct {
		hours       calls.CallingHours
		class, at   string
		opens, ends string
		rule        string
	}{
		"both open":                {riyadhHours("08:00", "12:00"), calls.ClassAdvertising, "2026-11-23T10:00", "2026-11-23T09:00", "2026-11-23T12:00", ""},
		"the class waits":          {riyadhHours("08:00", "12:00"), calls.ClassAdvertising, "2026-11-23T08:30", "2026-11-23T09:00", "2026-11-23T12:00", calls.RuleClassHours},
		"the request waits":        {riyadhHours("10:00", "12:00"), calls.ClassAdvertising, "2026-11-23T09:30", "2026-11-23T10:00", "2026-11-23T12:00", calls.RuleCallingHours},
		"the class waits longer":   {riyadhHours("08:00", "12:00"), calls.ClassAdvertising, "2026-11-23T07:00", "2026-11-23T09:00", "2026-11-23T12:00", calls.RuleClassHours},
		"the request waits longer": {riyadhHours("10:00", "12:00"), calls.ClassAdvertising, "2026-11-23T07:00", "2026-11-23T10:00", "2026-11-23T12:00", calls.RuleCallingHours},
		"after Ramadan":            {riyadhHours("09:30", "11:00"), calls.ClassAwareness, "2027-02-08T10:00", "2027-03-09T09:30", "2027-03-09T11:00", calls.RuleClassHours},
		"no hours of the class":    {riyadhHours("22:00", "02:00"), calls.ClassService, "2026-11-23T10:00", "2026-11-23T22:00", "2026-11-24T02:00", calls.RuleCallingHours},
		"no hours of the request":  {calls.CallingHours{}, calls.ClassAdvertising, "2026-11-23T23:00", "2026-11-24T09:00", "2026-11-24T22:00", calls.RuleClassHours},
	} {
		t.Run(name, func(t *testing.T) {
			at := func(s string) time.Time {
				got, err := time.ParseInLocation("2006-01-02T15:04", s, riyadh)
				require.NoError(t, err)
				return got.UTC()
			}
			w, rule, err := r.Next(tt.hours, tt.class, at(tt.at))
			require.NoError(t, err)
			require.Equal(t, tt.rule, rule)
			require.Equal(t, at(tt.opens), w.OpenAt)
			require.Equal(t, at(tt.ends), w.ClosesAt)
		})
	}
	_, _, err := r.Next(riyadhHours("22:00", "09:00"), calls.ClassAdvertising, day(t, "2026-11-23"))
	require.ErrorIs(t, err, ErrNeverMeet)
	require.True(t, Never(day(t, "2026-11-23")).OpenAt.After(day(t, "2030-01-01")))
	_, _, err = r.Next(calls.CallingHours{Timezone: "Nowhere", From: "01:00", To: "02:00"}, "", day(t, "2026-11-23"))
	require.Error(t, err)
	w, rule, err := Rules{}.Next(calls.CallingHours{}, calls.ClassAdvertising, day(t, "2026-11-23"))
	require.NoError(t, err)
	require.Empty(t, rule)
	require.Greater(t, w.ClosesAt.Sub(w.OpenAt), 365*24*time.Hour, "no rule costs no waiting")
}
