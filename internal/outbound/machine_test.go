package outbound

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

// play drives a machine by hand.
type play struct {
	t   *testing.T
	m   *Machine
	now time.Time
	out []Command
}

func start(t *testing.T, edit func(*contract.OutboundCallInput)) *play {
	t.Helper()
	in := contract.OutboundCallInput{
		Request: calls.OutboundCallRequest{
			ReferenceID: "order-1", To: to, CallerID: "+966110000001", SecondaryCallerID: "+966110000002", Type: calls.CallTypeTTS,
		},
		Settings: contract.OutboundSettings{VerifyFailures: true},
	}
	if edit != nil {
		edit(&in)
	}
	p := &play{t: t, m: New(in, dayZero), now: dayZero}
	return p.event(Started{})
}

func (p *play) event(e Event) *play {
	p.out = p.m.Handle(p.now, e)
	return p
}

func (p *play) after(d time.Duration) *play {
	p.now = p.now.Add(d)
	return p.event(Ticked{})
}

func (p *play) update(callID string, s calls.Status) *play {
	return p.event(Updated{Call: callState(callID, s)})
}

func callState(callID string, s calls.Status) calls.CallState {
	return calls.CallState{
		CallKey: callID, CallID: callID, Revision: 1, Final: s.Terminal(), ReferenceID: "order-1-a1",
		Legs:    []calls.Leg{{To: to, Status: s, Source: calls.SourceNotification}},
		Outcome: &calls.Outcome{CallKey: callID, CallID: callID, Status: s, Source: calls.SourceNotification},
	}
}

func placed(n int, callID string) Verdict {
	return Verdict{Attempt: n, Placement: calls.Placed, CallID: callID}
}

func unknown(n int) Verdict {
	return Verdict{Attempt: n, Placement: calls.PlacementUnknown, Reason: "time-out"}
}

func command[T Command](p *play) T {
	p.t.Helper()
	for _, c := range p.out {
		if c, ok := c.(T); ok {
			return c
		}
	}
	var none T
	require.Fail(p.t, "no such command", "%T in %#v", none, p.out)
	return none
}

func TestPostsAgainWhatWasNotPlaced(t *testing.T) {
	p := start(t, nil)
	require.Equal(t, "order-1-a1", command[Place](p).ReferenceID)
	p.event(Verdict{Attempt: 1, Placement: calls.NotPlaced, RetryAfter: 7 * time.Second, Reason: "429"})
	require.Empty(t, p.out)
	require.Equal(t, p.now.Add(7*time.Second), p.m.WakeAt(p.now))
	require.Equal(t, calls.OutboundPending, p.m.State().State)
	p.after(7 * time.Second)
	require.Equal(t, "order-1-a1", command[Place](p).ReferenceID)
	require.Len(t, p.m.State().Attempts, 1)
	require.Equal(t, 2, p.m.State().Attempts[0].Posts)
}

func TestRefusalsUntilTheDeadline(t *testing.T) {
	p := start(t, nil)
	for posts := 0; p.m.Outcome() == nil; posts++ {
		require.Less(t, posts, 100)
		command[Place](p)
		p.event(Verdict{Attempt: 1, Placement: calls.NotPlaced, Reason: "connection refused"})
		if at := p.m.WakeAt(p.now); p.m.Outcome() == nil {
			p.after(at.Sub(p.now))
		}
	}
	o := p.m.Outcome()
	require.Equal(t, calls.StatusDeadline, o.Status)
	require.Contains(t, o.FailureReason, "connection refused")
	require.Empty(t, o.CallKey)
	require.Equal(t, calls.NotPlaced, p.m.State().Attempts[0].Placement)
	require.True(t, p.m.Finished(p.now.Add(time.Hour)))
}

func TestAForgedCallBeforeTheProvidersAnswerIsForgotten(t *testing.T) {
	p := start(t, nil)
	p.update("forged", calls.StatusFailed)
	p.event(placed(1, "real"))
	a := p.m.State().Attempts[0]
	require.Equal(t, "real", a.CallID)
	require.Empty(t, a.Status)
	require.True(t, a.Conflict)
	require.Nil(t, p.m.Outcome())
	require.Equal(t, "real", command[Track](p).CallID)
	c := callState("real", calls.StatusCompleted)
	p.event(Updated{Call: c})
	require.Equal(t, calls.StatusCompleted, p.m.Outcome().Status)
}

func TestEvidenceOutweighsARefusal(t *testing.T) {
	p := start(t, nil)
	p.event(Verdict{Attempt: 1, Placement: calls.NotPlaced, Reason: "429"})
	p.update("real", calls.StatusRinging)
	p.after(time.Hour)
	require.Empty(t, p.out, "not posted again")
	require.Equal(t, calls.Placed, p.m.State().Attempts[0].Placement)
}

// TestProofOfAPlacementTakesThePostBack: somebody who was already called is not called again by a post that still waits in
// the dial queue, neither by the first post nor by one after a wrong response.
func TestProofOfAPlacementTakesThePostBack(t *testing.T) {
	for name, before := range map[string]func(p *play){
		"the first post": func(*play) {},
		"a post after a refusal": func(p *play) {
			p.event(Verdict{Attempt: 1, Placement: calls.NotPlaced, Reason: "HTTP 429"})
			p.after(5 * time.Second)
			require.Equal(t, 2, p.m.State().Attempts[0].Posts)
		},
	} {
		for _, status := range []calls.Status{calls.StatusRinging, calls.StatusCompleted, calls.StatusFailed} {
			t.Run(name+"/"+string(status), func(t *testing.T) {
				p := start(t, nil)
				before(p)
				command[Place](p)
				p.after(time.Second)
				p.update("real", status)
				require.Equal(t, WithdrawPlace{Attempt: 1, Proven: true}, command[WithdrawPlace](p))
				p.update("real", status)
				require.NotContains(t, p.out, WithdrawPlace{Attempt: 1, Proven: true}, "once")
				p.event(Verdict{Attempt: 1, Placement: calls.NotPlaced, Reason: "taken back from the dial queue"})
				require.Equal(t, calls.Placed, p.m.State().Attempts[0].Placement)
				require.Equal(t, "real", p.m.State().Attempts[0].CallID)
			})
		}
	}
}

// TestTheIDsDecideWhoseCallItIs: a number that is spelled otherwise, hidden or absent does not hide the outcome of a call
// with our ids.
func TestTheIDsDecideWhoseCallItIs(t *testing.T) {
	for _, spelled := range []string{
		"00966500000004", "966500000004", "0500000004", "500000004", "٠٥٠٠٠٠٠٠٠٤", "sip:+966500000004@10.0.0.1", "tel:+966-50-000-0004",
		"+966 (0)50 000 0004", "+9665****0004", "", "anonymous", "9.66E+11",
	} {
		t.Run(spelled, func(t *testing.T) {
			p := start(t, nil)
			p.event(placed(1, "real"))
			c := callState("real", calls.StatusFailed)
			c.Legs[0].To = spelled
			p.event(Updated{Call: c})
			require.Equal(t, calls.StatusFailed, p.m.State().Attempts[0].Status)
			require.Equal(t, Verify, command[LookUp](p).Purpose)
			p.event(LookedUp{Attempt: 1, Purpose: Verify, Answer: Found, Events: []calls.StatusEvent{{CallID: "real", To: spelled, Status: calls.StatusFailed}}})
			p.after(5 * time.Second)
			require.Equal(t, "+966110000002", command[Place](p).CallerID)
		})
	}
	t.Run("another number", func(t *testing.T) {
		p := start(t, nil)
		p.event(placed(1, "real"))
		c := callState("real", calls.StatusFailed)
		c.Legs[0].To = "+966500000005"
		p.event(Updated{Call: c})
		require.Equal(t, 1, p.m.State().Refused)
		require.Equal(t, []string{calls.AttentionNumberMismatch}, p.m.State().Attention)
	})
}

// TestALostCallIsLookedUp: a request asks the call log itself if no workflow watches its call, as after an operator
// terminated the workflow.
func TestALostCallIsLookedUp(t *testing.T) {
	p := start(t, nil)
	p.event(placed(1, "real"))
	p.event(Tracked{Attempt: 1})
	require.Equal(t, p.now.Add(2*time.Hour), p.m.WakeAt(p.now))
	p.after(2 * time.Hour)
	require.Equal(t, "real", command[Track](p).CallID, "is it still watched?")
	p.event(Tracked{Attempt: 1, Lost: true})
	l := command[LookUp](p)
	require.Equal(t, Follow, l.Purpose)
	require.Equal(t, "real", l.ID)
	p.event(LookedUp{Attempt: 1, Purpose: Follow, Answer: Found, Events: []calls.StatusEvent{{CallID: "real", To: to, Status: calls.StatusNoAnswer}}})
	require.Equal(t, calls.StatusNoAnswer, p.m.Outcome().Status)
	require.Equal(t, calls.SourceCallLog, p.m.Outcome().Source)
}

func TestUpdatesOfOthersAreRefused(t *testing.T) {
	for name, edit := range map[string]func(*calls.CallState){
		"another request":           func(c *calls.CallState) { c.ReferenceID = "order-2-a1" },
		"no attempt":                func(c *calls.CallState) { c.ReferenceID = "order-1" },
		"an attempt not made":       func(c *calls.CallState) { c.ReferenceID = "order-1-a2" },
		"attempt 0":                 func(c *calls.CallState) { c.ReferenceID = "order-1-a0" },
		"another recipient":         func(c *calls.CallState) { c.Legs[0].To = foreign },
		"nothing of the recipient":  func(c *calls.CallState) { c.Legs = nil; c.CallKey = "x" },
		"another call (with alarm)": func(c *calls.CallState) { c.CallKey = "x" },
	} {
		t.Run(name, func(t *testing.T) {
			p := start(t, nil).event(placed(1, "real"))
			c := callState("real", calls.StatusFailed)
			edit(&c)
			p.event(Updated{Call: c})
			require.Empty(t, p.out)
			require.Equal(t, 1, p.m.State().Refused)
			require.Empty(t, p.m.State().Attempts[0].Status)
		})
	}
}

func TestUnknownIsReportedAfterTheWindowAndTheTruthIsARevision(t *testing.T) {
	p := start(t, nil).event(unknown(1))
	require.Nil(t, p.m.Outcome())
	p.after(FirstLookUp)
	l := command[LookUp](p)
	require.Equal(t, "order-1-a1", l.ID)
	require.Nil(t, l.Silence)
	p.after(10*time.Minute - FirstLookUp)
	o := command[Tell](p).Outcome
	require.Equal(t, calls.StatusUnknown, o.Status)
	require.Empty(t, o.CallKey)
	require.Equal(t, []string{calls.AttentionUnknownPlacement}, p.m.State().Attention)
	p.after(20 * time.Minute)
	require.False(t, p.m.Finished(p.now))
	p.update("real", calls.StatusFailed)
	require.Equal(t, 2, command[Tell](p).Outcome.Revision)
	require.Equal(t, calls.StatusFailed, p.m.Outcome().Status)
	require.Empty(t, p.m.State().Attention)
	require.Equal(t, CancelLookUp{Attempt: 1, Purpose: Settle}, command[CancelLookUp](p))
	p.after(time.Hour - 3*time.Minute)
	require.Empty(t, p.out, "nothing is dialled after an outcome was told")
}

func TestRedialNeedsTimeAndAnswers(t *testing.T) {
	redial := func(in *contract.OutboundCallInput) {
		in.Request.Failover = &calls.Failover{OnUnknown: calls.OnUnknownRedial}
	}
	p := start(t, redial).event(unknown(1)).after(FirstLookUp)
	require.Equal(t, &Silence{Answers: 3, Until: dayZero.Add(15 * time.Minute)}, command[LookUp](p).Silence)
	p.after(10 * time.Minute).event(LookedUp{Attempt: 1, Purpose: Settle, Answer: SurelyNotFound})
	require.Empty(t, p.out, "too early, whatever the other clock says")
	p.after(5 * time.Minute)
	command[LookUp](p)
	p.event(LookedUp{Attempt: 1, Purpose: Settle, Answer: SurelyNotFound})
	require.Equal(t, "+966110000002", command[Place](p).CallerID)
	require.Nil(t, p.m.Outcome())

	p = start(t, redial).event(unknown(1)).after(FirstLookUp).after(20 * time.Minute)
	require.Equal(t, calls.StatusUnknown, p.m.Outcome().Status)
	p.event(LookedUp{Attempt: 1, Purpose: Settle, Answer: SurelyNotFound})
	require.Empty(t, p.out, "too late: the outcome was told")
}

func TestStopTellsWhatWasDialled(t *testing.T) {
	p := start(t, nil).event(placed(1, "real"))
	p.event(Stopped{Reason: "customer came in"})
	require.Nil(t, p.m.Outcome(), "the call that was placed is waited for")
	p.update("real", calls.StatusFailed)
	require.Equal(t, calls.StatusFailed, command[Tell](p).Outcome.Status)
	require.Equal(t, calls.OutboundStopped, p.m.State().State)

	p = start(t, nil).event(Stopped{Reason: "wrong number"})
	command[WithdrawPlace](p)
	require.Nil(t, p.m.Outcome(), "the verdict is waited for")
	p.event(Verdict{Attempt: 1, Placement: calls.NotPlaced, Reason: "taken back"})
	require.Equal(t, calls.StatusStopped, command[Tell](p).Outcome.Status)
	require.True(t, p.m.Finished(p.now))
}

func TestCheckRetry(t *testing.T) {
	again := contract.RetryNow{Attempt: 1, Reason: "mended"}
	force := contract.RetryNow{Attempt: 1, Reason: "mended", Force: true}
	refused := Verdict{Attempt: 1, Placement: calls.NotPlaced, Final: true, Reason: "403"}
	failed := func(t *testing.T) *play {
		return start(t, nil).event(placed(1, "real")).update("real", calls.StatusBusy)
	}
	tests := map[string]struct {
		play         func(t *testing.T) *play
		plain, force string
	}{
		"waiting in the queue": {func(t *testing.T) *play { return start(t, nil) }, "in progress", "in progress"},
		"refused for good":     {func(t *testing.T) *play { return start(t, nil).event(refused) }, "", ""},
		"ringing":              {func(t *testing.T) *play { return start(t, nil).event(placed(1, "real")) }, "not over", "not over"},
		"busy":                 {failed, "", ""},
		"being verified":       {func(t *testing.T) *play { return start(t, nil).event(placed(1, "r")).update("r", calls.StatusFailed) }, "wait", "wait"},
		"unknown":              {func(t *testing.T) *play { return start(t, nil).event(unknown(1)) }, "force", ""},
		"completed": {func(t *testing.T) *play {
			return start(t, nil).event(placed(1, "r")).update("r", calls.StatusCompleted)
		}, "reached", "reached"},
		"after the deadline": {func(t *testing.T) *play {
			return start(t, func(in *contract.OutboundCallInput) { in.Request.Deadline = "1h" }).event(placed(1, "real")).update("real", calls.StatusBusy).after(time.Hour)
		}, "deadline", "deadline"},
		"stopped":               {func(t *testing.T) *play { return failed(t).event(Stopped{}) }, "stopped", "stopped"},
		"somebody in any event": {func(t *testing.T) *play { return failed(t).update("other", calls.StatusAnswered) }, "reached", "reached"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := tt.play(t)
			for r, want := range map[contract.RetryNow]string{again: tt.plain, force: tt.force} {
				err := p.m.CheckRetry(p.now, r)
				if want == "" {
					require.NoError(t, err)
					continue
				}
				require.ErrorContains(t, err, want)
			}
			require.Error(t, p.m.CheckRetry(p.now, contract.RetryNow{Attempt: 2, Reason: "x", Force: true}), "not the last")
			require.Error(t, p.m.CheckRetry(p.now, contract.RetryNow{Attempt: 1, Force: true}), "no reason")
		})
	}
}

func TestRetryNowVerifiesFirst(t *testing.T) {
	p := start(t, nil).event(placed(1, "real")).update("real", calls.StatusBusy)
	require.Equal(t, calls.StatusBusy, p.m.Outcome().Status)
	p.event(RetryAsked{contract.RetryNow{Attempt: 1, Reason: "asked to call again"}})
	require.Equal(t, "real", command[LookUp](p).ID)
	p.event(LookedUp{Attempt: 1, Purpose: Verify, Answer: Found, Events: []calls.StatusEvent{{CallID: "real", To: to, Status: calls.StatusBusy}}})
	require.Equal(t, 2, command[Place](p).Attempt)
	require.Equal(t, calls.OutboundDialling, p.m.State().State)
	require.Equal(t, 1, p.m.Outcome().Revision, "what was told stays until there is news")
	p.event(placed(2, "second"))
	c := callState("second", calls.StatusCompleted)
	c.ReferenceID = "order-1-a2"
	p.event(Updated{Call: c})
	require.Equal(t, 2, p.m.Outcome().Revision)
	require.Equal(t, calls.StatusCompleted, p.m.Outcome().Status)
}

func TestReasonsCarryNoNumber(t *testing.T) {
	p := start(t, nil).event(placed(1, "real"))
	c := callState("real", calls.StatusBusy)
	c.Outcome.FailureReason = "line of " + to + " is busy"
	p.event(Updated{Call: c})
	require.NotContains(t, p.m.Outcome().FailureReason, "500000004")
	require.Empty(t, p.event(Updated{Call: c}).out, "the same again is no news")
}

func TestBackOff(t *testing.T) {
	require.Equal(t, time.Second, backOff(1, 0, false))
	require.Equal(t, 32*time.Second, backOff(6, 0, false))
	require.Equal(t, time.Minute, backOff(7, 0, false))
	require.Equal(t, time.Minute, backOff(60, 0, false))
	require.Equal(t, 10*time.Minute, backOff(61, 0, false))
	require.Equal(t, time.Hour, backOff(1000, 0, false))
	require.Equal(t, 2*time.Hour, backOff(1, 2*time.Hour, false))
	require.Equal(t, 256*time.Second, backOff(9, 0, true))
	require.Equal(t, 10*time.Minute, backOff(11, 0, true))
}

func TestProviderFailover(t *testing.T) {
	p := start(t, func(in *contract.OutboundCallInput) {
		in.Request.Failover = &calls.Failover{By: calls.FailoverByProvider}
	})
	require.Equal(t, "+966110000002", command[Place](p).SecondaryCallerID)
	p.event(placed(1, "real")).update("real", calls.StatusFailed)
	require.Equal(t, calls.StatusFailed, p.m.Outcome().Status)
	require.Empty(t, p.after(time.Minute).out)
}

func TestAForcedAttemptIsDroppedWhenTheCallTurnsOutToRing(t *testing.T) {
	p := start(t, func(in *contract.OutboundCallInput) {
		in.Request.CallingHours = &calls.CallingHours{Timezone: "UTC", From: "00:00", To: "10:01"}
	})
	p.event(HoursChecked{Window: contract.Window{OpenAt: dayZero, ClosesAt: dayZero.Add(time.Minute)}}).event(unknown(1)).after(2 * time.Minute)
	p.event(RetryAsked{contract.RetryNow{Attempt: 1, Reason: "x", Force: true}})
	command[CheckHours](p)
	p.event(HoursChecked{Window: contract.Window{OpenAt: p.now.Add(time.Minute), ClosesAt: dayZero.Add(time.Hour)}})
	require.Equal(t, calls.OutboundPending, p.m.State().State)
	p.update("real", calls.StatusRinging).after(time.Minute)
	require.Empty(t, p.out)
	require.Equal(t, calls.OutboundAwaiting, p.m.State().State)
}

// TestRefusedUntilASettingIsMended: a refusal that lasts until a setting is fixed is retried at least every ten minutes, and
// an operator can find it.
func TestRefusedUntilASettingIsMended(t *testing.T) {
	p := start(t, func(in *contract.OutboundCallInput) { in.Request.Deadline = "24h" })
	for range 14 {
		command[Place](p)
		p.event(Verdict{Attempt: 1, Placement: calls.NotPlaced, Refused: true, Reason: "HTTP 401"})
		require.Equal(t, []string{calls.AttentionProviderRefuses}, p.m.State().Attention)
		wait := p.m.WakeAt(p.now).Sub(p.now)
		require.LessOrEqual(t, wait, 10*time.Minute)
		p.after(wait)
	}
	command[Place](p)
	p.event(placed(1, "call-1"))
	require.Empty(t, p.m.State().Attention, "the provider takes calls again")
	require.Len(t, p.m.State().Attempts, 1)
}

// TestARequestSaysWhereItIs follows a request from its place in the dial queue to its end.
func TestARequestSaysWhereItIs(t *testing.T) {
	expected := dayZero.Add(30 * time.Second)
	queued := func() *play {
		return start(t, func(in *contract.OutboundCallInput) { in.ExpectedStart = &expected })
	}
	says := func(p *play, state calls.OutboundState, phase, waiting string, at *time.Time) {
		t.Helper()
		s := p.m.State()
		require.Equal(t, state, s.State)
		require.Equal(t, phase, Phase(s))
		require.Equal(t, waiting, s.Waiting)
		require.Equal(t, at, s.ExpectedStart)
	}
	const inQueue = "attempt 1 to have its turn: in the dial queue, or being posted, since 2026-11-23 10:00:00Z"
	p := queued()
	says(p, calls.OutboundDialling, "waits for its turn to be dialled", inQueue+"; expected at about 2026-11-23 10:00:30Z", &expected)
	p.event(placed(1, "call-1"))
	says(p, calls.OutboundAwaiting, "is dialled, and has not ended", "attempt 1 to end: it was placed, and nothing is heard of it yet", nil)

	p = queued()
	p.event(DiallingChanged{})
	says(p, calls.OutboundDialling, "waits for its turn to be dialled", inQueue, nil)

	p = queued()
	p.event(Verdict{Attempt: 1, Placement: calls.NotPlaced, RetryAfter: time.Minute})
	says(p, calls.OutboundPending, "waits for the next dial", "attempt 1, due at 2026-11-23 10:01:00Z", nil)
	p.after(time.Minute)
	require.Nil(t, p.m.State().ExpectedStart, "it was its first turn")

	p = queued()
	p.event(Verdict{Attempt: 1, Placement: calls.PlacementUnknown})
	require.Equal(t, "may have been dialled", Phase(p.m.State()))
	p = queued()
	p.event(Stopped{})
	says(p, calls.OutboundDialling, "waits for its turn to be dialled", "attempt 1 to leave the dial queue: it was withdrawn", nil)

	later := dayZero.Add(time.Hour)
	p = start(t, func(in *contract.OutboundCallInput) { in.ExpectedStart, in.Request.NotBefore = &later, &later })
	says(p, calls.OutboundPending, "is not due yet", "attempt 1, due at 2026-11-23 11:00:00Z; expected at about 2026-11-23 11:00:00Z", &later)
}

// TestWaitingSaysHowDiallingGoes: a request that waits for a dial shows the fleet's rate, and that an operator has stopped it.
func TestWaitingSaysHowDiallingGoes(t *testing.T) {
	rate, none, slow := 2.0, 0.0, float64(float32(0.05))
	p := start(t, func(in *contract.OutboundCallInput) { in.Dialling = &calls.Dialling{Rate: &slow} })
	require.Contains(t, p.m.State().Waiting, "; the fleet dials 0.05 per second")
	p = start(t, func(in *contract.OutboundCallInput) { in.Dialling = &calls.Dialling{Rate: &rate} })
	require.Contains(t, p.m.State().Waiting, "; the fleet dials 2 per second")
	stop := calls.DialStop{By: "ops@desk", Reason: "complaints of +966500000001", At: p.now}
	p.event(DiallingChanged{calls.Dialling{Rate: &none, Stop: &stop}})
	require.Empty(t, p.out, "it stays in the queue, which stands still")
	require.Contains(t, p.m.State().Waiting, "all dialling is stopped since 2026-11-23 10:00:00Z by ops@desk: complaints of ")
	require.NotContains(t, p.m.State().Waiting, "500000001")
	p.event(Verdict{Attempt: 1, Placement: calls.NotPlaced, RetryAfter: time.Minute})
	require.Contains(t, p.m.State().Waiting, "by ops@desk", "between posts too")
	p.event(DiallingChanged{calls.Dialling{Rate: &rate}}).after(time.Minute)
	require.Contains(t, p.m.State().Waiting, "; the fleet dials 2 per second")
	p.event(placed(1, "call-1"))
	require.NotContains(t, p.m.State().Waiting, "per second")
}
