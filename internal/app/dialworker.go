package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/aftercall/aftercall/internal/dialqueue"
)

// newDialWorker makes the worker of the dial queue. Where AFTERCALL_DIAL_RATE is 0 nobody polls it, for what nobody polls
// dials nothing, until an operator's dial start says otherwise.
func (a *App) newDialWorker(newWorker func(rate float64) member, fatal func(error)) member {
	if a.Config.DialRate > 0 {
		return newWorker(a.Config.DialRate)
	}
	return &waitingDialler{status: a.dialling.Status, newWorker: newWorker, fatal: fatal, log: a.Log}
}

// waitingDialler polls the dial queue for as long as a dial start holds. A rate that setup has set is none: it repeats
// what a setting says, and the one of this process says 0.
type waitingDialler struct {
	status    func() (s dialqueue.Status, known bool)
	newWorker func(rate float64) member
	fatal     func(error)
	log       *slog.Logger

	cancel context.CancelFunc
	ended  chan struct{}
}

// lookForStart is how often a waitingDialler looks at what is known of the queue.
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
			d.log.Warn("AFTERCALL_DIAL_RATE is 0 here, but an operator's dial start holds: this worker dials", "rate", rate, "reason", s.Reason)
		case rate == 0 && working != nil:
			working.Stop()
			working = nil
			d.log.Info("no dial start holds any more: this worker does not dial")
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
