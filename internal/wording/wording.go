// Package wording writes what people read: foreign text inside Markdown, and durations. It knows nothing of calls.
package wording

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// most is how many bytes of one text are shown.
const most = 300

// marks end a code span or a cell of a table, or have a meaning in one; each is shown as what looks like it.
var marks = map[rune]rune{'`': 'ˋ', '|': '¦'}

// Code writes a text of somebody else into Markdown, in a line or in a cell of a table, so that it is shown as it is:
// as code, in which links, images and HTML mean nothing. Line breaks become spaces, and a long text is cut. "" stays
// "". It hides no phone number.
func Code(text string) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case marks[r] != 0:
			return marks[r]
		case unicode.IsSpace(r), unicode.IsControl(r):
			return ' '
		case r == utf8.RuneError, unicode.Is(unicode.Cf, r): // marks that turn the writing direction, among others
			return -1
		}
		return r
	}, text)
	clean = Cut(strings.Join(strings.Fields(clean), " "), most)
	if clean == "" {
		return ""
	}
	return "`" + clean + "`"
}

// Cut shortens a text to at most n bytes, "…" included, between two characters.
func Cut(text string, n int) string {
	const dots = "…"
	if len(text) <= n {
		return text
	}
	end := max(n-len(dots), 0)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + dots
}

// Duration writes 5m for 5m0s and 24h for 24h0m0s. It knows no unit above the hour.
func Duration(d time.Duration) string {
	s := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(s, zero) {
			s = s[:len(s)-2]
		}
	}
	return s
}
