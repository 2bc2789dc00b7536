package outbound

import (
	"cmp"
	"slices"
	"time"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/callstate"
)

// Reading sums up the call log's entries of one call.
type Reading struct {
	CallID string
	Over   bool // every leg has ended
	Human  bool // somebody picked up
	Ending calls.Outcome
}

// Read sums up the call log's entries about one recipient. ok is false if there is none. The best leg counts. The log was
// asked by an id of ours, so an entry counts even if its number is spelled otherwise, hidden or absent.
func Read(events []calls.StatusEvent, to string) (r Reading, ok bool) {
	return sum(slices.DeleteFunc(slices.Clone(events), func(e calls.StatusEvent) bool { return to != "" && !mayBe(e.To, to) }))
}

// readLiterally is Read by the earlier rules, which compare spellings of numbers.
func readLiterally(events []calls.StatusEvent, to string) (Reading, bool) {
	return sum(slices.DeleteFunc(slices.Clone(events), func(e calls.StatusEvent) bool { return to != "" && e.To != "" && e.To != to }))
}

func sum(events []calls.StatusEvent) (r Reading, ok bool) {
	r.Over = true
	call := calls.CallState{}
	for _, e := range events {
		call.Legs = append(call.Legs, callstate.LegOf(e))
	}
	for i, e := range events {
		r.Human = r.Human || e.Status.Human()
		r.Over = r.Over && e.Status.Terminal()
		if ok && e.Status.Rank() <= r.Ending.Status.Rank() {
			continue
		}
		ok = true
		r.CallID = cmp.Or(e.CallID, e.CallKey)
		call.CallKey, call.CallID = calls.Key(r.CallID), r.CallID
		r.Ending = callstate.Ending(call, call.Legs[i])
		r.Ending.Source = calls.SourceCallLog
	}
	r.Over = r.Over && ok
	return r, ok
}

func (e LookedUp) apply(m *Machine, now time.Time) {
	a := m.attempt(e.Attempt)
	if a == nil || a.looking != e.Purpose {
		return
	}
	takenBack := a.dropping
	a.looking, a.dropping = "", false
	read := Read
	if a.literal {
		read = readLiterally
	}
	r, found := read(e.Events, a.to)
	found = found && e.Answer == Found
	if e.Purpose == Verify {
		if found || !takenBack {
			a.verify(r, found)
		}
		return
	}
	if e.Purpose == Follow {
		a.follow(r, found, now)
		return
	}
	switch {
	case a.Placement != calls.PlacementUnknown: // a notification was faster
	case found:
		m.settled(a, r, now)
	case e.Answer == SurelyNotFound && now.Before(a.unknownAt.Add(RedialAfter)): // the asking worker has another clock
		a.lookAt = a.unknownAt.Add(RedialAfter)
	case e.Answer == SurelyNotFound:
		a.silent, a.lookAt = true, now.Add(redialInterval)
	default:
		a.gaveUp = true
	}
}

// settled records a call that the call log knows and we did not. Its end counts at once, unless the provider may still fail
// over: then the Call workflow will tell.
func (m *Machine) settled(a *attempt, r Reading, now time.Time) {
	m.proven(a, r.CallID, now)
	a.trusted, a.human, a.Source = r.CallID != "", a.human || r.Human, calls.SourceCallLog
	a.Status = r.Ending.Status
	if r.Over && (!m.policy.byProvider || r.Ending.Status != calls.StatusFailed) {
		a.finish(r.Ending, now)
	}
}

// verify records the call log's answer about a failure.
func (a *attempt) verify(r Reading, answered bool) {
	switch {
	case !a.over || !failure(a.Status): // revised meanwhile
	case answered && r.Human:
		a.human, a.Conflict = true, true
		a.FailureReason = "reported as " + string(a.Status) + ", but the call log says " + string(r.Ending.Status)
		a.ending.FailureReason = a.FailureReason
		a.verified(false)
	case answered && r.Over:
		a.verified(true)
	default:
		a.verified(false)
	}
}

// follow records how a call ended that no workflow watches.
func (a *attempt) follow(r Reading, found bool, now time.Time) {
	a.gaveUp = !found
	if found && !a.over {
		a.human = a.human || r.Human
		a.finish(r.Ending, now)
	}
}

// wantsFollowing reports whether to ask the call log how a call ended that no workflow watches.
func (a *attempt) wantsFollowing() bool {
	return a.lost && a.Placement == calls.Placed && !a.over && !a.gaveUp
}

// redialInterval is the longest time between two questions to the call log about a placement that may be redialled.
const redialInterval = 5 * time.Minute

// wantsSettling reports whether to ask the call log if the attempt was placed.
func (a *attempt) wantsSettling() bool {
	return a.Placement == calls.PlacementUnknown && !a.gaveUp
}

// lookUps commands the due questions to the call log, and cancels those that are no longer useful.
func (m *Machine) lookUps(now time.Time) {
	for _, a := range m.attempts {
		switch {
		case a.looking == Settle && a.Placement != calls.PlacementUnknown,
			a.looking == Verify && !m.verifies(a, now),
			a.looking == Follow && !a.wantsFollowing():
			m.cancelLookUp(a)
		case a.looking == "" && a.wantsFollowing():
			m.followUp(a, now)
		case a.looking == "" && a.wantsSettling() && !now.Before(a.lookAt):
			m.settle(a, now)
		case a.looking == "" && a.Verified == nil && m.verifies(a, now):
			m.verify(a, now)
		}
	}
}

func (m *Machine) cancelLookUp(a *attempt) {
	if !a.dropping {
		a.dropping = true
		m.do(CancelLookUp{Attempt: a.Attempt.Attempt, Purpose: a.looking})
	}
}

// settle asks by the attempt's own referenceId. If a redial is possible, it also waits for silence.
func (m *Machine) settle(a *attempt, now time.Time) {
	until := a.unknownAt.Add(m.policy.settings.MaxAge)
	if !until.After(now) {
		a.gaveUp = true
		return
	}
	l := LookUp{
		Attempt: a.Attempt.Attempt, Purpose: Settle, ID: a.ReferenceID, To: a.to, AcceptNonTerminal: true,
		Until: until, MaxInterval: time.Hour,
	}
	if m.policy.redial && !a.silent && m.outcome == nil {
		l.Silence = &Silence{Answers: RedialAnswers, Until: a.unknownAt.Add(RedialAfter)}
		l.MaxInterval = redialInterval
	}
	a.looking = Settle
	m.do(l)
}

// followUp asks by the callId until the call has ended or is given up.
func (m *Machine) followUp(a *attempt, now time.Time) {
	until := a.heardAt.Add(m.policy.age())
	if !until.After(now) {
		a.gaveUp = true
		return
	}
	a.looking = Follow
	m.do(LookUp{Attempt: a.Attempt.Attempt, Purpose: Follow, ID: a.CallID, To: a.to, Until: until, MaxInterval: 10 * time.Minute})
}

// verify asks by the callId if the provider itself returned it; a notification may have named any callId.
func (m *Machine) verify(a *attempt, now time.Time) {
	id := a.ReferenceID
	if a.trusted {
		id = a.CallID
	}
	a.looking = Verify
	m.do(LookUp{
		Attempt: a.Attempt.Attempt, Purpose: Verify, ID: id, To: a.to,
		Until: minTime(now.Add(verifyFor), m.limit(a.Attempt.Attempt+1)), MaxInterval: time.Minute,
	})
}
