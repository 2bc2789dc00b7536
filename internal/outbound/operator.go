package outbound

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

func (e Stopped) apply(m *Machine, _ time.Time) {
	m.cancelled = m.cancelled || e.Cancelled
	if m.stopped {
		return
	}
	m.stopped, m.early, m.stopWhy = true, m.outcome == nil, "stopped"
	if e.Cancelled {
		m.stopWhy = "cancelled"
	}
	if r := strings.TrimSpace(e.Reason); r != "" {
		m.stopWhy += ": " + r
	}
}

func (e RetryAsked) apply(m *Machine, now time.Time) {
	if m.CheckRetry(now, e.RetryNow) != nil {
		return
	}
	r := e.RetryNow
	m.grant = &r
	m.allowed = max(m.allowed, r.Attempt+1)
	m.dropped = drop{}
}

// CheckRetry is why an operator's retry-now makes no sense now; nil if it does. Force takes the risk of a doubt, never
// of a certainty: nobody is rung after somebody was reached.
func (m *Machine) CheckRetry(now time.Time, r contract.RetryNow) error {
	last := m.last()
	switch {
	case strings.TrimSpace(r.Reason) == "":
		return errors.New("retry-now needs a reason")
	case last == nil || m.next != nil || m.asking || m.placing != 0:
		return errors.New("an attempt is being made or planned: wait for its end")
	case r.Attempt != last.Attempt.Attempt:
		return fmt.Errorf("attempt %d is not the last one: that is %d", r.Attempt, last.Attempt.Attempt)
	case m.stopped:
		return fmt.Errorf("the request was %s", m.stopWhy)
	case m.verifying():
		return errors.New("the call log is being asked about the last attempt: wait for its answer")
	}
	if d := m.bar(r.Attempt+1, now); d != nil {
		return errors.New(d.reason)
	}
	return last.retryable(r.Force)
}

// retryable is why an operator may not dial after this attempt.
func (a *attempt) retryable(force bool) error {
	switch {
	case a.Placement == calls.Placed && !a.over:
		return errors.New("the call is not over")
	case force:
		return nil
	case a.Placement == calls.PlacementUnknown:
		return errors.New("the provider may have placed the call: this needs force")
	case a.Placement == calls.NotPlaced:
		return nil
	case a.Status == calls.StatusUnknown:
		return errors.New("it is not known how the call ended: this needs force")
	case a.Conflict:
		return errors.New("the provider said different things of how the call ended: this needs force")
	case a.Verified != nil && !*a.Verified:
		return errors.New("the call log did not confirm the failure: this needs force")
	}
	return nil
}
