package dialqueue

import (
	"context"
	"sync"
	"time"

	"go.temporal.io/api/serviceerror"
	"google.golang.org/grpc/codes"

	"github.com/aftercall/aftercall/calls"
)

// every is how often a Watch looks.
const every = 5 * time.Second

// Watch knows how the queue is worked off, a few seconds late, so that nobody has to wait for the answer. Its zero value
// knows nothing. It is safe for concurrent use.
type Watch struct {
	Queue Queue
	Tells bool // it has requests told of a change, where the operator's command could not, or was too early

	mu    sync.Mutex
	seen  Status
	known bool
	since map[int32]int64 // calls that were noted since, by priority
	next  time.Time       // when the queue dials again, by what was noted
	news  news
}

// news is the last change of the queue's rate, and who has been told.
type news struct {
	setAt    time.Time
	sawAt    time.Time
	rate     float64
	all, new bool // who has been told
}

// oldNews is how long after an operator's word it is still told. Everybody has heard it by then, unless no worker ran.
const oldNews = 24 * time.Hour

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
	if w.known = err == nil; w.known {
		w.seen, w.since = s, map[int32]int64{}
	}
	w.mu.Unlock()
	if err == nil && w.Tells && s.Source == SourceQueue {
		w.news.tell(ctx, w.Queue, s, time.Now())
	}
}

// tell has everybody told, at a time, who has not been told yet.
func (n *news) tell(ctx context.Context, q Queue, s Status, now time.Time) {
	if !s.SetAt.Equal(n.setAt) {
		old := now.Sub(*s.SetAt) > oldNews
		if !s.Said() { // setup says the same again and again
			old = n.setAt.IsZero() || n.rate == *s.Rate
		}
		*n = news{setAt: *s.SetAt, sawAt: now, rate: *s.Rate, all: old, new: old}
	}
	if !n.all {
		n.all = settled(q.Tell(ctx, s))
	}
	if n.all && !n.new && now.Sub(n.sawAt) > unseenAfter {
		n.new = settled(q.tellNew(ctx, s))
	}
}

// settled reports whether there is nothing to try again: it was done, or is not allowed.
func settled(err error) bool {
	switch serviceerror.ToStatus(err).Code() {
	case codes.OK, codes.PermissionDenied, codes.Unimplemented, codes.InvalidArgument:
		return true
	}
	return false
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
	if !w.known {
		return
	}
	w.since[int32(priority)]++
	if rate := w.seen.Rate; rate != nil && *rate > 0 {
		now := time.Now()
		if w.next.Before(now) {
			w.next = now
		}
		w.next = w.next.Add(seconds(1 / *rate))
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
		turn := min(seconds(1 / *rate), time.Until(w.next)) // between two dials, the queue is empty and does not dial either
		return max(0, turn, seconds(float64(ahead) / *rate)), false, true
	}
}

// farthest is longer than a request lives.
const farthest = 10 * 365 * 24 * time.Hour

func seconds(n float64) time.Duration {
	if n > farthest.Seconds() {
		return farthest
	}
	return time.Duration(n * float64(time.Second))
}
