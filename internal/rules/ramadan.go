package rules

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hablullah/go-hijri"
)

// Period is an announced month of Ramadan: its first and its last day, as "2027-02-08".
type Period struct{ First, Last string }

// ParsePeriod reads "2027-02-08/2027-03-09". A lunar month has 29 or 30 days.
func ParsePeriod(s string) (Period, error) {
	first, last, ok := strings.Cut(s, "/")
	a, errFirst := time.Parse(time.DateOnly, first)
	b, errLast := time.Parse(time.DateOnly, last)
	if !ok || errFirst != nil || errLast != nil {
		return Period{}, errors.New("must be the first and the last day, as 2027-02-08/2027-03-09")
	}
	if a.Year() < 2000 {
		return Period{}, errors.New("must be given in the Gregorian calendar, as 2027-02-08/2027-03-09")
	}
	if days := int(b.Sub(a).Hours())/24 + 1; days < 29 || days > 30 {
		return Period{}, fmt.Errorf("has %d days: a month of Ramadan has 29 or 30", days)
	}
	return Period{First: first, Last: last}, nil
}

// replaces is how near an announced month the calendar's days of Ramadan count as the same month.
const replaces = 20 * 24 * time.Hour

// ramadan reports whether a day, given by any time on it, is one of Ramadan, and whether that is certain. It is certain in
// an announced month. It is not on the day before and the day after a month of the calendar: the announcement decides.
func (r Rules) ramadan(day time.Time) (sure, ramadan bool) {
	date := day.Format(time.DateOnly)
	for _, p := range r.Ramadan {
		if p.First <= date && date <= p.Last {
			return true, true
		}
		if p.near(day) {
			return true, false
		}
	}
	switch {
	case inNinthMonth(day):
		return true, true
	case inNinthMonth(day.AddDate(0, 0, 1)) || inNinthMonth(day.AddDate(0, 0, -1)):
		return false, false
	}
	return true, false
}

func (p Period) near(day time.Time) bool {
	first, errFirst := time.ParseInLocation(time.DateOnly, p.First, day.Location())
	last, errLast := time.ParseInLocation(time.DateOnly, p.Last, day.Location())
	return errFirst == nil && errLast == nil && day.After(first.Add(-replaces)) && day.Before(last.Add(replaces))
}

// inNinthMonth reports whether a day is one of Ramadan in the calendar of Umm al-Qura. It returns false outside the known
// part of that calendar (1356 to 1500 after the hijra, until 2077).
func inNinthMonth(day time.Time) bool {
	y, m, d := day.Date()
	date, err := hijri.CreateUmmAlQuraDate(time.Date(y, m, d, 12, 0, 0, 0, time.UTC)) // it looks at the date in UTC
	return err == nil && date.Month == 9
}
