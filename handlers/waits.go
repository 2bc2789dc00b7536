package handlers

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
)

// pollEvery is how often a wait looks for a workflow that does not exist yet, or cannot be reached.
const pollEvery = 300 * time.Millisecond

// state is what a workflow says of itself.
type state[T any] struct {
	Value  T
	Closed bool
}

// waits lets any number of requests wait for the outcome of the same workflow at the cost of one.
type waits[T any] struct {
	desk  Desk
	query contract.Query[T]
	known func(T) bool // whether the outcome is in the state

	mu     sync.Mutex
	shared map[string]*sharedWait[T]
}

type sharedWait[T any] struct {
	waiting int
	cancel  context.CancelFunc
	done    chan struct{} // closed when result is set
	result  state[T]
}

func newWaits[T any](d Desk, q contract.Query[T], known func(T) bool) *waits[T] {
	return &waits[T]{desk: d, query: q, known: known, shared: map[string]*sharedWait[T]{}}
}

// get reads the state of a workflow; where its outcome is not known, it waits for it, at most for the time given and
// until ctx or stopping ends. A workflow that does not exist is waited for too. Errors: those of desk.Ask.
func (w *waits[T]) get(ctx, stopping context.Context, id string, wait time.Duration) (state[T], error) {
	s, err := w.load(ctx, id)
	if wait <= 0 || err == nil && w.over(s) || err != nil && !errors.Is(err, desk.ErrUnknown) {
		return s, err
	}
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	defer context.AfterFunc(stopping, cancel)()
	if s, ok := w.join(waiting, id); ok {
		return s, nil
	}
	return w.load(ctx, id)
}

func (w *waits[T]) load(ctx context.Context, id string) (s state[T], err error) {
	s.Value, s.Closed, err = desk.Ask(ctx, w.desk, w.query, id)
	return s, err
}

func (w *waits[T]) over(s state[T]) bool { return s.Closed || w.known(s.Value) }

// join waits together with all others for the same workflow. The last one to leave ends the wait.
func (w *waits[T]) join(ctx context.Context, id string) (state[T], bool) {
	w.mu.Lock()
	s := w.shared[id]
	if s == nil {
		shared, cancel := context.WithCancel(context.WithoutCancel(ctx)) //nolint:gosec // the last to leave calls it
		s = &sharedWait[T]{cancel: cancel, done: make(chan struct{})}
		w.shared[id] = s
		go w.run(shared, id, s)
	}
	s.waiting++
	w.mu.Unlock()
	defer w.leave(id, s)
	select {
	case <-s.done:
		return s.result, true
	case <-ctx.Done():
		return state[T]{}, false
	}
}

func (w *waits[T]) leave(id string, s *sharedWait[T]) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s.waiting--; s.waiting == 0 {
		s.cancel()
		if w.shared[id] == s {
			delete(w.shared, id)
		}
	}
}

// run blocks on the workflow's own update, and reads the state afresh each time that returns: an update's result stays
// what it was, while the state goes on.
func (w *waits[T]) run(ctx context.Context, id string, s *sharedWait[T]) {
	for ctx.Err() == nil {
		_ = w.desk.AwaitOutcome(ctx, id) // the state tells what to make of it
		result, err := w.load(ctx, id)
		if err == nil && w.over(result) {
			w.mu.Lock()
			delete(w.shared, id)
			w.mu.Unlock()
			s.result = result
			close(s.done)
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(pollEvery):
		}
	}
}
