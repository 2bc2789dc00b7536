package dispatch

import (
	"sync"
	"time"
)

const (
	crowd      = 8                    // notifications that are being stored at once: more than meet by chance
	pressSlack = 2 * time.Millisecond // of the inbox
	pressPause = 3                    // times as long as a delivery took, nothing is delivered after it
	pressMost  = time.Second          // and no longer
	pressLook  = 10 * time.Millisecond
)

// pressure leaves the machine to those who wait for their 200: while many notifications are stored at once, and that takes
// longer than the disk alone explains, one delivery is under way at a time, and there is a pause after each.
type pressure struct {
	mu      sync.Mutex
	storing int
	pace    pace
	free    time.Time // when the pause is over
}

// On reports whether there is pressure.
func (p *pressure) On() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.storing >= crowd && p.pace.slow(pressSlack)
}

// Storing is told of each notification that is being stored. What it returns is called when it is.
func (p *pressure) Storing() (stored func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.storing++
	began := time.Now()
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.storing--
		now := time.Now()
		p.pace.took(now.Sub(began), now)
	}
}

// Allowed is how many deliveries may be under way under pressure.
func (p *pressure) Allowed() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Now().Before(p.free) {
		return 0
	}
	return 1
}

// Took is told how long each delivery took.
func (p *pressure) Took(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = time.Now().Add(min(pressPause*d, pressMost))
}
