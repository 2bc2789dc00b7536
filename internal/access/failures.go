package access

import (
	"net/netip"
	"sync"
	"time"
)

// How many log-ins may fail from one address within a minute before it is told to wait, and of how many addresses this
// is counted.
const (
	maxFailures  = 100
	maxAddresses = 10_000
)

// Failures counts log-ins that failed, by address. It never refuses right credentials: whoever has them may share the
// address with somebody who guesses.
type Failures struct {
	mu     sync.Mutex
	minute time.Time
	counts map[netip.Addr]int
}

// Failed counts one more and reports how many there were from this address within the minute, and how long the minute
// still lasts where they are too many; zero where they are not.
func (f *Failures) Failed(address netip.Addr, now time.Time) (count int, wait time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.counts == nil || now.Sub(f.minute) >= time.Minute || len(f.counts) >= maxAddresses {
		f.minute, f.counts = now, map[netip.Addr]int{}
	}
	f.counts[address]++
	if count = f.counts[address]; count > maxFailures {
		wait = f.minute.Add(time.Minute).Sub(now)
	}
	return count, wait
}

// Told reports whether the count of Failed is one to be logged: the first ones, and the one at which refusing begins.
func Told(count int) bool { return count <= 10 || count == maxFailures+1 }
