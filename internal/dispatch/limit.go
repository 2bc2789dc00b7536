package dispatch

import (
	"sync"
	"time"
)

// What Temporal takes longer for than this is slow: twice its best of late, and a little for what no load explains.
const (
	slowFactor = 2
	slowSlack  = 25 * time.Millisecond
	bestFor    = 30 * time.Second // how long the best is remembered at least, twice that at most
)

// limit says how many deliveries may be under way: more and more by one, and half of them once they take long, since more
// at once would only queue up at Temporal, before what its workers ask of it. It is between one and most.
type limit struct {
	most int

	mu      sync.Mutex
	now     float64
	smooth  time.Duration // latency of late
	best    time.Duration // the shortest one of this period
	before  time.Duration // and of the period before
	period  time.Time     // when this period began
	lastCut time.Time
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
	took := max(ended.Sub(began), 1)
	if l.smooth == 0 {
		l.smooth = took
	}
	l.smooth += (took - l.smooth) / 4
	if ended.Sub(l.period) > bestFor {
		l.before, l.best, l.period = l.best, took, ended
	}
	l.best = min(l.best, took)
	switch slow := l.smooth > slowFactor*l.shortest()+slowSlack; {
	case !slow:
		l.now = min(l.now+1/l.now, float64(l.most))
	case began.After(l.lastCut): // those that were under way at the last cut say nothing of it
		l.now, l.lastCut = max(l.now/2, 1), ended
	}
}

// shortest is the best latency of late.
func (l *limit) shortest() time.Duration {
	if l.before > 0 {
		return min(l.best, l.before)
	}
	return l.best
}
