// Package telemetry makes the logger and the metrics of the process. Neither ever shows a phone number: the logger
// redacts, and no metric has a label that a provider or a caller can fill.
package telemetry

import (
	"io"
	"log/slog"

	"github.com/aftercall/aftercall/internal/phone"
)

// NewLogger writes text or JSON lines of at least the level to w, with phone numbers masked. level is debug, info,
// warn or error; format is text or json.
func NewLogger(w io.Writer, level, format string) *slog.Logger {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		l = slog.LevelInfo
	}
	o := &slog.HandlerOptions{Level: l}
	if format == "json" {
		return slog.New(phone.NewHandler(slog.NewJSONHandler(w, o)))
	}
	return slog.New(phone.NewHandler(slog.NewTextHandler(w, o)))
}
