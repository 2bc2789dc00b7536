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
	round      = 16                    // deliveries whose mean is judged
)

// limit holds how many deliveries may be under way, between one and most. After each round it grows by one, or is halved
// if the round was slow: more at once would only queue up at Temporal, ahead of what its workers ask of it. If one at a
// time is slow too, others slow Temporal down, and holding back helps no one: that is the new normal.
type limit struct {
	most int

	mu    sync.Mutex
	now   int
	sum   time.Duration // of this round
	n     int
	best  best      // of rounds
	since time.Time // deliveries that began earlier were under way with more others, and say nothing
}

func newLimit(most int) *limit { return &limit{most: most, now: most} }

// Allowed returns how many deliveries may be under way.
func (l *limit) Allowed() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

// Took records a delivery that Temporal answered, by when it began and when it ended.
func (l *limit) Took(began, ended time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if began.Before(l.since) {
		return
	}
	l.sum += ended.Sub(began)
	if l.n++; l.n < round {
		return
	}
	mean := max(l.sum/round, 1)
	l.sum, l.n = 0, 0
	l.best.took(mean, ended)
	switch {
	case !l.best.slow(mean, slowSlack):
		l.now = min(l.now+1, l.most)
	case l.now > 1:
		l.now, l.since = l.now/2, ended
	default:
		l.best = best{now: mean, period: ended}
	}
}

// pace measures how long something has taken recently.
type pace struct {
	smooth time.Duration
	best   best
}

// took records a duration and when it ended.
func (p *pace) took(took time.Duration, ended time.Time) {
	took = max(took, 1)
	if p.smooth == 0 {
		p.smooth = took
	}
	p.smooth += (took - p.smooth) / 4
	p.best.took(took, ended)
}

// slow reports whether the smoothed duration is slow.
func (p *pace) slow() bool { return p.best.slow(p.smooth, 0) }

// best is the shortest of recent durations.
type best struct {
	now    time.Duration // of this period
	before time.Duration // of the period before
	period time.Time     // when this period began
}

// took records a duration and when it ended.
func (b *best) took(took time.Duration, ended time.Time) {
	if ended.Sub(b.period) > bestFor {
		b.before, b.now, b.period = b.now, took, ended
	}
	b.now = min(b.now, took)
}

// slow reports whether a duration is slow beside the best.
func (b *best) slow(took, slack time.Duration) bool {
	shortest := b.now
	if b.before > 0 {
		shortest = min(shortest, b.before)
	}
	return took > slowFactor*shortest+slack
}
