package dispatch

import (
	"sync"
	"time"
)

const (
	crowd      = 8                      // so many notifications stored at once are no coincidence
	crowdFor   = 100 * time.Millisecond // a crowd that a commit has stored is followed by the next
	pressPause = 3                      // the pause after a delivery, in multiples of how long it took
	pressMost  = time.Second            // the longest pause
	pressTurn  = 10 * time.Second       // senders and deliveries take turns while a crowd lasts
	pressLook  = 10 * time.Millisecond
)

// pressure leaves the machine to the senders that wait for their 200. While many notifications are stored at once, and
// storing takes longer than the disk alone explains, one delivery is under way at a time, with a pause after each. On a slow
// disk many are stored at once without need: each waits behind one commit and with the next, which is not slow. A crowd that
// does not end must not keep outcomes from those who wait for them: every other ten seconds deliveries do not yield.
type pressure struct {
	mu      sync.Mutex
	storing int
	since   time.Time // when many began to be stored at once; zero: they are not
	crowded time.Time // when one of many that were stored at once was last stored
	pace    pace
	free    time.Time // when the pause is over
}

// On reports whether there is pressure.
func (p *pressure) On() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	switch {
	case p.storing < crowd && now.Sub(p.crowded) >= crowdFor:
		p.since = time.Time{}
		return false
	case p.since.IsZero():
		p.since = now
	}
	return now.Sub(p.since)%(2*pressTurn) < pressTurn && p.pace.slow()
}

// Storing counts a notification that is being stored. The caller calls stored once it is.
func (p *pressure) Storing() (stored func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.storing++
	began := time.Now()
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		now := time.Now()
		if p.storing >= crowd {
			p.crowded = now
		}
		p.storing--
		p.pace.took(now.Sub(began), now)
	}
}

// Allowed returns how many deliveries may be under way while there is pressure.
func (p *pressure) Allowed() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Now().Before(p.free) {
		return 0
	}
	return 1
}

// Took records how long a delivery took.
func (p *pressure) Took(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = time.Now().Add(min(pressPause*d, pressMost))
}
