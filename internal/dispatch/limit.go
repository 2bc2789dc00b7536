package dispatch

import (
	"sync"
	"time"
)

// What takes longer than this is slow: twice its best of late, and a little for what no load explains.
const (
	slowFactor = 2
	slowSlack  = 25 * time.Millisecond // of Temporal
	bestFor    = 30 * time.Second      // how long the best is remembered at least, twice that at most
)

// limit says how many deliveries may be under way: more and more by one, and half of them once they take long, since more
// at once would only queue up at Temporal, before what its workers ask of it. It is between one and most.
type limit struct {
	most int

	mu      sync.Mutex
	now     float64
	pace    pace
	lastCut time.Time
}

// pace is how long something takes of late.
type pace struct {
	smooth time.Duration
	best   time.Duration // the shortest of this period
	before time.Duration // and of the period before
	period time.Time     // when this period began
}

func newLimit(most int) *limit { return &limit{most: most, now: float64(most)} }

// Allowed is how many deliveries may be under way.
func (l *limit) Allowed() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int(l.now)
}

// Took is told of each delivery that Temporal answered, when it began and when it ended.
func (l *limit) Took(began, ended time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pace.took(ended.Sub(began), ended)
	switch slow := l.pace.slow(slowSlack); {
	case !slow:
		l.now = min(l.now+1/l.now, float64(l.most))
	case began.After(l.lastCut): // those that were under way at the last cut say nothing of it
		l.now, l.lastCut = max(l.now/2, 1), ended
	}
}

// took is told of what ended at a time.
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

// slow reports whether it takes longer than no load explains.
func (p *pace) slow(slack time.Duration) bool {
	shortest := p.best
	if p.before > 0 {
		shortest = min(shortest, p.before)
	}
	return p.smooth > slowFactor*shortest+slack
}
