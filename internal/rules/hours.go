package rules

import (
	"errors"
	"time"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/outbound"
)

// riyadh is the zone of the Saudi hours. Its clocks never change.
var riyadh = time.FixedZone("Asia/Riyadh", 3*60*60)

// hours is an open part of a day, in hours after midnight.
type hours struct{ from, to int }

// The hours in which advertising and awareness calls may be made.
var (
	ordinary  = []hours{{9, 22}}
	inRamadan = []hours{{0, 1}, {12, 24}}
	either    = []hours{{12, 22}} // if it is not certain which of the two holds
)

// HasHours reports whether calls of a class may only be made at certain hours.
func (r Rules) HasHours(class string) bool {
	return r.Country == SaudiArabia && (class == calls.ClassAdvertising || class == calls.ClassAwareness)
}

// ClassHours decides by the time of day, for a class.
func (r Rules) ClassHours(class string, at time.Time) Decision {
	if !r.HasHours(class) {
		return allowed
	}
	w := r.window(at)
	if w.Contains(at) {
		return allowed
	}
	return Decision{Rule: calls.RuleClassHours, Until: w.OpenAt, Reason: class + " calls are not made at this hour"}
}

// Window returns the time in which calls of a class may be made: the window that is open at a time, or else the next one.
// For a class without hours it is always open.
func (r Rules) Window(class string, at time.Time) contract.Window {
	if !r.HasHours(class) {
		return contract.Window{OpenAt: at.UTC(), ClosesAt: at.Add(farAhead).UTC()}
	}
	return r.window(at)
}

// farAhead is longer than a request lives.
const farAhead = 10 * 365 * 24 * time.Hour

func (r Rules) window(at time.Time) contract.Window {
	y, m, d := at.In(riyadh).Date()
	var w contract.Window
	for day := -1; ; day++ { // every day has hours
		midnight := time.Date(y, m, d+day, 0, 0, 0, 0, riyadh)
		for _, h := range r.openOn(midnight) {
			from, to := midnight.Add(time.Duration(h.from)*time.Hour), midnight.Add(time.Duration(h.to)*time.Hour)
			if !w.ClosesAt.IsZero() && w.ClosesAt.Equal(from) {
				w.ClosesAt = to.UTC()
				continue
			}
			if at.Before(w.ClosesAt) {
				return w
			}
			w = contract.Window{OpenAt: from.UTC(), ClosesAt: to.UTC()}
		}
	}
}

// openOn returns the open hours of the day that begins at a midnight in Riyadh.
func (r Rules) openOn(midnight time.Time) []hours {
	switch sure, ramadan := r.ramadan(midnight); {
	case !sure:
		return either
	case ramadan:
		return inRamadan
	}
	return ordinary
}

// ErrNeverMeet says that a request may be placed at no time.
var ErrNeverMeet = errors.New("the calling hours and the hours of the class never meet")

// Never is the window of such a request: it opens after the request has ended.
func Never(now time.Time) contract.Window {
	return contract.Window{OpenAt: now.Add(farAhead).UTC(), ClosesAt: now.Add(farAhead + time.Hour).UTC()}
}

// mostWindows is how many windows Next looks through: hours that do not meet those of their class in so many days never
// do.
const mostWindows = 100

// Next returns the window that is open now, or else the next one, in which a call may be placed: in the request's calling
// hours, whose zero value is any hour, and in those of its class. rule is the rule that forbids a call now, or empty while
// the window is open. It returns an error if the hours cannot be read or never open.
func (r Rules) Next(h calls.CallingHours, class string, now time.Time) (w contract.Window, rule string, err error) {
	for at, n := now, 0; n < mostWindows; n++ {
		byClass := r.Window(class, at)
		byRequest := byClass
		if h != (calls.CallingHours{}) {
			if byRequest, err = outbound.NextWindow(h, at); err != nil {
				return w, "", err
			}
		}
		if n == 0 {
			rule = closedBy(byRequest, byClass, now)
		}
		if w = byRequest.Both(byClass); w.OpenAt.Before(w.ClosesAt) {
			return w, rule, nil
		}
		at = w.OpenAt // where the later of the two begins
	}
	return w, "", ErrNeverMeet
}

// closedBy returns the rule that forbids a call now; if both do, the one that forbids it longer.
func closedBy(byRequest, byClass contract.Window, now time.Time) string {
	switch {
	case byRequest.Contains(now) && byClass.Contains(now):
		return ""
	case !byClass.Contains(now) && !byClass.OpenAt.Before(byRequest.OpenAt):
		return calls.RuleClassHours
	}
	return calls.RuleCallingHours
}
