package recordings

import (
	"context"
	"errors"
	"time"
)

// stallProgress is the number of bytes that must arrive within the stall time-out. A host that trickles a byte a second
// counts as hanging.
const stallProgress = 4 << 10

var errStalled = errors.New("stalled")

// stall cancels a request when its host makes no progress.
type stall struct {
	limit   time.Duration
	timer   *time.Timer
	pending int
}

// watchStall returns a context that is cancelled with cause errStalled when too little arrives.
func watchStall(ctx context.Context, limit time.Duration) (context.Context, *stall, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	s := &stall{limit: limit, timer: time.AfterFunc(limit, func() { cancel(errStalled) })}
	return ctx, s, func() {
		s.timer.Stop()
		cancel(context.Canceled)
	}
}

// moved counts bytes that arrived.
func (s *stall) moved(n int) {
	if s.pending += n; s.pending >= stallProgress {
		s.pending = 0
		s.timer.Reset(s.limit)
	}
}
