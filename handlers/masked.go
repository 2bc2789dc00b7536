package handlers

import (
	"regexp"
	"strings"

	"github.com/aftercall/aftercall/internal/phone"
)

var (
	// plainToSee is what looks like a number in a notification and is none: a UUID, and a time in seconds or milliseconds.
	plainToSee = regexp.MustCompile(`(?i)\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|` +
		`"(?:initiatedAt|completedAt|requestReceivedAt|receivedAt|timeStamp)"\s*:\s*"?1\d{9}(?:\d{3})?\b`)
	// afterHost is all of a URL that may be a secret: whoever has a recording's can fetch it.
	afterHost = regexp.MustCompile(`(?i)(https?:(?:\\?/){2}[^\s"'\\/?#]*)[^\s"']+`)
)

// masked is the text of a notification for whoever need not see numbers nor fetch recordings.
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
