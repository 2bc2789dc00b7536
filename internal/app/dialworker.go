package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/aftercall/aftercall/internal/dialqueue"
)

// newDialWorker returns the worker of the dial queue. If AFTERCALL_DIAL_RATE is 0, it does not poll the queue, so that
// nothing is dialled until an operator's dial start.
func (a *App) newDialWorker(newWorker func(rate float64) member, fatal func(error)) member {
	if a.Config.DialRate > 0 {
		return newWorker(a.Config.DialRate)
	}
	return &waitingDialler{status: a.dialling.Status, newWorker: newWorker, fatal: fatal, log: a.Log}
}

// waitingDialler polls the dial queue while a dial start is in effect. A rate that setup has set is no dial start: it
// repeats a setting, which is 0 in this process.
type waitingDialler struct {
	status    func() (s dialqueue.Status, known bool)
	newWorker func(rate float64) member
	fatal     func(error)
	log       *slog.Logger

	cancel context.CancelFunc
	ended  chan struct{}
}

// lookForStart is how often a waitingDialler checks the state of the queue.
const lookForStart = 500 * time.Millisecond

// Start implements member.
func (d *waitingDialler) Start() error {
	ctx, cancel := context.WithCancel(context.Background())
	d.cancel, d.ended = cancel, make(chan struct{})
	go d.run(ctx)
	return nil
}

// Stop implements member.
func (d *waitingDialler) Stop() {
	d.cancel()
	<-d.ended
}

func (d *waitingDialler) run(ctx context.Context) {
	defer close(d.ended)
	var working member
	defer func() {
		if working != nil {
			working.Stop()
		}
	}()
	tick := time.NewTicker(lookForStart)
	defer tick.Stop()
	for {
		s, known := d.status()
		switch rate := s.Started(); {
		case !known: // as it was
		case rate > 0 && working == nil:
			w := d.newWorker(rate)
			if err := w.Start(); err != nil {
				d.fatal(err)
				return
			}
			working = w
			d.log.Warn("AFTERCALL_DIAL_RATE is 0 here, but an operator's dial start is in effect: this worker dials", "rate", rate, "reason", s.Reason)
		case rate == 0 && working != nil:
			working.Stop()
			working = nil
			d.log.Info("no dial start is in effect any more: this worker does not dial")
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
