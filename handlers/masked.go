package handlers

import (
	"regexp"
	"strings"

	"github.com/aftercall/aftercall/internal/phone"
)

var (
	// plainToSee matches what looks like a number in a notification and is none: a UUID, or a time in seconds or
	// milliseconds.
	plainToSee = regexp.MustCompile(`(?i)\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|` +
		`"(?:initiatedAt|completedAt|requestReceivedAt|receivedAt|timeStamp)"\s*:\s*"?1\d{9}(?:\d{3})?\b`)
	// afterHost matches the secret part of a URL: a recording's URL alone gives access to it.
	afterHost = regexp.MustCompile(`(?i)(https?:(?:\\?/){2}[^\s"'\\/?#]*)[^\s"']+`)
)

// masked returns the text of a notification without phone numbers and without the URLs of recordings.
func masked(text string) string {
	text = afterHost.ReplaceAllString(text, "$1/…")
	var b strings.Builder
	from := 0
	for _, span := range plainToSee.FindAllStringIndex(text, -1) {
		b.WriteString(phone.Redact(text[from:span[0]]))
		b.WriteString(text[span[0]:span[1]])
		from = span[1]
	}
	b.WriteString(phone.Redact(text[from:]))
	return b.String()
}
