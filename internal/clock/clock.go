// Package clock tells the time by Temporal's clock. Deadlines and calling hours are compared with times that Temporal
// wrote, so that a machine whose own clock is wrong neither refuses what is due nor dials what is late.
package clock

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"
)

// Tolerance is how far a machine's clock may be from Temporal's before anybody is told.
const Tolerance = 5 * time.Second

const (
	period  = time.Minute     // between two comparisons
	retry   = 5 * time.Second // after one that failed
	timeout = 3 * time.Second // of one comparison
	slight  = time.Second     // a difference that is not worth correcting
)

// Reading is Temporal's clock, read between two moments of this machine's.
type Reading struct {
	Server        time.Time
	Before, After time.Time
}

// skew is how far this machine is ahead of Temporal; it is 0 where it may be.
func (r Reading) skew() time.Duration {
	before, after := r.Before.Round(0).Sub(r.Server), r.After.Round(0).Sub(r.Server) // by the wall clocks
	switch {
	case before > slight:
		return before
	case after < -slight:
		return after
	default:
		return 0
	}
}

// Clock is this machine's clock, corrected by how far it is from Temporal's. A nil Clock is the machine's own. It is
// safe for concurrent use.
type Clock struct {
	Read func(context.Context) (Reading, error)
	Log  *slog.Logger

	asking sync.Mutex // one comparison at a time
	mu     sync.Mutex
	skew   time.Duration
	known  bool
	wrong  bool // and it was said
}

// Run compares the clocks until the context ends.
func (c *Clock) Run(ctx context.Context) {
	for ctx.Err() == nil {
		wait := period
		if c.compare(ctx) != nil {
			wait = retry
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// Now is the time. While Temporal could not be asked yet it is the machine's own.
func (c *Clock) Now() time.Time {
	if c == nil {
		return time.Now()
	}
	skew, _ := c.Skew()
	return time.Now().Round(0).Add(-skew)
}

// Near is the time, to be used for a decision that is hard to take back. since is a moment of Temporal's that has just
// passed: where the time is not close to it, the clocks are compared again. The error says that this was not possible.
func (c *Clock) Near(ctx context.Context, since time.Time) (time.Time, error) {
	if c == nil || since.IsZero() {
		return c.Now(), nil
	}
	if _, known := c.Skew(); known {
		if now := c.Now(); now.After(since.Add(-Tolerance)) && now.Before(since.Add(Tolerance)) {
			return now, nil
		}
	}
	if err := c.compare(ctx); err != nil {
		return time.Time{}, err
	}
	return c.Now(), nil
}

// Skew is how far this machine's clock is ahead of Temporal's, negative where it is behind; false while that is unknown.
func (c *Clock) Skew() (time.Duration, bool) {
	if c == nil {
		return 0, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.skew, c.known
}

// Wrong is the skew where it is more than Tolerance, else 0.
func (c *Clock) Wrong() time.Duration {
	if skew, known := c.Skew(); known && Beyond(skew) {
		return skew
	}
	return 0
}

// Beyond reports whether somebody is to be told of a skew.
func Beyond(skew time.Duration) bool { return math.Abs(float64(skew)) > float64(Tolerance) }

// Fault says how far a machine's clock is off, where that is beyond Tolerance; else it is nil.
func Fault(skew time.Duration) error {
	switch {
	case !Beyond(skew):
		return nil
	case skew > 0:
		return fmt.Errorf("this machine's clock is %s ahead of Temporal's", skew.Round(time.Second))
	default:
		return fmt.Errorf("this machine's clock is %s behind Temporal's", -skew.Round(time.Second))
	}
}

func (c *Clock) compare(ctx context.Context) error {
	c.asking.Lock()
	defer c.asking.Unlock()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r, err := c.Read(ctx)
	if err != nil {
		return err
	}
	skew := r.skew()
	c.mu.Lock()
	before := c.wrong
	c.skew, c.known, c.wrong = skew, true, Beyond(skew)
	c.mu.Unlock()
	switch {
	case c.Log == nil || before == Beyond(skew):
	case before:
		c.Log.Info("this machine's clock is right again")
	default:
		c.Log.Warn("this machine's clock is wrong: Temporal's is used for deadlines and calling hours", "ahead", skew.Round(time.Second).String())
	}
	return nil
}

// Skew compares the clocks once. It is how far this machine is ahead of Temporal.
func Skew(ctx context.Context, read func(context.Context) (Reading, error)) (time.Duration, error) {
	c := Clock{Read: read}
	err := c.compare(ctx)
	return c.skew, err
}
