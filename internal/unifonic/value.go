package unifonic

import (
	"math"
	"regexp"
	"strconv"
	"strings"
)

// decimal splits a JSON number, or the text of one, into sign, whole part, fraction and exponent.
var decimal = regexp.MustCompile(`^(-?)(\d{1,40})(?:\.(\d{1,40}))?(?:[eE]([+-]?\d{1,2}))?$`)

// Written forms of a duration. Each has the groups hours, minutes and seconds, some of which may be empty.
var durations = []*regexp.Regexp{
	regexp.MustCompile(`^(?:(\d{1,6}):)?(\d{1,6}):(\d{1,9}(?:[.,]\d+)?)$`), // 00:00:17, 0:17
	regexp.MustCompile(`(?i)^P(?:0+D)?T(?:(\d{1,6})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:[.,]\d+)?)S)?$`),
	regexp.MustCompile(`(?i)^(?:(\d{1,6})\s*h(?:ours?|rs?)?)?\s*(?:(\d{1,9})\s*m(?:in(?:ute)?s?)?)?\s*(?:(\d{1,9}(?:[.,]\d+)?)\s*s(?:ec(?:ond)?s?)?)?$`),
}

var milliseconds = regexp.MustCompile(`(?i)^(\d{1,12})(?:[.,]\d+)?\s*(?:ms|msecs?|milliseconds?)$`)

// durationOf reads seconds from a number or its text, in the webhook and the call log alike (the provider's reference,
// section 1.4), or from a written form: "00:00:17", "17s", "1 min 5 sec", "PT17S", "17000 ms". It cuts fractions. It
// returns nil if the value is missing, negative or no duration: nothing is rejected for it.
func durationOf(v any) *int {
	if o, ok := v.(object); ok {
		v = o["seconds"] // Java's and Protobuf's duration
	}
	s := clean(textOf(v))
	if decimal.MatchString(s) {
		return seconds(s, 1)
	}
	if m := milliseconds.FindStringSubmatch(s); m != nil {
		return seconds(m[1], 1e-3)
	}
	for _, form := range durations {
		if m := form.FindStringSubmatch(s); m != nil && m[1]+m[2]+m[3] != "" {
			hours, minutes := number0(m[1]), number0(m[2])
			return seconds(strconv.FormatFloat(hours*3600+minutes*60+number0(m[3]), 'f', -1, 64), 1)
		}
	}
	return nil
}

// seconds reads a number of units as whole seconds; nil if it is negative or too large to be a duration.
func seconds(s string, unit float64) *int {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f < 0 || f*unit > math.MaxInt32 {
		return nil
	}
	n := int(f * unit)
	return &n
}

// number0 reads a decimal number, with a point or a comma; the empty text is 0.
func number0(s string) float64 {
	f, _ := strconv.ParseFloat(strings.Replace("0"+s, ",", ".", 1), 64)
	return f
}
