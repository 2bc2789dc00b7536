package phone

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
)

// logged matches a possible number in a log line: eight digits or more in a row, a number that starts with "+" or "00"
// and has separators, or groups of digits as in national numbers.
var logged = regexp.MustCompile(`(?:\+|＋|(?i:%2B)|\b00)` + between + `{0,3}` + digit + `(?:` + between + `{0,3}` + digit + `){6,}` +
	`|(?i:\+|%2[0-9A-F])*` + digit + `{8,}` +
	`|\b\d{4}[ \-]\d{4}\b|\b0?\d{2}[ \-.]\d{3}[ \-.]\d{3,4}\b`)

// NewHandler returns a handler that masks phone numbers in the message and in every attribute before next sees them.
// UUIDs, long hex ids and times stay readable. It is the last check: code that logs still masks what it knows to be a number.
func NewHandler(next slog.Handler) slog.Handler { return handler{next} }

type handler struct{ next slog.Handler }

func (h handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

func (h handler) WithGroup(name string) slog.Handler { return handler{h.next.WithGroup(name)} }

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.next.WithAttrs(redactAttrs(attrs))}
}

func (h handler) Handle(ctx context.Context, r slog.Record) error {
	clean := slog.NewRecord(r.Time, r.Level, RedactLine(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(redactAttr(a))
		return true
	})
	return h.next.Handle(ctx, clean)
}

func redactAttrs(attrs []slog.Attr) []slog.Attr {
	out := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		out[i] = redactAttr(a)
	}
	return out
}

func redactAttr(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindString:
		v = slog.StringValue(RedactLine(v.String()))
	case slog.KindGroup:
		v = slog.GroupValue(redactAttrs(v.Group())...)
	case slog.KindAny:
		v = redactAny(v)
	}
	return slog.Attr{Key: a.Key, Value: v}
}

// redactAny replaces a value by its redacted text if its text, as one of slog's handlers would write it, contains a
// number.
func redactAny(v slog.Value) slog.Value {
	if err, ok := v.Any().(error); ok {
		return slog.StringValue(RedactLine(err.Error()))
	}
	text := fmt.Sprintf("%+v", v.Any())
	if clean := RedactLine(text); clean != text {
		return slog.StringValue(clean)
	}
	if b, err := json.Marshal(v.Any()); err == nil {
		if clean := RedactLine(string(b)); clean != string(b) {
			return slog.StringValue(clean)
		}
	}
	return v
}

// RedactLine masks the numbers of a log line or an id, between its opaque ids.
func RedactLine(s string) string { return hide(s, keptInLogs, logged) }
