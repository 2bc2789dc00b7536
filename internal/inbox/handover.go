package inbox

import "context"

// handover hands writes to the only goroutine of a driver that commits.
type handover[W any] struct {
	queue   chan W
	stop    chan struct{} // closed by Close
	stopped chan struct{} // closed when the goroutine has ended
}

func newHandover[W any](size int) handover[W] {
	return handover[W]{queue: make(chan W, size), stop: make(chan struct{}), stopped: make(chan struct{})}
}

// submit hands over a write and returns what done says of it: nil once it is durable. It returns ErrUnavailable if the
// store is away, and ErrBusy if the queue is full. If ctx ends first, the write may still be committed.
func (h *handover[W]) submit(ctx context.Context, w W, done <-chan error, away bool) error {
	select {
	case <-h.stop:
		return ErrClosed
	default:
	}
	if away {
		return ErrUnavailable
	}
	select {
	case h.queue <- w:
	default:
		return ErrBusy
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-h.stopped:
	}
	select {
	case err := <-done:
		return err
	default:
		return ErrClosed
	}
}
