// Package dispatch delivers notifications from the inbox to Temporal: in order within a call, in parallel across calls,
// with retries while Temporal is away. It decides what an error means: permanent (a dead letter), or a retry.
//
// A backlog delays neither new notifications nor the workers. Fewer deliveries are under way while Temporal answers slowly
// or its workers are behind (limit.go, lag.go) or many notifications are received at once (pressure.go). Calls that have
// begun get their next notifications first; then the newest notifications alternate with the oldest.
//
// It must not acknowledge anything to the provider. Package callstate decides what a notification does to a call, live or
// closed.
package dispatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/sony/gobreaker/v2"

	"github.com/aftercall/aftercall/internal/inbox"
	"github.com/aftercall/aftercall/internal/phone"
)

const (
	lease        = time.Minute // a delivery makes a few calls of 3 s each, then settles
	pollInterval = time.Second // finds what no Wake announced
	retryFirst   = 100 * time.Millisecond
	retryMost    = 30 * time.Second
	tripAfter    = 5               // failures in a row open the circuit
	backlogAfter = 2 * time.Second // a notification that waits longer is backlog
	newFor       = time.Minute     // a notification is new for so long, and alternates with older ones
	begunMost    = 15              // of the calls that have begun, before one of another goes
)

// Result says what became of a delivery. The values are labels of a metric.
type Result string

// Results.
const (
	Signalled     Result = "signalled"
	LateUnchanged Result = "late_unchanged" // the call is closed and already had it
	LateRecording Result = "late_recording" // the call is closed; its recording is kept
	Buried        Result = "dead_letter"
	Retried       Result = "retried"
	Misconfigured Result = "misconfigured" // kept and retried, but somebody has to act
)

// Deliverer does one delivery. A nil error means that the item is done for good; any other error is classified. Deliver
// may be called twice for the same item.
type Deliverer interface {
	Deliver(ctx context.Context, item inbox.Item) (Result, error)
}

// Metrics hears what happens. It must not block.
type Metrics interface {
	// Dispatched is called after each delivery; since is the time since the notification was received.
	Dispatched(result Result, since time.Duration)
	// Circuit is called when deliveries stop (open) because they keep failing, and when they work again.
	Circuit(open bool)
}

// Options of a Dispatcher. Inbox and Deliverer are required.
type Options struct {
	Inbox       inbox.Inbox
	Deliverer   Deliverer
	Concurrency int           // deliveries under way at most; default 8
	CircuitWait time.Duration // between two tries while the circuit is open; default 1 s
	StopTimeout time.Duration // for deliveries under way when Run is told to stop; default 8 s
	Log         *slog.Logger
	Metrics     Metrics
	// Waits, if set, reports whether a delivered notification still waits for a worker. An error means that this is unknown.
	Waits func(ctx context.Context, item inbox.Item) (bool, error)
}

// Dispatcher claims notifications from an inbox and delivers them.
type Dispatcher struct {
	o       Options
	circuit *gobreaker.CircuitBreaker[Result]
	wake    chan struct{}
	flying  atomic.Int64
	flights sync.WaitGroup
	limit   *limit
	lag     lag
	press   pressure

	backlog bool // the last claim of the oldest found one that had waited for long
	newest  bool // the newest get the odd one of an odd number, every other time
	begun   int  // claimed of calls that have begun, since the last of another
}

// New returns a Dispatcher, which does nothing before Run.
func New(o Options) (*Dispatcher, error) {
	if o.Inbox == nil || o.Deliverer == nil {
		return nil, errors.New("dispatcher needs an inbox and a deliverer")
	}
	if o.Concurrency <= 0 {
		o.Concurrency = 8
	}
	if o.CircuitWait <= 0 {
		o.CircuitWait = time.Second
	}
	if o.StopTimeout <= 0 {
		o.StopTimeout = 8 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Metrics == nil {
		o.Metrics = noMetrics{}
	}
	d := &Dispatcher{o: o, wake: make(chan struct{}, 1), limit: newLimit(o.Concurrency)}
	d.lag = lag{waits: o.Waits, ended: d.Wake, room: roomFirst}
	d.circuit = gobreaker.NewCircuitBreaker[Result](gobreaker.Settings{
		Name:          "temporal",
		Timeout:       o.CircuitWait,
		ReadyToTrip:   func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= tripAfter },
		IsSuccessful:  func(err error) bool { return err == nil || Classify(err) == Permanent },
		IsExcluded:    func(err error) bool { return errors.Is(err, context.Canceled) }, // we are stopping
		OnStateChange: d.circuitChanged,
	})
	return d, nil
}

// Storing marks a notification as being stored until stored is called: deliveries yield while many are. It never blocks
// for long and may be called at any time.
func (d *Dispatcher) Storing() (stored func()) { return d.press.Storing() }

// Wake announces that the inbox has something new. It never blocks and may be called at any time.
func (d *Dispatcher) Wake() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Run delivers until ctx is done, then gives deliveries under way StopTimeout to finish. Unfinished notifications stay in
// the inbox. A Dispatcher runs once at a time.
func (d *Dispatcher) Run(ctx context.Context) {
	flight, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		d.launch(ctx, flight)
		look := min(pollInterval, d.o.CircuitWait)
		if d.press.On() {
			look = pressLook
		}
		timer.Reset(look)
		select {
		case <-ctx.Done():
		case <-d.wake:
		case <-d.o.Inbox.Arrivals():
		case <-timer.C:
		}
	}
	stop := time.AfterFunc(d.o.StopTimeout, abort)
	defer stop.Stop()
	d.flights.Wait()
}

// launch claims as many as may be under way, and starts a delivery for each.
func (d *Dispatcher) launch(ctx, flight context.Context) {
	for ctx.Err() == nil {
		n := d.wanted()
		if n <= 0 {
			return
		}
		items, err := d.claim(ctx, n)
		if err != nil && ctx.Err() == nil {
			d.o.Log.Warn("inbox cannot be read", "error", err)
		}
		for _, item := range items {
			d.flying.Add(1)
			d.flights.Go(func() {
				defer d.Wake() // the next of its call may go, and a place is free
				defer d.flying.Add(-1)
				if result := d.carry(flight, item); result == Signalled && waitedLong(item) && d.lag.Sent() {
					d.flights.Go(func() { d.lag.Follow(ctx, item) })
				}
			})
		}
		if len(items) < n {
			return
		}
	}
}

// claim claims up to n from the inbox, in order of arrival. During a backlog calls that have begun go first: one that
// waited for its next notification longer than its grace would end without it. Then the newest and the oldest take turns,
// and it claims no more of the oldest than workers keep up with.
func (d *Dispatcher) claim(ctx context.Context, n int) ([]inbox.Item, error) {
	if !d.backlog {
		return d.oldest(ctx, n)
	}
	items, err := d.claimBegun(ctx, n)
	if err != nil || len(items) == n {
		return items, err
	}
	n -= len(items)
	d.newest = !d.newest
	half := n / 2
	if d.newest {
		half = n - half
	}
	room, since := d.lag.Room(n), time.Now().Add(-newFor)
	if room == 0 {
		since = time.Now().Add(-backlogAfter)
	}
	newest, err := d.o.Inbox.ClaimNew(ctx, since, max(half, n-room), lease)
	items = append(items, newest...)
	rest := min(room, n-len(newest))
	if err != nil || rest == 0 {
		return items, err
	}
	oldest, err := d.oldest(ctx, rest)
	return append(items, oldest...), err
}

// claimBegun claims from calls that have begun. Now and then it leaves one place to other calls: however much comes for a
// few calls, the others begin too.
func (d *Dispatcher) claimBegun(ctx context.Context, n int) ([]inbox.Item, error) {
	if d.begun >= begunMost {
		d.begun = 0
		n--
	}
	items, err := d.o.Inbox.ClaimBegun(ctx, n, lease)
	d.begun += len(items)
	return items, err
}

func (d *Dispatcher) oldest(ctx context.Context, n int) ([]inbox.Item, error) {
	items, err := d.o.Inbox.Claim(ctx, n, lease)
	d.backlog = slices.ContainsFunc(items, waitedLong)
	return items, err
}

// waitedLong reports whether a notification is backlog.
func waitedLong(item inbox.Item) bool { return time.Since(item.ReceivedAt) > backlogAfter }

// wanted returns how many deliveries may start now: none while the circuit is open, and a single one, as a probe, while it
// is half open.
func (d *Dispatcher) wanted() int {
	flying := int(d.flying.Load())
	switch d.circuit.State() {
	case gobreaker.StateOpen:
		return 0
	case gobreaker.StateHalfOpen:
		return 1 - flying
	}
	if d.press.On() {
		return d.press.Allowed() - flying
	}
	return d.limit.Allowed() - flying
}

// carry delivers an item and settles it with the inbox.
func (d *Dispatcher) carry(ctx context.Context, item inbox.Item) Result {
	began := time.Now()
	result, err := d.circuit.Execute(func() (Result, error) { return d.deliver(ctx, item) })
	d.press.Took(time.Since(began))
	if err == nil && result == Signalled {
		d.limit.Took(began, time.Now())
	}
	log, class := d.o.Log.With("eventKey", item.EventKey, "callKey", item.CallKey), Classify(err)
	var text string
	if err != nil {
		text = phone.Redact(err.Error())
		log = log.With("error", text)
	}
	switch class {
	case None:
		d.settle(ctx, log, func() error { return d.o.Inbox.Done(ctx, item.ID) })
	case Permanent:
		result = Buried
		log.Error("notification is a dead letter", "reason", reasonOf(err))
		d.settle(ctx, log, func() error { return d.o.Inbox.Bury(ctx, item.ID, reasonOf(err), text) })
	case Configuration:
		result = Misconfigured
		log.Error("deliveries are refused by Temporal: check its address, namespace, credentials and search attributes")
		d.release(ctx, log, item)
	default:
		result = Retried
		log.Warn("delivery failed and will be repeated", "attempt", item.Attempts+1)
		d.release(ctx, log, item)
	}
	d.o.Metrics.Dispatched(result, time.Since(item.ReceivedAt))
	return result
}

// deliver returns a panic as an error: it would end the process, which would meet the notification again at its next start.
func (d *Dispatcher) deliver(ctx context.Context, item inbox.Item) (result Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("deliver notification: panic: %v", p)
		}
	}()
	return d.o.Deliverer.Deliver(ctx, item)
}

func (d *Dispatcher) release(ctx context.Context, log *slog.Logger, item inbox.Item) {
	wait := retryDelay(item.Attempts)
	d.settle(ctx, log, func() error { return d.o.Inbox.Release(ctx, item.ID, time.Now().Add(wait)) })
	time.AfterFunc(wait, d.Wake)
}

// settle retries tell until the inbox accepts it or is closed, or until the lease is over. If that fails, the notification
// is delivered again.
func (d *Dispatcher) settle(ctx context.Context, log *slog.Logger, tell func() error) {
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := tell()
		if errors.Is(err, inbox.ErrClosed) {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(settleBackOff()), backoff.WithMaxElapsedTime(lease))
	if err != nil {
		log.Error("inbox cannot be written to: the notification will be delivered again", "inboxError", err)
	}
}

func settleBackOff() backoff.BackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = 50*time.Millisecond, 5*time.Second
	return b
}

// retryDelay is exponential with full jitter. It depends only on the number of attempts, which the inbox keeps over a
// restart.
func retryDelay(attempts int) time.Duration {
	most := retryMost
	if attempts < 9 { // 100 ms << 9 is more than 30 s
		most = min(retryMost, retryFirst<<attempts)
	}
	return rand.N(most) + 1
}

func (d *Dispatcher) circuitChanged(_ string, from, to gobreaker.State) {
	switch {
	case to == gobreaker.StateOpen && from == gobreaker.StateClosed:
		d.o.Log.Error("deliveries keep failing: trying one at a time; notifications wait in the inbox")
		d.o.Metrics.Circuit(true)
	case to == gobreaker.StateClosed:
		d.o.Log.Info("deliveries work again")
		d.o.Metrics.Circuit(false)
	}
}

type noMetrics struct{}

func (noMetrics) Dispatched(Result, time.Duration) {}
func (noMetrics) Circuit(bool)                     {}
