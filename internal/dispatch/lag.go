package dispatch

import (
	"context"
	"sync"
	"time"

	"github.com/aftercall/aftercall/internal/inbox"
)

const (
	lagWanted = 250 * time.Millisecond // until a worker picks up a delivery, during a backlog
	lagAsk    = 100 * time.Millisecond // between two checks
	lagGiveUp = 5 * time.Second        // a delivery is followed no longer
	lagBlind  = time.Minute            // no delivery is followed for so long after a check failed
	roomFirst = 16
)

// lag limits how much of a backlog may be delivered ahead of the workers: as much as they pick up in lagWanted. It follows
// one delivery at a time until a worker picks it up; until then, room deliveries may be sent. Then it grows or shrinks room.
type lag struct {
	waits func(context.Context, inbox.Item) (bool, error) // nil: unknown, so there is no limit
	ended func()                                          // called when there is room again

	mu    sync.Mutex
	room  float64
	sent  int       // since the last follow ended
	since time.Time // start of the delivery being followed; zero: none is
	blind time.Time // no delivery is followed before
}

// Room returns how much of a backlog may be delivered now, at most n.
func (l *lag) Room(n int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waits == nil || time.Now().Before(l.blind) {
		return n
	}
	return max(0, min(n, int(l.room)-l.sent))
}

// Sent counts a delivery of a backlog, and reports whether the caller must Follow it.
func (l *lag) Sent() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent++
	if l.waits == nil || !l.since.IsZero() || time.Now().Before(l.blind) {
		return false
	}
	l.since = time.Now()
	return true
}

// Follow follows a delivery until a worker picks it up, or for lagGiveUp.
func (l *lag) Follow(ctx context.Context, item inbox.Item) {
	began, tick := time.Now(), time.NewTicker(lagAsk)
	defer tick.Stop()
	waits, err := true, error(nil)
	for waits && err == nil && time.Since(began) < lagGiveUp {
		select {
		case <-tick.C:
			waits, err = l.waits(ctx, item)
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	l.end(waits, err)
}

func (l *lag) end(waits bool, err error) {
	l.mu.Lock()
	took := time.Since(l.since)
	switch {
	case err != nil:
		l.blind = time.Now().Add(lagBlind)
	case waits: // no worker runs, or others keep the workers busy: holding back more and more helps no one
		l.room *= 2
	case took > lagWanted || l.sent >= int(l.room):
		l.room = max(1, l.room*min(max(float64(lagWanted)/float64(took), 0.25), 1.5))
	}
	l.since, l.sent = time.Time{}, 0
	l.mu.Unlock()
	l.ended()
}
