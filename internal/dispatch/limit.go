package dispatch

import (
	"sync"
	"time"
)

// A duration is slow if it exceeds slowFactor times the recent best plus a slack for what load does not explain.
const (
	slowFactor = 2
	slowSlack  = 25 * time.Millisecond // for Temporal
	bestFor    = 30 * time.Second      // the best is remembered at least this long, at most twice as long
)

// limit holds how many deliveries may be under way, between one and most. It grows by one per round of deliveries and is
// halved when they are slow: more at once would only queue up at Temporal, ahead of what its workers ask of it.
type limit struct {
	most int

	mu      sync.Mutex
	now     float64
	pace    pace
	lastCut time.Time
}

// pace measures how long something has taken recently.
type pace struct {
	smooth time.Duration
	best   time.Duration // the shortest of this period
	before time.Duration // and of the period before
	period time.Time     // when this period began
}

func newLimit(most int) *limit { return &limit{most: most, now: float64(most)} }

// Allowed returns how many deliveries may be under way.
func (l *limit) Allowed() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int(l.now)
}

// Took records a delivery that Temporal answered, by when it began and when it ended.
func (l *limit) Took(began, ended time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pace.took(ended.Sub(began), ended)
	switch slow := l.pace.slow(slowSlack); {
	case !slow:
		l.now = min(l.now+1/l.now, float64(l.most))
	case began.After(l.lastCut): // deliveries under way at the last cut say nothing about it
		l.now, l.lastCut = max(l.now/2, 1), ended
	}
}

// took records a duration and when it ended.
func (p *pace) took(took time.Duration, ended time.Time) {
	took = max(took, 1)
	if p.smooth == 0 {
		p.smooth = took
	}
	p.smooth += (took - p.smooth) / 4
	if ended.Sub(p.period) > bestFor {
		p.before, p.best, p.period = p.best, took, ended
	}
	p.best = min(p.best, took)
}

// slow reports whether the smoothed duration is slow.
func (p *pace) slow(slack time.Duration) bool {
	shortest := p.best
	if p.before > 0 {
		shortest = min(shortest, p.before)
	}
	return p.smooth > slowFactor*shortest+slack
}
