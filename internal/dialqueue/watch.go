package dialqueue

import (
	"context"
	"sync"
	"time"

	"github.com/aftercall/aftercall/calls"
)

// every is how often a Watch looks.
const every = 5 * time.Second

// Watch knows how the queue is worked off, a few seconds late, so that nobody has to wait for the answer. Its zero value
// knows nothing. It is safe for concurrent use.
type Watch struct {
	Queue Queue

	mu    sync.Mutex
	seen  Status
	known bool
	since map[int32]int64 // calls that were noted since, by priority
}

// Run looks until the context ends.
func (w *Watch) Run(ctx context.Context) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		w.look(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (w *Watch) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, every)
	defer cancel()
	s, err := w.Queue.Status(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.known = err == nil
	if err == nil {
		w.seen, w.since = s, map[int32]int64{}
	}
}

// Status is what was seen last; false where Temporal did not answer.
func (w *Watch) Status() (Status, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen, w.known
}

// Dialling is how the queue is worked off; nil where that is not known.
func (w *Watch) Dialling() *calls.Dialling {
	s, known := w.Status()
	if !known {
		return nil
	}
	return &s.Dialling
}

// Note counts a call of a priority that has just been accepted: Wait knows of it before Temporal does.
func (w *Watch) Note(priority int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.known {
		w.since[int32(priority)]++
	}
}

// Wait says how long a new call of a priority will be in the queue at the present rate: behind all that were there before
// it and are as urgent. Fair turns among them may make it shorter. never: nothing is dialled at present; known is false
// where the rate or the queue is not known.
func (w *Watch) Wait(priority int) (wait time.Duration, never, known bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.known {
		return 0, false, false
	}
	var ahead int64
	for _, waiting := range []map[int32]int64{w.seen.Ahead, w.since} {
		for p, n := range waiting {
			if p <= int32(priority) {
				ahead += n
			}
		}
	}
	switch rate := w.seen.Rate; {
	case rate == nil:
		return 0, false, false
	case *rate == 0:
		return 0, true, true
	default:
		return time.Duration(float64(ahead) / *rate * float64(time.Second)), false, true
	}
}
