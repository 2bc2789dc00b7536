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

// CheckRetry returns why an operator's retry-now is refused now, or nil if it is accepted. Force accepts the risk of a
// doubt, never of a certainty: it does not dial after somebody was reached.
func (m *Machine) CheckRetry(now time.Time, r contract.RetryNow) error {
	last := m.last()
	switch {
	case strings.TrimSpace(r.Reason) == "":
		return errors.New("retry-now needs a reason")
	case last == nil || m.next != nil || m.asking || m.placing != 0:
		return errors.New("an attempt is in progress or scheduled: wait until it ends")
	case r.Attempt != last.Attempt.Attempt:
		return fmt.Errorf("attempt %d is not the last one, which is %d", r.Attempt, last.Attempt.Attempt)
	case m.stopped:
		return fmt.Errorf("the request was %s", m.stopWhy)
	case m.verifying():
		return errors.New("aftercall is asking the call log about the last attempt: wait for the answer")
	}
	if d := m.bar(r.Attempt+1, now); d != nil {
		return errors.New(d.reason)
	}
	return last.retryable(r.Force)
}

// retryable returns why an operator may not dial after this attempt, or nil.
func (a *attempt) retryable(force bool) error {
	switch {
	case a.Placement == calls.Placed && !a.over:
		return errors.New("the call is not over")
	case force:
		return nil
	case a.Placement == calls.PlacementUnknown:
		return errors.New("the provider may have placed the call: a retry needs force")
	case a.Placement == calls.NotPlaced:
		return nil
	case a.Status == calls.StatusUnknown:
		return errors.New("it is unknown how the call ended: a retry needs force")
	case a.Conflict:
		return errors.New("the provider reported different endings of the call: a retry needs force")
	case a.Verified != nil && !*a.Verified:
		return errors.New("the call log did not confirm the failure: a retry needs force")
	}
	return nil
}
