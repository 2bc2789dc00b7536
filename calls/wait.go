package calls

import (
	"crypto/rand"
	"errors"
	"strings"
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

// changeWaits is the change id of today's waits in a business workflow's history. Workflows that began to wait before it
// continue as they began: see first.go.
const changeWaits = "aftercall-waits"

// beganFirst reports whether the workflow began to wait before waits unsubscribed at their end.
func beganFirst(ctx workflow.Context) bool {
	return workflow.GetVersion(ctx, changeWaits, workflow.DefaultVersion, 1) == workflow.DefaultVersion
}

// wait is one wait of a business workflow.
type wait struct {
	options
	ctx        workflow.Context
	what       string // what the wait is for, in errors
	subscriber Subscription
	until      time.Time // when the caller's time ends; zero: never
	subscribed bool      // may be subscribed
}

func newWait(ctx workflow.Context, what string, opts []Option) *wait {
	w := &wait{options: apply(opts), ctx: ctx, what: what}
	w.subscriber = Subscription{WorkflowID: workflow.GetInfo(ctx).WorkflowExecution.ID, Waiter: waiter(ctx)}
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

// await asks, waits for the signal, and asks again, until there is a result or the wait is over.
func await[T any](w *wait, ask func() (answer[T], error), revision func(T) int) (v T, err error) {
	for {
		a, err := ask()
		if err != nil {
			w.subscribed = w.subscribed || w.ctx.Err() != nil
			return v, err
		}
		if a.known != nil {
			return *a.known, nil
		}
		w.subscribed = true
		v, got, err := signalled(w.ctx, a.signal, w.left(a.waitUntil), revision)
		switch {
		case got:
			w.subscribed = false
			return v, nil
		case err != nil:
			return v, err
		case w.over(), a.waitUntil == nil:
			return v, w.timedOut(nil)
		}
	}
}

// waiter returns a name for this wait that is the same on replay. Two waits of one workflow have different names, so that
// each is told.
func waiter(ctx workflow.Context) string {
	var id string
	_ = workflow.SideEffect(ctx, func(workflow.Context) any { return strings.ToLower(rand.Text()) }).Get(&id)
	return id
}

// tryTime is the timeout of one try of an activity on aftercall's workers: a few requests to Temporal.
const tryTime = 20 * time.Second

func retries() *temporal.RetryPolicy {
	return &temporal.RetryPolicy{InitialInterval: time.Second, MaximumInterval: time.Minute}
}

// ask runs an activity on aftercall's workers, in clear, whatever codec the business worker has. It retries until the wait
// ends: aftercall may be unavailable for a while.
func (w *wait) ask(activity string, in, out any) error {
	left := w.left(nil)
	if left == 0 {
		return w.timedOut(nil)
	}
	ctx := workflow.WithActivityOptions(w.encode(w.ctx), workflow.ActivityOptions{
		TaskQueue:              TaskQueueCalls,
		ScheduleToStartTimeout: left,
		ScheduleToCloseTimeout: left,
		StartToCloseTimeout:    tryTime,
		WaitForCancellation:    true, // the result of a try must be known before it can be withdrawn
		RetryPolicy:            retries(),
		Summary:                w.what,
	})
	err := workflow.ExecuteActivity(ctx, activity, in).Get(ctx, out)
	timeout, isTimeout := errors.AsType[*temporal.TimeoutError](err)
	switch {
	case !isTimeout:
		return err
	case timeout.TimeoutType().String() == "ScheduleToStart": // no other timeout ends first if a try was made
		return temporal.NewNonRetryableApplicationError(
			"no worker of aftercall accepted "+w.what+" in time: is one running in this namespace?", ErrTypeNotTaken, err)
	default:
		return w.timedOut(err)
	}
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
