package dev

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/phone"
	"github.com/aftercall/aftercall/internal/simulator"
	"github.com/aftercall/aftercall/internal/unifonic"
)

// live prints events, one line each: with numbers masked, and whole ids, so that they can be pasted.
type live struct {
	mu   sync.Mutex
	out  io.Writer
	seen map[string]string // the last printed state, by workflow
}

func (l *live) say(what string, parts ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = fmt.Fprintf(l.out, "%s  %-12s  %s\n", time.Now().Format("15:04:05"), what, strings.Join(parts, "  "))
}

// hear makes the parts of a stack report dials and notifications.
func (l *live) hear(o *Options) {
	o.Heard = func(n unifonic.Notification, result string) {
		to := ""
		if n.To != "" {
			to = "to " + phone.Mask(n.To)
		}
		l.say("notification", "call "+phone.Redact(n.Key()), string(n.Status), to, result)
	}
	o.Simulator.OnCallAccepted = func(c simulator.Call) {
		l.say("dial", "call "+c.CallID, "to "+phone.Mask(c.To), "as "+phone.Redact(c.ReferenceID))
	}
}

// lookEvery is the interval at which outcomes and recordings are looked up.
const lookEvery = time.Second

// watch prints outcomes and recordings until the context ends. It looks them up in Temporal's visibility, which lags a
// moment behind.
func (l *live) watch(ctx context.Context, s *Stack, since time.Time) {
	l.seen = map[string]string{}
	for ctx.Err() == nil {
		for _, kind := range []string{contract.WorkflowCall.Name, contract.WorkflowOutboundCall.Name, contract.WorkflowRecording.Name} {
			page, err := s.List(ctx, kind, desk.Filter{Since: since, Limit: 100})
			if err != nil {
				continue // the next look may find it
			}
			l.report(page.Items)
		}
		select {
		case <-ctx.Done():
		case <-time.After(lookEvery):
		}
	}
}

// report prints changes, oldest first.
func (l *live) report(items []desk.Listed) {
	for _, item := range slices.Backward(items) {
		what, state := "outcome", item.Status
		switch {
		case item.Recording != "":
			what, state = "recording", item.Recording
		case !calls.Status(state).Terminal() && !settled(calls.Status(state)):
			continue
		}
		if item.Attention != "" {
			state += "  attention: " + item.Attention
		}
		if l.seen[item.WorkflowID] != state {
			l.seen[item.WorkflowID] = state
			l.say(what, phone.Redact(item.WorkflowID), state)
		}
	}
}

// settled reports whether only the outcome of a request can have this status.
func settled(s calls.Status) bool {
	return s == calls.StatusNotPlaced || s == calls.StatusStopped || s == calls.StatusDeadline
}
