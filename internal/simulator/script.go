package simulator

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// play carries out the scripts of an accepted request. The channel it returns is nil unless the API must not answer
// before all notifications are sent.
func (s *Simulator) play(q *request, fault Fault) <-chan struct{} {
	var scripts sync.WaitGroup
	early := false
	for _, l := range slices.Clip(q.legs) {
		e := s.endingOf(l.to)
		switch fault {
		case FaultLoseNotifications:
			e.silent = true
		case FaultRepeatNotifications:
			e.copies = 3
		}
		early = early || e.early
		scripts.Add(1)
		s.perform(func(ctx context.Context) {
			defer scripts.Done()
			s.playLeg(ctx, q, l, e)
		}, scripts.Done)
	}
	if !early {
		return nil
	}
	done := make(chan struct{})
	s.spawn(func(context.Context) {
		scripts.Wait()
		close(done)
	})
	return done
}

// perform spawns a script and counts it as playing. It calls refused instead if the simulator is closed.
func (s *Simulator) perform(script func(context.Context), refused func()) {
	if !s.enter() {
		refused()
		return
	}
	s.mu.Lock()
	s.playing++
	s.mu.Unlock()
	go func() {
		defer s.active.Done()
		defer func() {
			s.mu.Lock()
			s.playing--
			s.mu.Unlock()
		}()
		script(s.ctx)
	}()
}

// playLeg notifies a leg's statuses, and those of the leg that the provider's own failover adds.
func (s *Simulator) playLeg(ctx context.Context, q *request, l *leg, e ending) {
	var sent sync.WaitGroup
	defer sent.Wait()
	s.mu.Lock()
	primary := s.book.primary[story(q.referenceID, l.to)] == l.from
	s.mu.Unlock()

	steps := e.stepsFor(primary, l.nth)
	if !s.playSteps(ctx, q, l, e, steps, q.at, &sent) {
		return
	}
	if steps[len(steps)-1].status != failedStatus || q.secondary == "" || q.secondary == l.from {
		return
	}
	again := time.Now().UTC()
	s.mu.Lock()
	second := q.newLeg(q.secondary, l.to, again)
	q.legs = append(q.legs, second)
	s.mu.Unlock()
	steps = e.stepsFor(false, l.nth)
	last := steps[len(steps)-1]
	last.at = failoverDelay
	s.playSteps(ctx, q, second, e, []step{last}, again, &sent)
}

// playSteps returns false if the simulator was closed before the end.
func (s *Simulator) playSteps(ctx context.Context, q *request, l *leg, e ending, steps []step, start time.Time,
	sent *sync.WaitGroup,
) bool {
	for _, st := range steps {
		if !pause(ctx, time.Until(start.Add(s.scaled(st.at)))) {
			return false
		}
		// A requested recording comes with the completion, unless the ending itself says when it comes.
		if st.status == completed && q.recorded && !e.unnamed && !e.records() {
			st.recording = true
		}
		notification := s.advance(l, st, e.host)
		if !e.silent {
			s.deliver(notification, e.copies, sent)
		}
	}
	return true
}

func (e ending) records() bool {
	for _, st := range e.steps {
		if st.recording {
			return true
		}
	}
	return false
}

// advance sets a leg to its next status and returns the notification about it.
func (s *Simulator) advance(l *leg, st step, host Behaviour) notification {
	now := time.Now().UTC()
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.callSID == "" && !st.noCarrier {
		l.callSID, l.uniqueCallID, l.externalCallsID = s.ids.next(), s.ids.next(), s.ids.next()
	}
	if l.completedAt.IsZero() && st.terminal() {
		l.completedAt = now
	}
	l.status, l.reason, l.seconds = st.status, st.reason, st.seconds
	if st.recording && l.recording == nil {
		l.recording = s.newRecording(l, host)
	}
	return s.describe(l)
}

func (st step) terminal() bool { return st.status != queued && st.status != transferring }

// deliver sends a notification. Each of several copies is sent at a time of its own.
func (s *Simulator) deliver(n notification, copies int, sent *sync.WaitGroup) {
	for i := range max(copies, 1) {
		wait := time.Duration(0)
		if copies > 1 {
			wait = s.scaled(time.Duration(rand.IntN(300)) * time.Millisecond)
		}
		sent.Add(1)
		if !s.enter() {
			sent.Done()
			return
		}
		go func() {
			defer s.active.Done()
			defer sent.Done()
			if pause(s.ctx, wait) {
				s.notify(n, i)
			}
		}()
	}
}
