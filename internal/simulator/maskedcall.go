package simulator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// MaskedCall asks for a call through a masking number.
type MaskedCall struct {
	MaskID string `json:"maskId"`
	// From is the number that dials the masking number.
	From string `json:"from"`
	// Scenario is empty, or a comma-separated list of no-outbound-leg, shuffled (the outbound leg is notified first),
	// unlinked (no parentCallSid), no-call-id, same-second (two calls) and unknown-caller.
	Scenario string `json:"scenario"`
	// Recorded gives the inbound leg a recording.
	Recorded bool `json:"recorded"`
	// DeadLink makes the notified link of that recording dead from the start.
	DeadLink bool `json:"deadLink"`
	// Listed selects how masks/recording-urls lists the recording: "same-path" (also when empty; a dead link appears
	// afresh), "other-path", or "dead" (the notified link, whatever its state).
	Listed string `json:"listed"`
}

// PlacedMaskedCall names the legs of one masked call. The outbound fields are empty if there is no such leg.
type PlacedMaskedCall struct {
	InboundCallSID  string `json:"inboundCallSid"`
	InboundCallID   string `json:"inboundCallId,omitempty"`
	OutboundCallSID string `json:"outboundCallSid,omitempty"`
	OutboundCallID  string `json:"outboundCallId,omitempty"`
	From            string `json:"from"`
	To              string `json:"to,omitempty"`
}

// ErrUnknownMask means that no masking session has this id.
var ErrUnknownMask = errors.New("unknown mask")

// ErrInactiveMask means that the masking session is over.
var ErrInactiveMask = errors.New("mask is not active")

func scenarios() []string {
	return []string{"no-outbound-leg", "shuffled", "unlinked", "no-call-id", "same-second", "unknown-caller"}
}

// PlaceMaskedCall makes the call and returns its legs at once; notifications follow within three simulated seconds.
func (s *Simulator) PlaceMaskedCall(ask MaskedCall) ([]PlacedMaskedCall, error) {
	chosen := map[string]bool{}
	for name := range strings.SplitSeq(ask.Scenario, ",") {
		name = strings.TrimSpace(name)
		if name != "" && !slices.Contains(scenarios(), name) {
			return nil, fmt.Errorf("place masked call: unknown scenario %q; want one of %q", name, scenarios())
		}
		chosen[name] = true
	}
	if !e164.MatchString(ask.From) {
		return nil, errors.New("place masked call: from is not a phone number in E.164")
	}
	if !slices.Contains([]string{"", "same-path", "other-path", "dead"}, ask.Listed) {
		return nil, fmt.Errorf("place masked call: unknown listed %q", ask.Listed)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m, found := s.masks.byID[ask.MaskID]
	if !found {
		return nil, fmt.Errorf("place masked call: %w", ErrUnknownMask)
	}
	if !m.active() {
		return nil, fmt.Errorf("place masked call: %w", ErrInactiveMask)
	}
	count := 1
	if chosen["same-second"] {
		count = 2
	}
	var placed []PlacedMaskedCall
	now := time.Now().UTC()
	for range count {
		call := s.newMaskedCall(m, ask, chosen, now)
		placed = append(placed, call.placed())
		s.spawn(func(ctx context.Context) { s.playMasked(ctx, m, call, now) })
		s.playing++
	}
	return placed, nil
}

// maskedCall is one call through a mask. outbound is nil if nobody was reached.
type maskedCall struct {
	ask               MaskedCall
	inbound, outbound *leg
	outboundFirst     bool
}

// reaches returns the number that a caller is connected to, "" for none.
func (m *Mask) reaches(from string) string {
	switch {
	case from == m.From:
		return m.To
	case m.From == "" && from != m.To:
		return m.To
	case m.From != "" && from == m.To:
		return m.From
	}
	return ""
}

func (s *Simulator) newMaskedCall(m *Mask, ask MaskedCall, chosen map[string]bool, now time.Time) *maskedCall {
	call := &maskedCall{ask: ask, outboundFirst: chosen["shuffled"]}
	newLeg := func(from, to, direction string) *leg {
		l := &leg{callSID: s.ids.next(), uniqueCallID: s.ids.next(), externalCallsID: s.ids.next(), callID: s.ids.next(),
			from: from, to: to, direction: direction, useCase: "NUMBER_MASKING", maskID: m.MaskID, status: queued,
			seconds: talkSeconds, quoted: true, wholeSeconds: chosen["same-second"], requestedAt: now}
		if chosen["no-call-id"] {
			l.callID = ""
		} else {
			s.book.requests[l.callID] = &request{callID: l.callID, kind: "masking", callerID: m.CallerID, at: now, legs: []*leg{l}}
		}
		return l
	}
	call.inbound = newLeg(ask.From, m.CallerID, "INBOUND")
	to := m.reaches(ask.From)
	if to != "" && !chosen["unknown-caller"] && !chosen["no-outbound-leg"] {
		call.outbound = newLeg(m.CallerID, to, "OUTBOUND")
		if !chosen["unlinked"] {
			call.outbound.parentCallSID = call.inbound.callSID
		}
	}
	return call
}

func (c *maskedCall) placed() PlacedMaskedCall {
	p := PlacedMaskedCall{InboundCallSID: c.inbound.callSID, InboundCallID: c.inbound.callID, From: c.inbound.from}
	if c.outbound != nil {
		p.OutboundCallSID, p.OutboundCallID, p.To = c.outbound.callSID, c.outbound.callID, c.outbound.to
	}
	return p
}

// playMasked ends both legs after two seconds and notifies one after the other.
func (s *Simulator) playMasked(ctx context.Context, m *Mask, call *maskedCall, start time.Time) {
	var sent sync.WaitGroup
	defer func() {
		sent.Wait()
		s.mu.Lock()
		s.playing--
		s.mu.Unlock()
	}()
	connect, end := s.scaled(300*time.Millisecond), s.scaled(2*time.Second)
	if !pause(ctx, time.Until(start.Add(end))) {
		return
	}
	legs := []*leg{call.inbound}
	if call.outbound != nil {
		legs = append(legs, call.outbound)
	}
	s.mu.Lock()
	var told []notification
	for _, l := range legs {
		l.initiatedAt, l.completedAt, l.status = start.Add(connect), time.Now().UTC(), completed
		if call.ask.Recorded && l == call.inbound {
			s.tapeMasked(m, call.ask, l)
		}
		told = append(told, s.describe(l))
	}
	s.mu.Unlock()
	if call.outboundFirst {
		slices.Reverse(told)
	}
	for _, n := range told {
		s.deliver(n, 1, &sent)
		if !pause(ctx, s.scaled(200*time.Millisecond)) {
			return
		}
	}
}

// tapeMasked must be called with the lock held.
func (s *Simulator) tapeMasked(m *Mask, ask MaskedCall, l *leg) {
	host := Behaviour{}
	if ask.DeadLink {
		host.Kind = HostDead
	}
	l.recording = s.newRecording(l, host)
	m.recordings = append(m.recordings, l.recording)
	switch ask.Listed {
	case "dead":
		m.listed[l.recording] = l.recording.url()
	case "other-path":
		other := s.ids.next()
		s.recordings.byName[other] = l.recording
		l.recording.links = append(l.recording.links, s.newLink())
		m.listed[l.recording] = l.recording.base + other + "?" + l.recording.links[1].query
	}
}
