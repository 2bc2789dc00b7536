package unifonic

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Years between which a time can be a call's. A time outside comes from a number or text that was no time; it would win
// over every real time or set a deadline that has long passed.
const firstYear, lastYear = 2000, 2099

var (
	// zoneID is the zone that Java writes after the offset, as in 2026-11-26T09:27:51+03:00[Asia/Riyadh].
	zoneID = regexp.MustCompile(`^(.*\d[^\[\]]*)\[([A-Za-z0-9_+/-]{1,40})\]$`)
	// remark is JavaScript's suffix of a time: (Arabian Standard Time).
	remark = regexp.MustCompile(` \([^()]*\)$`)
	// ticks is .NET's form: milliseconds since 1970.
	ticks = regexp.MustCompile(`^\\?/DATE\((\d{1,15})(?:[+-]\d{4})?\)\\?/$`)

	// Written forms with the groups year, month, day, hour, minute, second, fraction and zone; the last three may be empty.
	calendar = regexp.MustCompile(`^(\d{4})[-/](\d{1,2})[-/](\d{1,2})[T ] ?(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)? ?(` + offset + `)?(?: UTC| GMT)?$`)
	compact  = regexp.MustCompile(`^(20\d{2})(\d{2})(\d{2})T?(\d{2})(\d{2})(?:(\d{2})((?:[.,]\d+)|\d{3}|\d{6}|\d{9})?)?(` + offset + `)?$`)
)

// offset is a zone in a written form: Z, UTC, +03:00, +0300, +03, GMT+03:00.
const offset = `Z|UTC|GMT|(?:UTC|GMT)?[+-]\d{2}(?::?\d{2})?`

// layouts are the forms with months as words. UTC is the only zone read from a word: AST is Arabia's and the
// Atlantic's.
var layouts = []string{
	"Mon, 02 Jan 2006 15:04:05 Z0700", "Mon, 2 Jan 2006 15:04:05 Z0700", "2 Jan 2006 15:04:05 Z0700", "Mon Jan _2 15:04:05 Z0700 2006", "Mon Jan _2 2006 15:04:05 Z0700",
	"Mon Jan _2 15:04:05 Z07:00 2006",
}

// timeOf reads a time: a number since 1970 or its text, a written form of any source (the provider's reference, section
// 2.3) and of common libraries, or the output of Java's serialisers: an array [2026,11,26,9,27,51,287809000] or an object
// with seconds and nanoseconds. A form without a zone is in loc. It returns UTC, or nil for a value that cannot be read:
// nothing is rejected for a bad time.
func timeOf(v any, loc *time.Location) *time.Time {
	switch v := v.(type) {
	case json.Number:
		return written(v.String(), loc)
	case string:
		return written(clean(v), loc)
	case []any:
		return fromParts(v, loc)
	case object:
		return fromSeconds(v)
	default:
		return nil
	}
}

// written reads a time from text, in any case.
func written(s string, loc *time.Location) *time.Time {
	if s == "" {
		return nil
	}
	if whole, fraction, _ := strings.Cut(s, "."); isSeconds(s) {
		return epoch([]string{s, "", whole, fraction, ""})
	}
	if m := zoneID.FindStringSubmatch(s); m != nil {
		s = m[1]
		if named, err := time.LoadLocation(m[2]); err == nil {
			loc = named // an offset beside it means the same
		}
	}
	s = remark.ReplaceAllString(strings.ToUpper(s), "")
	if m := ticks.FindStringSubmatch(s); m != nil {
		s = m[1]
	}
	for _, form := range []*regexp.Regexp{compact, calendar} {
		if m := form.FindStringSubmatch(s); m != nil {
			if t := assemble(m[1:8], m[8], loc); t != nil {
				return plausible(*t)
			}
		}
	}
	if m := decimal.FindStringSubmatch(s); m != nil {
		return epoch(m)
	}
	s = utcWords.Replace(s)
	for _, layout := range layouts {
		if t, err := time.Parse(layout, s); err == nil {
			return plausible(t)
		}
	}
	return nil
}

// isSeconds reports whether a text has the provider's form: a decimal number too short for any written form.
func isSeconds(s string) bool {
	whole, fraction, point := strings.Cut(s, ".")
	return len(whole) > 0 && len(whole) < 12 && onlyDigits(whole) && point == (fraction != "") && onlyDigits(fraction)
}

func onlyDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// utcWords replaces words for UTC by forms that the layouts read.
var utcWords = strings.NewReplacer(" GMT+", " +", " GMT-", " -", " GMT", " Z", " UTC", " Z")

// assemble makes a time from the texts of year, month, day, hour, minute, second and fraction. It returns nil for a day or
// hour that does not exist.
func assemble(texts []string, east string, loc *time.Location) *time.Time {
	var n [7]int
	for i, text := range texts[:6] {
		n[i], _ = strconv.Atoi(text)
	}
	n[6], _ = strconv.Atoi((strings.TrimLeft(texts[6], ".,") + "000000000")[:9])
	switch number := strings.TrimLeft(east, "UTCGMZ"); {
	case number != "":
		loc = fixed(number)
	case east != "":
		loc = time.UTC
	}
	return date(n, loc)
}

// fixed returns the zone of an offset such as +03:00, +0300 or +03.
func fixed(offset string) *time.Location {
	digits := (strings.ReplaceAll(offset[1:], ":", "") + "00")[:4]
	hours, _ := strconv.Atoi(digits[:2])
	minutes, _ := strconv.Atoi(digits[2:])
	east := hours*3600 + minutes*60
	if offset[0] == '-' {
		east = -east
	}
	return time.FixedZone("", east)
}

// date makes a time of year, month, day, hour, minute, second and nanosecond; nil if one is out of range.
func date(n [7]int, loc *time.Location) *time.Time {
	t := time.Date(n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], n[6], loc)
	if n[6] < 0 || n[6] >= 1e9 || n[3] > 23 || n[4] > 59 || n[5] > 59 || t.Year() != n[0] || t.Day() != n[2] || int(t.Month()) != n[1] {
		return nil
	}
	return &t
}

// fromParts reads Java's array of a time: year, month, day, hour, minute, and perhaps second and nanosecond.
func fromParts(v any, loc *time.Location) *time.Time {
	list := wholeNumbers(v)
	if len(list) < 5 || len(list) > 7 {
		return nil
	}
	var n [7]int
	copy(n[:], list)
	if t := date(n, loc); t != nil {
		return plausible(*t)
	}
	return nil
}

// fromSeconds reads Java's or Protobuf's object of a time.
func fromSeconds(o object) *time.Time {
	for _, names := range [][2]string{{"epochSecond", "nano"}, {"seconds", "nanos"}, {"_seconds", "_nanoseconds"}} {
		whole := decimal.FindStringSubmatch(clean(textOf(o[names[0]])))
		if whole == nil {
			continue
		}
		t := epoch(whole)
		if nanos, err := strconv.Atoi(clean(textOf(o[names[1]]))); t != nil && err == nil && nanos >= 0 && nanos < 1e9 {
			*t = t.Add(time.Duration(nanos))
		}
		return t
	}
	return nil
}

// wholeNumbers returns the values of an array of whole numbers, or nil.
func wholeNumbers(v any) []int {
	list, _ := v.([]any)
	var out []int
	for _, item := range list {
		number, ok := item.(json.Number)
		if !ok {
			return nil
		}
		n, err := strconv.Atoi(number.String())
		if err != nil {
			return nil
		}
		out = append(out, n)
	}
	return out
}

// epoch reads seconds since 1970 to the nanosecond, exactly: it moves the decimal point in the text, because a float would
// lose the microseconds that the provider sends. Above 1e11 they are milliseconds, then micro- and nanoseconds.
func epoch(m []string) *time.Time {
	sign, whole, fraction, exponent := m[1], m[2], m[3], m[4]
	if sign != "" {
		return nil
	}
	if exponent != "" {
		n, _ := strconv.Atoi(exponent)
		whole, fraction = shift(whole, fraction, n)
	}
	for range 3 {
		if whole = strings.TrimLeft(whole, "0"); len(whole) >= 12 {
			whole, fraction = shift(whole, fraction, -3)
		}
	}
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return nil
	}
	nanos, err := strconv.ParseInt((fraction + "000000000")[:9], 10, 64)
	if err != nil {
		return nil
	}
	return plausible(time.Unix(seconds, nanos))
}

// shift moves the decimal point by n places, to the right if n is positive.
func shift(whole, fraction string, n int) (string, string) {
	if n >= 0 {
		fraction += strings.Repeat("0", n)
		return whole + fraction[:n], fraction[n:]
	}
	whole = strings.Repeat("0", -n) + whole
	return whole[:len(whole)+n], whole[len(whole)+n:] + fraction
}

// plausible returns nil for a time that cannot be a call's.
func plausible(t time.Time) *time.Time {
	t = t.UTC()
	if t.Year() < firstYear || t.Year() > lastYear {
		return nil
	}
	return &t
}
