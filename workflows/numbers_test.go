package workflows_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"pgregory.net/rapid"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

// secrets holds the numbers of one call, and everything of it that was seen from outside.
type secrets struct {
	numbers []string // national, so that every spelling holds them

	mu   sync.Mutex
	seen []string
}

func newSecrets(t *rapid.T) *secrets {
	s := &secrets{}
	for range 4 {
		s.numbers = append(s.numbers, rapid.StringMatching(`5[0-9]{8}`).Draw(t, "number"))
	}
	return s
}

// number returns one of the numbers in some spelling.
func (s *secrets) number(t *rapid.T) string {
	n := rapid.SampledFrom(s.numbers).Draw(t, "whose")
	return rapid.SampledFrom([]string{
		"+966" + n, "00966" + n, "966" + n, "0" + n, "sip:+966" + n + "@carrier.example", "+966 " + n[:2] + " " + n[2:5] + " " + n[5:],
		"+966-" + n[:2] + "-" + n[2:], "+966 (0)" + n, strings.Map(arabicDigit, "+966"+n),
	}).Draw(t, "spelling")
}

func arabicDigit(r rune) rune {
	if r >= '0' && r <= '9' {
		return '٠' + r - '0'
	}
	return r
}

// text returns a foreign text, often with a number in it.
func (s *secrets) text(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", "x", "cannot reach ", "id-", "|", "wf:order-"}).Draw(t, "before") +
		rapid.SampledFrom([]string{s.number(t), s.number(t), ""}).Draw(t, "number") + rapid.SampledFrom([]string{"", ".", " now", "-1"}).Draw(t, "after")
}

func (s *secrets) see(what ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range what {
		text, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		s.seen = append(s.seen, string(text))
	}
}

// watch records the search attributes that a workflow writes.
func (s *secrets) watch(e *testsuite.TestWorkflowEnvironment) {
	e.OnUpsertTypedSearchAttributes(mock.Anything).Run(func(args mock.Arguments) {
		for key, value := range args.Get(0).(temporal.SearchAttributes).GetUntypedValues() {
			s.see(key.GetName(), value)
		}
	}).Return(nil)
}

// requireUnseen fails if a number can be read in what was seen. It does not use the product's way to look for numbers.
func (s *secrets) requireUnseen(t require.TestingT) {
	for _, text := range s.seen {
		digits := strings.Map(func(r rune) rune {
			switch {
			case r >= '٠' && r <= '٩':
				return '0' + r - '٠'
			case strings.ContainsRune(" -().", r):
				return -1
			}
			return r
		}, text)
		for _, n := range s.numbers {
			require.NotContains(t, digits, n[1:], "%s is readable in %s", n, text)
		}
	}
}

// TestNoNumberLeavesACall sends events with the call's numbers in every text and in every spelling. It holds that nothing
// that leaves the call contains one.
func TestNoNumberLeavesACall(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		e, s := newCallEnv(t), newSecrets(rt)
		s.watch(e.TestWorkflowEnvironment)
		e.subscribe(0, "order-1")
		if rapid.Bool().Draw(rt, "tracked") {
			tracking := calls.Tracking{To: "+966" + s.numbers[0], ReferenceID: rapid.SampledFrom([]string{"order-1-a1", ""}).Draw(rt, "ref")}
			e.at(time.Second, func() { e.SignalWorkflow(contract.SignalTrack.Name, tracking) })
		}
		for i := range rapid.IntRange(1, 4).Draw(rt, "events") {
			status := rapid.SampledFrom([]calls.Status{calls.StatusCompleted, calls.StatusUnknown, calls.StatusFailed, calls.StatusBusy}).Draw(rt, "status")
			ev := said(fmt.Sprint(i), status)
			ev.From, ev.To = s.number(rt), s.number(rt)
			for _, field := range []*string{&ev.RawStatus, &ev.FailureReason, &ev.UseCase, &ev.SecondaryCallerID} {
				if rapid.Bool().Draw(rt, "says it") {
					*field = s.text(rt)
				}
			}
			for _, id := range []*string{&ev.CallSID, &ev.ReferenceID, &ev.UniqueCallID, &ev.CampaignID, &ev.CallID} {
				if rapid.Bool().Draw(rt, "tells it") { // a number of the call's, however written; the provider's ids a stranger's too, as digits
					own := rapid.SampledFrom([]string{ev.From, ev.To, "+966" + s.numbers[3]}).Draw(rt, "own")
					if id == &ev.ReferenceID {
						own = ev.To
					}
					*id = rapid.SampledFrom([]string{"", "id-", "wf:order-"}).Draw(rt, "before") + own + rapid.SampledFrom([]string{"", "-1"}).Draw(rt, "after")
				}
			}
			e.notify(time.Duration(i+1)*time.Minute, ev)
		}
		e.at(10*time.Minute, func() { s.see(currentDetails(t, e.TestWorkflowEnvironment)) })
		e.ExecuteWorkflow(contract.WorkflowCall.Name, contract.CallInput{CallKey: "c1", Edition: anyEdition(rt), Settings: settings})
		require.NoError(rt, e.GetWorkflowError())
		for i, o := range e.told {
			if strings.HasPrefix(e.toldTo[i], "order-1 ") { // else the provider itself sent its id
				s.see(o, e.toldTo[i])
			}
		}
		for _, k := range e.kept {
			s.see(calls.RecordingWorkflowIDOfHash(k.CallKey, k.Input().LegHash), k.ReferenceID)
		}
		s.requireUnseen(rt)
	})
}

// TestNoNumberLeavesARequest does the same for a request.
func TestNoNumberLeavesARequest(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		e, s := newOutboundEnv(t), newSecrets(rt)
		s.watch(e.TestWorkflowEnvironment)
		e.in.Request.To, e.in.Request.CallerID, e.in.Request.SecondaryCallerID = "+966"+s.numbers[0], "+966"+s.numbers[1], "+966"+s.numbers[2]
		e.in.Edition = anyEdition(rt)
		reason := s.text(rt)
		e.place = func(int) (contract.PlaceCallResult, error) {
			return contract.PlaceCallResult{Placement: calls.Placed, CallID: "call-1", Reason: reason}, nil
		}
		for i := range rapid.IntRange(1, 3).Draw(rt, "events") {
			status := rapid.SampledFrom([]calls.Status{calls.StatusCompleted, calls.StatusFailed, calls.StatusBusy}).Draw(rt, "status")
			e.update(time.Duration(i+1)*time.Minute, 1, status, func(c *calls.CallState) {
				l := &c.Legs[0]
				l.From, l.To, l.FailureReason, l.RawStatus = s.number(rt), "+966"+s.numbers[0], s.text(rt), s.text(rt)
				if c.Outcome != nil {
					c.Outcome.FailureReason = s.text(rt)
				}
			})
		}
		e.at(10*time.Minute, func() { s.see(currentDetails(t, e.TestWorkflowEnvironment)) })
		e.execute()
		require.NoError(rt, e.GetWorkflowError())
		for _, o := range e.told {
			s.see(o)
		}
		s.requireUnseen(rt)
	})
}

// TestNoNumberLeavesASession does the same for a masking session.
func TestNoNumberLeavesASession(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		e, s := newMaskEnv(t), newSecrets(rt)
		s.watch(e.TestWorkflowEnvironment)
		e.subscribe(0, "order-1")
		e.telling = func(o calls.Outcome) { s.see(o) }
		for i := range rapid.IntRange(1, 3).Draw(rt, "calls") {
			in, out := maskedLegs(i, rapid.SampledFrom([]calls.Status{calls.StatusCompleted, calls.StatusFailed}).Draw(rt, "status"))
			for _, c := range []*calls.CallState{&in, &out} {
				l := &c.Legs[0]
				l.From, l.To, l.FailureReason, l.RawStatus, l.UseCase = s.number(rt), s.number(rt), s.text(rt), s.text(rt), s.text(rt)
			}
			if rapid.Bool().Draw(rt, "one call") { // then its outcome is made here
				in.Legs, in.Outcome = append(in.Legs, out.Legs...), nil
				e.hear(time.Duration(i+1)*time.Minute, in)
				continue
			}
			e.hear(time.Duration(i+1)*time.Minute, in, out)
		}
		e.at(10*time.Minute, func() { s.see(currentDetails(t, e.TestWorkflowEnvironment)) })
		e.ExecuteWorkflow(contract.WorkflowMaskingSession.Name, contract.MaskingSessionInput{Edition: anyEdition(rt), MaskID: "m1"})
		require.NoError(rt, e.GetWorkflowError())
		s.see(e.outcomes, e.summaries)
		s.requireUnseen(rt)
	})
}
