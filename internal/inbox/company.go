package inbox

import "time"

const (
	companyWait  = time.Millisecond // for all of a commit together
	companyProbe = 32               // commits after a wait in vain before one more is waited for
)

// company decides which writes a commit waits for. A commit costs as much as many writes, and a sender that is answered
// by one mostly sends another soon: a commit waits for as many writes as came last time and one more, but not for long. A
// write that comes alone waits for nobody.
type company struct {
	expected int
	settled  int       // commits until one more is waited for
	until    time.Time // of the wait for this batch; zero: it has not begun
	late     bool      // the wait ended before all had come
}

// wait returns the next write for a batch that has n, or nil when the batch should wait no longer.
func (c *company) wait(n int, queue <-chan *write) *write {
	if n >= c.expected || c.late {
		return nil
	}
	now := time.Now()
	if c.until.IsZero() {
		c.until = now.Add(companyWait)
	}
	timer := time.NewTimer(c.until.Sub(now))
	defer timer.Stop()
	select {
	case w := <-queue:
		return w
	case <-timer.C:
	}
	select {
	case w := <-queue:
		return w
	default:
		c.late = true
		return nil
	}
}

// went records how many writes a commit had.
func (c *company) went(n int) {
	c.expected = n
	switch {
	case c.late:
		c.settled = companyProbe
	case c.settled > 0:
		c.settled--
	case n > 1:
		c.expected++
	}
	c.until, c.late = time.Time{}, false
}
