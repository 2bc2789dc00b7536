package inbox

import "time"

const (
	companyWait  = time.Millisecond // for all of a commit together
	companyProbe = 32               // commits after a wait in vain before one more is waited for
)

// company says which writes a commit waits for. A commit costs as much as many writes, and whoever is answered by one
// mostly has another soon: as many are waited for as came the last time and one more, but not for long. A write that comes
// alone waits for nobody.
type company struct {
	expected int
	settled  int       // commits until one more is waited for
	until    time.Time // of the wait for this batch; zero: it has not begun
	late     bool      // it was over before all had come
}

// wait returns the next write for a batch that has n, nil where it is not to wait any longer.
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

// went is told of how many writes a commit consisted.
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
