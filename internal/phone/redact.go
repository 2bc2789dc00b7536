package phone

import (
	"net/netip"
	"regexp"
	"strings"
	"unicode"
)

// A digit is a digit of any script, also percent-encoded or, if Arabic, escaped as in JSON. between matches a possible
// separator between two of them.
const (
	digit   = `(?:\p{Nd}|%3[0-9]|(?i:%D9%A|%DB%B|\\u066|\\u06F)[0-9])`
	between = `(?:[\s\p{Cf}\p{Pd}.()/+_]|(?i:%2[0-9A-F]|%C2%A0|%E2%80%[89A][0-9A-F]))`
)

const keptForms = `(?i)\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b` +
	`|\b(?:19|20)\d\d-(?:0[1-9]|1[0-2])-[0-3]\d(?:[T ][0-2]\d(?::[0-5]\d){1,2}(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?)?\b` +
	`|\b20\d\d(?:0[1-9]|1[0-2])[0-3]\d\b|\b[0-2]?\d(?::[0-5]\d){2}(?:\.\d{1,6})?\b|\b(?:\d{1,3}\.){3}\d{1,3}\b`

var (
	// anyNumber matches seven digits or more, with at most three separators between any two of them.
	anyNumber = regexp.MustCompile(`(?i:\+|%2[0-9A-F])*` + digit + `(?:` + between + `{0,3}` + digit + `){6,}`)

	// kept matches texts that look like a number and are none (checked in code): a UUID, an ISO date or time, a date of
	// eight digits, a time of day, an IPv4 address.
	kept = regexp.MustCompile(keptForms)
	// keptInLogs also matches a long hex id, which operators must be able to search for.
	keptInLogs = regexp.MustCompile(keptForms + `|\b[0-9a-f]{16,}\b`)

	// gulf matches a number of a Gulf country with its country code. In a random id it is too rare to matter.
	gulf = regexp.MustCompile(`(?:966|971)\d{8,9}|(?:965|968|973|974)\d{8}`)
)

// Redact masks every number in free text, such as an error message of the provider or its reason for a failure:
// everything that has seven digits or more, in any script, percent-encoded, also with separators between them.
// UUIDs, ISO dates and times, and IPv4 addresses stay; other ids made of digits do not.
func Redact(text string) string { return hide(text, kept, anyNumber) }

// hide masks the matches of the pattern outside the spans that are kept.
func hide(text string, kept, pattern *regexp.Regexp) string {
	var b strings.Builder
	from := 0
	for _, span := range kept.FindAllStringIndex(text, -1) {
		if !harmless(text[span[0]:span[1]]) {
			continue
		}
		b.WriteString(pattern.ReplaceAllStringFunc(text[from:span[0]], Mask))
		b.WriteString(text[span[0]:span[1]])
		from = span[1]
	}
	b.WriteString(pattern.ReplaceAllStringFunc(text[from:], Mask))
	return b.String()
}

// harmless reports whether a span that kept matches contains no number.
func harmless(span string) bool {
	if _, err := netip.ParseAddr(span); err == nil || strings.Contains(span, ":") {
		return true
	}
	if len(span) == len("2006-01-02") && span[4] == '-' || len(span) == len("20060102") {
		return true
	}
	return strings.ContainsFunc(span, func(r rune) bool { return r == '-' || unicode.IsLetter(r) }) && !gulf.MatchString(span)
}
