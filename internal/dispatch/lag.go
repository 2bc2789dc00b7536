package dispatch

import (
	"context"
	"sync"
	"time"

	"github.com/aftercall/aftercall/internal/inbox"
)

const (
	lagWanted = 250 * time.Millisecond // until a worker takes up what was delivered, while a backlog is
	lagAsk    = 100 * time.Millisecond // between two looks
	lagGiveUp = 5 * time.Second        // no longer is one followed
	lagBlind  = time.Minute            // until the next look where one was refused
	roomFirst = 16
)

// lag says how much of a backlog may be delivered before workers have taken up what was: as much as they take up in
// lagWanted. It follows one delivery at a time until a worker takes it up, and meanwhile has room for so many more; it
// then makes more room or less.
type lag struct {
	waits func(context.Context, inbox.Item) (bool, error) // nil: nobody knows
	ended func()                                          // called when there is room again

	mu    sync.Mutex
	room  float64
	sent  int       // since a look ended
	since time.Time // of the delivery that is followed; zero: none is
	blind time.Time // none is followed before
}

// Room is how much of a backlog may be delivered now, at most n.
func (l *lag) Room(n int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waits == nil || time.Now().Before(l.blind) {
		return n
	}
	return max(0, min(n, int(l.room)-l.sent))
}

// Sent is told of each delivery of a backlog, and says whether it is to be followed.
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

// Follow follows a delivery until it is taken up.
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
	case waits: // nobody works, or others keep the workers busy: holding back more and more helps no one
		l.room *= 2
	case took > lagWanted || l.sent >= int(l.room):
		l.room = max(1, l.room*min(max(float64(lagWanted)/float64(took), 0.25), 1.5))
	}
	l.since, l.sent = time.Time{}, 0
	l.mu.Unlock()
	l.ended()
}
