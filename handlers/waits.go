package handlers

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
	"golang.org/x/sync/singleflight"

	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
)

// How often a wait polls a workflow that does not exist yet or is unavailable. The more waits there are, the less often
// each polls, so that waits in vain leave the machine to notifications.
const (
	pollEvery = 300 * time.Millisecond
	pollEach  = 10 * time.Millisecond // per wait
	pollLast  = 3 * time.Second
)

// maxLooks is how many waits poll at once.
const maxLooks = 8

// state is a workflow's answer to a query.
type state[T any] struct {
	Value  T
	Closed bool
}

// waits lets many requests wait for the same workflow's outcome at the cost of one.
type waits[T any] struct {
	desk  Desk
	query contract.Query[T]
	known func(T) bool // reports whether a state has the outcome
	looks *semaphore.Weighted
	once  singleflight.Group // queries under way, by workflow

	mu     sync.Mutex
	shared map[string]*sharedWait[T]
}

// sharedWait is one wait for a workflow, shared by all requests that wait for it.
type sharedWait[T any] struct {
	waiting int
	cancel  context.CancelFunc
	done    chan struct{} // closed when result and err are set
	result  state[T]
	err     error
}

func newWaits[T any](d Desk, q contract.Query[T], known func(T) bool) *waits[T] {
	return &waits[T]{desk: d, query: q, known: known, looks: semaphore.NewWeighted(maxLooks), shared: map[string]*sharedWait[T]{}}
}

// get returns the state of a workflow. If the outcome is unknown, it waits for it until the given time is up, or ctx or
// stopping ends. It also waits for a workflow that does not exist yet. It returns the errors of desk.Ask.
func (w *waits[T]) get(ctx, stopping context.Context, id string, wait time.Duration) (state[T], error) {
	if wait <= 0 {
		return w.load(ctx, id)
	}
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	defer context.AfterFunc(stopping, cancel)()
	if s := w.join(waiting, id); s != nil {
		return s.result, s.err
	}
	return w.load(ctx, id)
}

// load queries a state. Requests share a query that is under way.
func (w *waits[T]) load(ctx context.Context, id string) (state[T], error) {
	asked := w.once.DoChan(id, func() (any, error) {
		var s state[T]
		var err error
		s.Value, s.Closed, err = desk.Ask(context.WithoutCancel(ctx), w.desk, w.query, id)
		return s, err
	})
	select {
	case r := <-asked:
		s, _ := r.Val.(state[T])
		return s, r.Err
	case <-ctx.Done():
		return state[T]{}, errors.Join(desk.ErrAway, ctx.Err())
	}
}

func (w *waits[T]) over(s state[T]) bool { return s.Closed || w.known(s.Value) }

// join waits together with all other requests for the same workflow. It returns nil if the time is up first. The last
// request to leave ends the wait.
func (w *waits[T]) join(ctx context.Context, id string) *sharedWait[T] {
	w.mu.Lock()
	s := w.shared[id]
	if s == nil {
		shared, cancel := context.WithCancel(context.WithoutCancel(ctx)) //nolint:gosec // called by the last to leave
		s = &sharedWait[T]{cancel: cancel, done: make(chan struct{})}
		w.shared[id] = s
		go w.run(shared, id, s)
	}
	s.waiting++
	w.mu.Unlock()
	defer w.leave(id, s)
	select {
	case <-s.done:
		return s
	case <-ctx.Done():
		return nil
	}
}

func (w *waits[T]) leave(id string, s *sharedWait[T]) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s.waiting--; s.waiting == 0 {
		s.cancel()
		w.forget(id, s)
	}
}

// forget lets the next request begin a new wait.
func (w *waits[T]) forget(id string, s *sharedWait[T]) {
	if w.shared[id] == s {
		delete(w.shared, id)
	}
}

// run polls a workflow until its outcome is known. If the workflow exists, its own update tells when that is. Then run
// queries the state anew, because an update's result does not change while the state does. It ends at once if the first
// query fails, except if the workflow was not found.
func (w *waits[T]) run(ctx context.Context, id string, s *sharedWait[T]) {
	for first := true; ctx.Err() == nil; first = false {
		result, err := w.look(ctx, id)
		if err == nil && !w.over(result) && w.desk.AwaitOutcome(ctx, id) == nil {
			result, err = w.look(ctx, id)
		}
		if err == nil && w.over(result) || first && err != nil && !errors.Is(err, desk.ErrUnknown) && ctx.Err() == nil {
			w.mu.Lock()
			w.forget(id, s)
			w.mu.Unlock()
			s.result, s.err = result, err
			close(s.done)
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(w.pause()):
		}
	}
}

func (w *waits[T]) pause() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return min(max(pollEvery, time.Duration(len(w.shared))*pollEach), pollLast)
}

// look is load, limited to maxLooks at once.
func (w *waits[T]) look(ctx context.Context, id string) (state[T], error) {
	if err := w.looks.Acquire(ctx, 1); err != nil {
		return state[T]{}, err
	}
	defer w.looks.Release(1)
	return w.load(ctx, id)
}
