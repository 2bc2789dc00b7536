package unifonic

import (
	"encoding/json"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// decimal splits a JSON number, or the text of one, into sign, whole part, fraction and exponent.
var decimal = regexp.MustCompile(`^(-?)(\d{1,40})(?:\.(\d{1,40}))?(?:[eE]([+-]?\d{1,2}))?$`)

// durationOf reads seconds from a number or its text, in the webhook and the call log alike (the provider's reference,
// section 1.4). Fractions are cut. What is missing, negative or no number is nil: nothing is rejected for it.
func durationOf(v any) *int {
	s := clean(textOf(v))
	if !decimal.MatchString(s) {
		return nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f < 0 || f > math.MaxInt32 {
		return nil
	}
	n := int(f)
	return &n
}

// zoned and zoneless are the written forms of a time in any source (the provider's reference, section 2.3), and the
// forms that common libraries make of them. A fraction of a second is read with each.
var (
	zoned = []string{
		time.RFC3339, "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05 Z07:00", "2006-01-02T15:04:05Z0700",
		"2006-01-02 15:04:05 Z0700", time.RFC1123Z, http.TimeFormat,
	}
	zoneless = []string{"2006-01-02 15:04:05", "2006-01-02T15:04:05"}
)

// timeOf reads a time from a number, its text, or a written form; a form without zone is taken to be in loc. It
// returns UTC, or nil for what cannot be read: nothing is rejected for a bad time.
func timeOf(v any, loc *time.Location) *time.Time {
	var s string
	switch v := v.(type) {
	case json.Number:
		s = v.String()
	case string:
		s = clean(v)
	default:
		return nil
	}
	if m := decimal.FindStringSubmatch(s); m != nil {
		return epoch(m)
	}
	for _, layout := range zoned {
		if t, err := time.Parse(layout, s); err == nil {
			return plausible(t)
		}
	}
	for _, layout := range zoneless {
		if t, err := time.ParseInLocation(layout, s, loc); err == nil {
			return plausible(t)
		}
	}
	return nil
}

// epoch reads seconds since 1970 to the nanosecond, exactly: the decimal point is moved in the text, because a float
// would lose the microseconds that the provider sends. Above 1e11 they are milliseconds, then micro- and nanoseconds.
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

// shift moves the decimal point by n places, to the right where n is positive.
func shift(whole, fraction string, n int) (string, string) {
	if n >= 0 {
		fraction += strings.Repeat("0", n)
		return whole + fraction[:n], fraction[n:]
	}
	whole = strings.Repeat("0", -n) + whole
	return whole[:len(whole)+n], whole[len(whole)+n:] + fraction
}

// plausible drops what is no time of a call: the start of an epoch, and years that RFC 3339 cannot write.
func plausible(t time.Time) *time.Time {
	t = t.UTC()
	if t.Unix() <= 0 || t.Year() > 9999 {
		return nil
	}
	return &t
}
