package calls

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// DefaultAwaitTimeout is how long a wait lasts by default if aftercall does not answer. If it answers, it says by when it
// will know more, and the default wait lasts longer than that: aftercall's settings guarantee an outcome in the end.
const DefaultAwaitTimeout = 24 * time.Hour

// Option changes how a function of this package waits.
type Option func(*options)

type options struct {
	within       time.Duration // 0: until there is an outcome
	leaveRunning bool
	converter    converter.DataConverter // encodes what is sent to aftercall
}

// Within sets how long to wait. When the time is up, the function returns an error of type ErrTypeAwaitTimeout or
// ErrTypeNotTaken. The call or request continues.
func Within(d time.Duration) Option { return func(o *options) { o.within = max(d, time.Nanosecond) } }

// LeaveRunning lets the request continue when Place's context is cancelled.
func LeaveRunning() Option { return func(o *options) { o.leaveRunning = true } }

// Sealed encodes the arguments to aftercall with a converter that its workers share, so that the calling workflow's history
// has no numbers, texts and codes in clear. Answers are still in clear, and hold none of them.
func Sealed(c converter.DataConverter) Option { return func(o *options) { o.converter = c } }

func apply(opts []Option) options {
	o := options{converter: converter.GetDefaultDataConverter()}
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

// A wait takes one of three forms, and keeps it in every replay. The waiter's name, which is in history, tells today's form:
// its activity stays (see staying). GetVersion would tell it too, but writes two events. It is asked where the name
// does not tell: waits that began before 26 November 2026 unsubscribe at their end if they have changeWaits, else first.go
// has them.
const changeWaits = "aftercall-waits"

// beganFirst reports whether the workflow began to wait before waits unsubscribed at their end.
func beganFirst(ctx workflow.Context) bool {
	return workflow.GetVersion(ctx, changeWaits, workflow.DefaultVersion, 1) == workflow.DefaultVersion
}

// staying begins the name of a waiter whose activity stays. No earlier name has a 1.
const staying = "1w"

// wait is one wait of a business workflow.
type wait struct {
	options
	ctx        workflow.Context
	what       string // what the wait is for, in errors
	subscriber Subscription
	until      time.Time   // when the caller's time ends; zero: never
	subscribed bool        // may be subscribed
	stays      bool        // the activity stays while the wait lasts
	told       func() bool // the signal for a wait that stays has arrived
	alone      func() bool // no other wait of the run needs that signal
	asked      int         // how often
}

func newWait(ctx workflow.Context, what string, opts []Option) *wait {
	w := &wait{options: apply(opts), ctx: ctx, what: what}
	w.subscriber = Subscription{WorkflowID: workflow.GetInfo(ctx).WorkflowExecution.ID, Waiter: waiter(ctx)}
	w.stays = strings.HasPrefix(w.subscriber.Waiter, staying)
	if w.within > 0 {
		w.until = workflow.Now(ctx).Add(w.within)
	}
	return w
}

// left returns how long a round may last that ends at a time, or by default after DefaultAwaitTimeout.
func (w *wait) left(end *time.Time) time.Duration {
	now := workflow.Now(w.ctx)
	round := DefaultAwaitTimeout
	if end != nil {
		round = max(end.Sub(now), time.Second) // a late clock of aftercall must not cause a storm of requests
	}
	if !w.until.IsZero() {
		round = min(round, w.until.Sub(now))
	}
	return max(round, 0)
}

// over reports whether the caller's time has ended.
func (w *wait) over() bool { return !w.until.IsZero() && !workflow.Now(w.ctx).Before(w.until) }

// answer is aftercall's answer to a wait: the result, or the name of the signal that will carry it. The wait asks again at
// waitUntil. Without a waitUntil it ends after DefaultAwaitTimeout.
type answer[T any] struct {
	known     *T
	signal    string
	waitUntil *time.Time
}

// await asks, waits for the signal, and asks again, until there is a result or the wait is over. signal is the name that
// the signal has if the answer names no other.
func await[T any](w *wait, signal string, ask func() (answer[T], error), revision func(T) int) (v T, err error) {
	got, ch := false, workflow.GetSignalChannel(w.ctx, signal)
	defer openWaits.begin(ch)()
	defer openWaits.begin(w.run())()
	if w.stays {
		w.alone = func() bool { return openWaits.at(ch) == 1 }
		w.told = func() bool {
			if !got {
				v, got = newest(ch, revision)
			}
			return got
		}
	}
	for {
		a, err := ask()
		if err == nil && !got && a.known == nil {
			w.subscribed = true
			v, got, err = signalled(w.ctx, a.signal, w.left(a.waitUntil), revision)
		}
		switch {
		case got:
			w.subscribed = false
			return v, nil
		case err != nil:
			w.subscribed = w.subscribed || w.ctx.Err() != nil || w.stays && isType(err, ErrTypeAwaitTimeout)
			return v, err
		case a.known != nil:
			return *a.known, nil
		case w.over(), a.waitUntil == nil:
			return v, w.timedOut(nil)
		}
	}
}

// waiter returns a name for this wait that is the same on replay. Two waits of one workflow have different names, so that
// each is told.
func waiter(ctx workflow.Context) string {
	var id string
	_ = workflow.SideEffect(ctx, func(workflow.Context) any { return staying + strings.ToLower(rand.Text()) }).Get(&id)
	return id
}

// openWaits counts the open waits of each run in memory, and those for each of its signals: a signal does not say which wait
// it is for.
var openWaits = waitCount{open: map[workflow.ReceiveChannel]int{}}

// waitCount counts by channels. Every replay of a run has its own, one for each name.
type waitCount struct {
	mu   sync.Mutex
	open map[workflow.ReceiveChannel]int
}

// begin counts a wait until end is called. A worker that drops a run from memory calls it too.
func (c *waitCount) begin(ch workflow.ReceiveChannel) (end func()) {
	c.add(ch, 1)
	return func() { c.add(ch, -1) }
}

func (c *waitCount) add(ch workflow.ReceiveChannel, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[ch] += n; c.open[ch] == 0 {
		delete(c.open, ch)
	}
}

func (c *waitCount) at(ch workflow.ReceiveChannel) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open[ch]
}

// tryTime is the timeout of one try of an activity on aftercall's workers: a few requests to Temporal.
const tryTime = 20 * time.Second

func retries() *temporal.RetryPolicy {
	return &temporal.RetryPolicy{InitialInterval: time.Second, MaximumInterval: time.Minute}
}

// ask runs an activity on aftercall's workers, in clear, whatever codec the business worker has. It retries until the wait
// ends: aftercall may be unavailable for a while. An activity that stays is left once the signal has arrived.
func (w *wait) ask(activity string, in, out any) error {
	left := w.left(nil)
	if left == 0 {
		return w.timedOut(nil)
	}
	ctx := workflow.WithActivityOptions(w.encode(w.ctx), workflow.ActivityOptions{
		ActivityID:             w.nextID(),
		TaskQueue:              TaskQueueCalls,
		ScheduleToStartTimeout: left,
		ScheduleToCloseTimeout: left,
		StartToCloseTimeout:    tryTime,
		WaitForCancellation:    true, // the result of a try must be known before it can be withdrawn
		RetryPolicy:            retries(),
		Summary:                w.what,
	})
	ctx, leave := workflow.WithCancel(ctx)
	asked := workflow.ExecuteActivity(ctx, activity, in)
	if w.told != nil && workflow.Await(ctx, func() bool { return asked.IsReady() || w.told() }) == nil && w.told() {
		if w.alone() {
			leave()
		} // else it may be another's signal, and that wait needs the one that this activity causes
		return nil
	}
	err := asked.Get(ctx, out)
	timeout, isTimeout := errors.AsType[*temporal.TimeoutError](err)
	switch {
	case isTimeout && timeout.TimeoutType().String() == "ScheduleToStart": // no other timeout ends first if a try was made
		return temporal.NewNonRetryableApplicationError(
			"no worker of aftercall accepted "+w.what+" in time: is one running in this namespace?", ErrTypeNotTaken, err)
	case isTimeout:
		return w.timedOut(err)
	case isType(err, ErrTypeSubscribed): // the wait is cancelled: it cannot stay
		return nil
	case w.told != nil && retryable(err): // there is no time for another try
		return w.timedOut(err)
	default:
		return err
	}
}

// nextID names an activity that stays. A worker with an earlier release of this package, which would take another course,
// fails at the name, and leaves the workflow to others.
func (w *wait) nextID() string {
	if w.told == nil {
		return "" // the SDK's
	}
	w.asked++
	return fmt.Sprintf("%s-%d", w.subscriber.Waiter, w.asked)
}

// maxStaying is how many activities of a run stay. Temporal allows a run 2,000 pending ones.
const maxStaying = 200

// run returns a channel that stands for the run: nothing is sent to it.
func (w *wait) run() workflow.ReceiveChannel { return workflow.GetSignalChannel(w.ctx, changeWaits) }

// stay returns for how many seconds an activity may stay that is begun now. It stays until shortly before the caller's time
// ends; if that has no end, for half of its own time, so that aftercall may be away for the rest.
func (w *wait) stay() int {
	left := w.left(nil)
	switch {
	case !w.stays, openWaits.at(w.run()) > maxStaying:
		return 0
	case w.until.Equal(workflow.Now(w.ctx).Add(left)):
		return int((left - time.Second) / time.Second)
	default:
		return int(left / 2 / time.Second)
	}
}

func isType(err error, errType string) bool {
	failed, ok := errors.AsType[*temporal.ApplicationError](err)
	return ok && failed.Type() == errType
}

func retryable(err error) bool {
	failed, ok := errors.AsType[*temporal.ApplicationError](err)
	return ok && !failed.NonRetryable()
}

func (w *wait) timedOut(cause error) error {
	return temporal.NewNonRetryableApplicationError("nothing arrived in time of "+w.what, ErrTypeAwaitTimeout, cause)
}

// leave unsubscribes if the wait may have subscribed. It does not wait for the result: if the workflow ends here, nobody is
// left to be told.
func (w *wait) leave(activity string, in any) {
	if !w.subscribed {
		return
	}
	ctx, _ := workflow.NewDisconnectedContext(w.encode(w.ctx)) // never cancelled: nobody waits for it
	few := retries()
	few.MaximumAttempts = 10
	workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              TaskQueueCalls,
		ScheduleToCloseTimeout: DefaultAwaitTimeout,
		StartToCloseTimeout:    tryTime,
		RetryPolicy:            few,
		Summary:                "leave " + w.what,
	}), activity, in)
}

// encode encodes an argument so that aftercall's workers can read it, whatever converter the business worker has.
func (w *wait) encode(ctx workflow.Context) workflow.Context {
	return workflow.WithDataConverter(ctx, w.converter)
}

// inClear returns a context in which aftercall's workers can read the arguments.
func inClear(ctx workflow.Context) workflow.Context {
	return workflow.WithDataConverter(ctx, converter.GetDefaultDataConverter())
}

// signalled waits for a signal and returns the one with the highest revision of those that have arrived. got is false when
// the time is up. It avoids ReceiveWithTimeout, which panics on a payload that it cannot decode; here the SDK drops such a
// payload and the wait continues.
func signalled[T any](ctx workflow.Context, name string, within time.Duration, revision func(T) int) (v T, got bool, err error) {
	ch := workflow.GetSignalChannel(ctx, name)
	_, err = workflow.AwaitWithTimeout(ctx, within, func() bool {
		if !got {
			v, got = newest(ch, revision)
		}
		return got
	})
	return v, got, err
}

// newest returns the newest of the signals that have arrived. It drops a signal with a negative revision, which holds no
// result yet. Each wait of a workflow is sent its own signal: newest puts back one for each other wait, all with the newest
// content.
func newest[T any](ch workflow.ReceiveChannel, revision func(T) int) (best T, got bool) {
	mailbox, ok := ch.(workflow.SendChannel)
	taken := 0
	for ok || taken == 0 {
		var v T // a fresh one: decoding keeps fields that the payload does not name
		if !ch.ReceiveAsync(&v) {
			break
		}
		if revision(v) < 0 {
			continue
		}
		if taken == 0 || revision(v) > revision(best) {
			best = v
		}
		taken++
	}
	for range taken - 1 {
		mailbox.SendAsync(best)
	}
	return best, taken > 0
}
