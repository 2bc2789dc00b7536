package temporalserver

import (
	"log/slog"
	"slices"
	"sync/atomic"

	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/log/tag"
)

// logger passes Temporal's errors to slog and drops the rest. Once muted it drops errors too: a stopping server complains
// about every connection that it has closed itself.
type logger struct {
	to    *slog.Logger
	tags  []tag.Tag // of every message
	muted *atomic.Bool
}

func newLogger(to *slog.Logger) logger {
	return logger{to: to.With("component", "temporal"), muted: new(atomic.Bool)}
}

func (l logger) mute() { l.muted.Store(true) }

// Debug, Info and Warn drop their message.
func (l logger) Debug(string, ...tag.Tag) {}

// Info drops its message.
func (l logger) Info(string, ...tag.Tag) {}

// Warn drops its message.
func (l logger) Warn(string, ...tag.Tag) {}

// Error logs the message.
func (l logger) Error(msg string, tags ...tag.Tag) {
	if !l.muted.Load() {
		l.to.Error(msg, l.attributes(tags)...)
	}
}

// DPanic logs the message as an error. It panics only in Temporal's own development.
func (l logger) DPanic(msg string, tags ...tag.Tag) { l.Error(msg, tags...) }

// Panic logs the message and panics.
func (l logger) Panic(msg string, tags ...tag.Tag) {
	l.to.Error(msg, l.attributes(tags)...)
	panic(msg)
}

// Fatal panics: Temporal calls it when it cannot continue, and expects no return.
func (l logger) Fatal(msg string, tags ...tag.Tag) { l.Panic(msg, tags...) }

// With adds tags to every later message. Temporal asks for such a logger with every task and hardly uses one, so they
// are kept as they are: to make attributes of them, and to look for numbers in those, took a twentieth of all CPU.
func (l logger) With(tags ...tag.Tag) log.Logger {
	l.tags = slices.Concat(l.tags, tags)
	return l
}

func (l logger) attributes(tags []tag.Tag) []any {
	attrs := make([]any, 0, len(l.tags)+len(tags))
	for _, t := range slices.Concat(l.tags, tags) {
		attrs = append(attrs, slog.Any(t.Key(), t.Value()))
	}
	return attrs
}
