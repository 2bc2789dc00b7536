package phone

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Match is the result of comparing two spellings of a number.
type Match int

// Matches. CannotTell is the zero value: one of the two is absent, masked, rounded, too short or no number at all, and
// what it shows does not contradict the other.
const (
	CannotTell Match = iota
	Same
	Different
)

// Compare tells whether two texts spell one number. It accepts the forms that Normalize reads, and national forms
// ("0500000001" and "500000001" are the Same as "+966500000001"), masked ones ("+9665****0001") and rounded ones
// ("9.665E+11"). A national form compares by the digits after the country code, because it names no country. It
// returns CannotTell if either text leaves the question open, even for two equal texts that spell no number
// ("anonymous", ""). The order of the two does not matter. It uses no data that changes between releases, so that
// workflows may call it.
func Compare(a, b string) Match {
	if a == b && Valid(a) {
		return Same
	}
	best := Different
	ra, rb := readings(a), readings(b)
	if len(ra) == 0 || len(rb) == 0 {
		return CannotTell
	}
	for _, x := range ra {
		for _, y := range rb {
			switch compare(x, y) {
			case Same:
				return Same
			case CannotTell:
				best = CannotTell
			}
		}
	}
	return best
}

// reading is one way to understand a spelling.
type reading struct {
	international bool
	digits        string            // with country code if international; "" if matches decides
	matches       func(string) bool // whether the digits of a number fit; nil if digits are exact
}

const (
	localDigits = 7              // digits that name a subscriber; fewer are an extension or a short code
	fewestWorld = fewestBare - 1 // digits of an international number, except on some islands
)

// readings returns the ways to understand a text. Digits without "+" may be a national number or lack their "+"; a
// number that is too short for its "+" may be a national one that got a "+" by mistake.
func readings(text string) []reading {
	s, ok := read(text)
	switch {
	case !ok:
		return nil
	case s.to > 0:
		matches := func(digits string) bool {
			n, err := strconv.ParseUint(digits, 10, 64)
			return err == nil && s.from <= n && n <= s.to
		}
		return []reading{{international: true, matches: matches}, {matches: matches}}
	}
	var out []reading
	if s.international || s.digits[0] != '0' && (s.masked() || len(s.digits) >= minDigits) {
		out = append(out, exactOrMasked(s.digits, true))
	}
	if !s.international || !s.masked() && len(s.digits) < fewestWorld {
		out = append(out, exactOrMasked(strings.TrimLeft(s.digits, "0"), false))
	}
	return out
}

func exactOrMasked(digits string, international bool) reading {
	r := reading{international: international, digits: digits}
	if strings.ContainsRune(digits, hiddenRun) {
		pattern := regexp.MustCompile("^" + strings.ReplaceAll(digits, string(hiddenRun), "[0-9]+") + "$")
		r.digits, r.matches = "", pattern.MatchString
	}
	return r
}

func compare(a, b reading) Match {
	switch {
	case a.matches != nil && b.matches != nil:
		return CannotTell
	case a.matches != nil:
		return fits(b, a)
	case b.matches != nil:
		return fits(a, b)
	case a.digits == b.digits && a.international == b.international:
		return Same
	case a.international && b.international:
		return Different
	case a.international:
		return compareNational(a.digits, b.digits)
	case b.international:
		return compareNational(b.digits, a.digits)
	default:
		return compareLocal(a.digits, b.digits)
	}
}

// fits reports whether an exact number may be the masked or rounded one.
func fits(exact, vague reading) Match {
	candidates := []string{exact.digits}
	if exact.international && !vague.international {
		candidates = nationals(exact.digits)
	}
	if !exact.international && vague.international {
		return CannotTell // the national number names no country
	}
	if slices.ContainsFunc(candidates, vague.matches) {
		return CannotTell
	}
	return Different
}

// compareNational compares the digits of an international number with a national number.
func compareNational(international, national string) Match {
	for _, n := range nationals(international) {
		if n == national && len(n) >= localDigits {
			return Same
		}
	}
	return compareLocal(international, national)
}

// compareLocal compares two runs of digits; either may lack an area code, or be an extension.
func compareLocal(a, b string) Match {
	if len(a) < localDigits && len(b) < localDigits {
		return Different
	}
	short := min(len(a), len(b))
	if short < localDigits || strings.HasSuffix(a, b) || strings.HasSuffix(b, a) {
		return CannotTell
	}
	return Different
}
