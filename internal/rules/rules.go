package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/aftercall/aftercall/calls"
)

// SaudiArabia is the value of Rules.Country that turns the Saudi rules on.
const SaudiArabia = "sa"

// Rules are the rules in force. The zero value allows everything.
type Rules struct {
	Prefixes    []string       // of the numbers that may be called, as "+966"; none: all
	CallerIDs   []string       // that may be used; none: all
	Country     string         // SaudiArabia, or empty
	Ramadan     []Period       // announced months, which override the calendar
	PersonDaily int            // dials of a person on a date; 0: any number
	PersonGap   time.Duration  // between two dials of a person; 0: none
	Zone        *time.Location // in which a date begins; nil: UTC
}

// Decision is the decision of a rule on a dial: Rule is calls.RuleAllowed, or the rule that forbids it now.
type Decision struct {
	Rule   string
	Until  time.Time // when time alone may allow it; zero: never
	Reason string    // in words, without phone numbers
}

// Allowed reports whether the dial may be made.
func (d Decision) Allowed() bool { return d.Rule == calls.RuleAllowed }

var allowed = Decision{Rule: calls.RuleAllowed}

// Request holds the fields of a request that the rules look at, and the caller ID of the dial.
type Request struct {
	To, CallerID, Class, ConsentRef string
}

// Ask decides by the request alone: time and earlier calls do not matter.
func (r Rules) Ask(q Request) Decision {
	if against := r.Against(q); len(against) > 0 {
		return against[0]
	}
	return allowed
}

// Against returns every rule that forbids a dial of the request at any time.
func (r Rules) Against(q Request) (all []Decision) {
	if len(r.Prefixes) > 0 && !slices.ContainsFunc(r.Prefixes, func(p string) bool { return strings.HasPrefix(q.To, p) }) {
		all = append(all, Decision{Rule: calls.RulePrefix, Reason: "numbers with this prefix may not be called"})
	}
	if len(r.CallerIDs) > 0 && !slices.Contains(r.CallerIDs, q.CallerID) {
		all = append(all, Decision{Rule: calls.RuleCallerID, Reason: "this caller ID may not be used"})
	}
	if r.Country == SaudiArabia && q.Class == calls.ClassAdvertising && !saysSomething(q.ConsentRef) {
		all = append(all, Decision{Rule: calls.RuleConsent, Reason: "advertising needs the person's consent: say in consentRef where it is recorded"})
	}
	return all
}

// saysSomething reports whether a text has a letter or a digit.
func saysSomething(text string) bool {
	return strings.ContainsFunc(text, func(c rune) bool { return unicode.IsLetter(c) || unicode.IsDigit(c) })
}

// PersonRules reports whether it matters when a person was called before.
func (r Rules) PersonRules() bool { return r.PersonDaily > 0 || r.PersonGap > 0 }

// Date returns the date on which a dial counts, as "2026-01-31".
func (r Rules) Date(at time.Time) string { return at.In(r.zone()).Format(time.DateOnly) }

func (r Rules) zone() *time.Location {
	if r.Zone == nil {
		return time.UTC
	}
	return r.Zone
}

// Dial is an earlier dial of a person: when it was made, and the date on which it counts.
type Dial struct {
	At   time.Time
	Date string
}

// Person decides by earlier dials of the same person, in any order.
func (r Rules) Person(earlier []Dial, at time.Time) Decision {
	today, date := 0, r.Date(at)
	var free time.Time
	for _, d := range earlier {
		if d.Date == date {
			today++
		}
		if until := d.At.Add(r.PersonGap); until.After(free) {
			free = until
		}
	}
	switch {
	case r.PersonDaily > 0 && today >= r.PersonDaily:
		y, m, d := at.In(r.zone()).Date()
		tomorrow := time.Date(y, m, d+1, 0, 0, 0, 0, r.zone()).UTC()
		return Decision{Rule: calls.RulePersonDaily, Until: tomorrow, Reason: fmt.Sprintf("the person was called %d times on this day", today)}
	case r.PersonGap > 0 && at.Before(free):
		return Decision{Rule: calls.RulePersonGap, Until: free.UTC(), Reason: fmt.Sprintf("the person was called less than %s ago", r.PersonGap)}
	}
	return allowed
}

// Suppression says that a person must not be called.
type Suppression struct {
	Scope string    // ScopeAll, or a class
	Until time.Time // zero: for ever
}

// ScopeAll suppresses calls of every class.
const ScopeAll = "all"

// Suppressed decides by a suppression of the person called.
func (r Rules) Suppressed(s Suppression, class string, at time.Time) Decision {
	if s.Scope != ScopeAll && s.Scope != Class(class) || !s.Until.IsZero() && !at.Before(s.Until) {
		return allowed
	}
	return Decision{Rule: calls.RuleSuppressed, Until: s.Until, Reason: "the person is not to be called"}
}

// Class returns the class, or the default for "".
func Class(class string) string {
	if class == "" {
		return calls.ClassService
	}
	return class
}

// Classes returns all classes of calls.
func Classes() []string {
	return []string{calls.ClassService, calls.ClassAdvertising, calls.ClassAwareness, calls.ClassWarning}
}
