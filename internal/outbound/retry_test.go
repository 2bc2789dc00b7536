package outbound

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

func retrying(r calls.Retry, edit ...func(*contract.OutboundCallInput)) func(*contract.OutboundCallInput) {
	return func(in *contract.OutboundCallInput) {
		in.Request.Retry, in.Request.SecondaryCallerID = &r, ""
		in.Settings.VerifyFailures = false
		for _, f := range edit {
			f(in)
		}
	}
}

// ends places attempt n and ends its call.
func (p *play) ends(n int, s calls.Status) *play {
	p.t.Helper()
	require.Equal(p.t, n, command[Place](p).Attempt)
	id := "call-" + string(rune('0'+n))
	p.event(Verdict{Attempt: n, Placement: calls.Placed, CallID: id, Rule: calls.RuleAllowed})
	c := callState(id, s)
	c.ReferenceID = calls.AttemptReferenceID("order-1", n)
	return p.event(Updated{Call: c})
}

func TestRetryOfTheSameNumber(t *testing.T) {
	on := map[calls.Status]string{calls.StatusNoAnswer: "30m", calls.StatusBusy: "5m", calls.StatusFailed: "0s"}
	p := start(t, retrying(calls.Retry{MaxAttempts: 4, On: on}))
	p.ends(1, calls.StatusNoAnswer)
	require.Equal(t, p.now.Add(30*time.Minute), p.m.WakeAt(p.now))
	p.after(30 * time.Minute)
	p.ends(2, calls.StatusBusy)
	require.Equal(t, p.now.Add(5*time.Minute), p.m.WakeAt(p.now))
	p.after(5 * time.Minute)
	p.ends(3, calls.StatusFailed)
	p.ends(4, calls.StatusBusy)
	s := p.m.State()
	require.Len(t, s.Attempts, 4, "one budget for all statuses")
	for _, a := range s.Attempts {
		require.Equal(t, "+966110000001", a.CallerID)
		require.Equal(t, calls.RuleAllowed, a.Rule)
	}
	require.Equal(t, calls.StatusBusy, s.Outcome.Status)
	require.Equal(t, calls.RuleAllowed, s.Outcome.Rule)
}

func TestRetryNeverAfterARefusal(t *testing.T) {
	on := map[calls.Status]string{calls.StatusRejected: "5m", calls.StatusCompleted: "5m", calls.StatusBusy: "soon"}
	for _, status := range []calls.Status{calls.StatusRejected, calls.StatusCompleted, calls.StatusBusy, calls.StatusNoAnswer} {
		p := start(t, retrying(calls.Retry{MaxAttempts: 4, On: on}))
		p.ends(1, status)
		require.Equal(t, status, p.m.Outcome().Status, "nothing follows")
	}
}

func TestRetryFromTheOtherNumber(t *testing.T) {
	for name, tt := range map[string]struct {
		callerID, second string
	}{
		"by default": {"", "+966110000002"}, "as asked": {calls.RetryCallerAlternate, "+966110000002"}, "not": {calls.RetryCallerSame, "+966110000001"},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, retrying(calls.Retry{MaxAttempts: 3, On: map[calls.Status]string{calls.StatusBusy: "0s"}, CallerID: tt.callerID},
				func(in *contract.OutboundCallInput) { in.Request.SecondaryCallerID = "+966110000002" }))
			require.Empty(t, command[Place](p).SecondaryCallerID, "we retry, not the provider")
			p.ends(1, calls.StatusBusy)
			require.Equal(t, tt.second, command[Place](p).CallerID)
			p.ends(2, calls.StatusBusy)
			require.Equal(t, tt.second, command[Place](p).CallerID)
		})
	}
}

// TestEachAttemptHasItsOwnTime: without a deadline an attempt has an hour from its due time.
func TestEachAttemptHasItsOwnTime(t *testing.T) {
	p := start(t, retrying(calls.Retry{MaxAttempts: 3, On: map[calls.Status]string{calls.StatusNoAnswer: "2h"}}))
	require.Equal(t, dayZero.Add(time.Hour), command[Place](p).NotAfter)
	p.now = p.now.Add(59 * time.Minute)
	p.ends(1, calls.StatusNoAnswer)
	p.after(2 * time.Hour)
	require.Equal(t, p.now.Add(time.Hour), command[Place](p).NotAfter)
	for p.m.Outcome() == nil { // the provider accepts nothing any more
		p.event(Verdict{Attempt: 2, Placement: calls.NotPlaced, Reason: "429"})
		if p.m.Outcome() == nil {
			p.after(p.m.WakeAt(p.now).Sub(p.now))
		}
	}
	require.Contains(t, p.m.State().Attempts[1].FailureReason, "deadline")
	require.Less(t, p.now.Sub(dayZero), 4*time.Hour)
}

func TestNotBefore(t *testing.T) {
	at := dayZero.Add(20 * time.Hour)
	p := start(t, func(in *contract.OutboundCallInput) { in.Request.NotBefore = &at })
	require.Empty(t, p.out)
	require.Equal(t, at, p.m.WakeAt(p.now))
	p.after(20 * time.Hour)
	require.Equal(t, at.Add(time.Hour), command[Place](p).NotAfter)

	past := dayZero.Add(-time.Hour)
	p = start(t, func(in *contract.OutboundCallInput) { in.Request.NotBefore = &past })
	require.Equal(t, dayZero.Add(time.Hour), command[Place](p).NotAfter, "what is over is now")
}

func forbid(rule string, until time.Time) Verdict {
	return Verdict{Attempt: 1, Placement: calls.NotPlaced, Rule: rule, NotBefore: until, Reason: "the person was called often enough", Post: 2}
}

func TestARuleThatTimeSatisfiesDelays(t *testing.T) {
	p := start(t, nil)
	p.event(forbid(calls.RulePersonGap, dayZero.Add(3*time.Hour)))
	require.Nil(t, p.m.Outcome())
	require.Contains(t, p.m.State().Waiting, calls.RulePersonGap)
	require.Equal(t, calls.RulePersonGap, p.m.State().Attempts[0].Rule)
	p.after(3 * time.Hour)
	place := command[Place](p)
	require.Equal(t, 1, place.Attempt)
	require.Equal(t, 2, place.Post)
	require.Equal(t, p.now.Add(time.Hour), place.NotAfter, "its time begins when the rule lets it")
	p.event(Verdict{Attempt: 1, Placement: calls.Placed, CallID: "call-1", Rule: calls.RuleAllowed})
	require.Equal(t, calls.RuleAllowed, p.m.State().Attempts[0].Rule)
}

func TestARuleRefuses(t *testing.T) {
	for name, tt := range map[string]struct {
		verdict  Verdict
		deadline string
	}{
		"for good":                    {forbid(calls.RuleSuppressed, time.Time{}), ""},
		"until after the deadline":    {forbid(calls.RulePersonDaily, dayZero.Add(3*time.Hour)), "2h"},
		"until after any time at all": {forbid(calls.RuleSuppressed, dayZero.Add(31*24*time.Hour)), ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, func(in *contract.OutboundCallInput) { in.Request.Deadline = tt.deadline })
			p.event(tt.verdict)
			o := p.m.Outcome()
			require.NotNil(t, o)
			require.Equal(t, calls.StatusRefused, o.Status)
			require.Equal(t, tt.verdict.Rule, o.Rule)
			require.Contains(t, o.FailureReason, tt.verdict.Rule)
			a := p.m.State().Attempts[0]
			require.Equal(t, tt.verdict.Rule, a.Rule)
			require.Equal(t, calls.NotPlaced, a.Placement)
			require.Equal(t, calls.OutboundDone, p.m.State().State)
		})
	}
}

// TestARuleRefusesARetry: the first call was made, and its outcome says so. Its reason says why no other followed.
func TestARuleRefusesARetry(t *testing.T) {
	p := start(t, retrying(calls.Retry{MaxAttempts: 3, On: map[calls.Status]string{calls.StatusBusy: "0s"}}))
	p.ends(1, calls.StatusBusy)
	v := forbid(calls.RuleSuppressed, time.Time{})
	v.Attempt = 2
	p.event(v)
	o := p.m.Outcome()
	require.Equal(t, calls.StatusBusy, o.Status)
	require.Equal(t, 1, o.Attempt)
	require.Contains(t, o.FailureReason, calls.RuleSuppressed)
	require.Equal(t, calls.RuleSuppressed, p.m.State().Attempts[1].Rule)
}

// TestHoursOfAClass: a class may have hours. Only a request with a class asks for them.
func TestHoursOfAClass(t *testing.T) {
	p := start(t, func(in *contract.OutboundCallInput) { in.Request.Class = calls.ClassAdvertising })
	require.Equal(t, CheckHours{Class: calls.ClassAdvertising}, command[CheckHours](p))
	p.event(HoursChecked{Window: contract.Window{OpenAt: dayZero.Add(10 * time.Hour), ClosesAt: dayZero.Add(20 * time.Hour)}, Rule: calls.RuleClassHours})
	require.Contains(t, p.m.State().Waiting, calls.RuleClassHours)
	p.after(10 * time.Hour)
	require.Equal(t, p.now.Add(time.Hour), command[Place](p).NotAfter)

	p = start(t, func(in *contract.OutboundCallInput) {
		in.Request.Class, in.Request.Deadline = calls.ClassAdvertising, "1h"
	})
	p.event(HoursChecked{Window: contract.Window{OpenAt: dayZero.Add(10 * time.Hour), ClosesAt: dayZero.Add(20 * time.Hour)}, Rule: calls.RuleClassHours})
	require.Equal(t, calls.StatusRefused, p.m.Outcome().Status)
	require.Equal(t, calls.RuleClassHours, p.m.Outcome().Rule)
}
