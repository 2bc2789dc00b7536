// Package callstest plays aftercall in a test of a business workflow: it answers the requests of package calls as the test
// has scripted, in the time of the Temporal SDK's test environment. No server and no aftercall runs.
//
//	env := suite.NewTestWorkflowEnvironment()
//	aftercall := callstest.Register(env)
//	aftercall.PlaceEnds("order-7", time.Minute, calls.StatusCompleted)
//	aftercall.RecordingEnds("order-7", 2*time.Minute, calls.RecordingStored)
//	env.ExecuteWorkflow(Deliver, order)
//
// A request that was not scripted fails at once with an error that says so.
package callstest

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/aftercall/aftercall/calls"
)

// ErrTypeNotScripted is the type of the error that a workflow gets if the test has not scripted its request.
const ErrTypeNotScripted = "NOT_SCRIPTED"

// Aftercall is aftercall as a business workflow under test sees it. Script it before the workflow is executed. It is
// safe for concurrent use.
type Aftercall struct {
	env *testsuite.TestWorkflowEnvironment

	mu         sync.Mutex
	requests   map[string]ending[calls.OutboundOutcome] // by referenceId; "" for any
	calls      map[string]ending[calls.Outcome]         // by call key
	recordings map[string]ending[calls.Recording]       // by call key or referenceId
	masks      map[string]calls.Mask                    // by referenceId; "" for any
	sessions   map[string]ending[calls.MaskingSummary]  // by mask id
	refused    map[string]error                         // by referenceId
	failing    map[string]error                         // by activity
	asked      map[string]time.Time                     // when a recording was first asked for, by call key
	waiting    map[string]int                           // waits of Place, by referenceId

	placed    []calls.OutboundCallRequest
	opened    []calls.MaskingSessionRequest
	closed    []string
	stopped   []string
	withdrawn []string
}

// ending is a scripted result, and how long after the first request it comes.
type ending[T any] struct {
	after time.Duration
	value T
}

// Register makes env answer the requests of package calls. Call it before the workflow is executed.
func Register(env *testsuite.TestWorkflowEnvironment) *Aftercall {
	a := &Aftercall{
		env: env, requests: map[string]ending[calls.OutboundOutcome]{}, calls: map[string]ending[calls.Outcome]{},
		recordings: map[string]ending[calls.Recording]{}, masks: map[string]calls.Mask{},
		sessions: map[string]ending[calls.MaskingSummary]{}, refused: map[string]error{}, failing: map[string]error{},
		asked: map[string]time.Time{}, waiting: map[string]int{},
	}
	for name, do := range map[string]any{
		calls.ActivityPlace: a.place, calls.ActivitySubscribe: a.subscribe, calls.ActivityUnsubscribe: a.unsubscribe,
		calls.ActivitySubscribeRecording: a.subscribeRecording, calls.ActivityOpenMask: a.openMask,
		calls.ActivityCloseMask: a.closeMask, calls.ActivitySubscribeMask: a.subscribeMask,
		calls.ActivityUnsubscribeMask: a.unsubscribeMask,
	} {
		env.RegisterActivityWithOptions(do, activity.RegisterOptions{Name: name})
	}
	ours := mock.MatchedBy(func(id string) bool { return strings.HasPrefix(id, calls.OutboundCallWorkflowID("")) })
	env.OnSignalExternalWorkflow(mock.Anything, ours, mock.Anything, mock.Anything, mock.Anything).Return(a.signalled).Maybe()
	return a
}

// PlaceEnds scripts the outcome of a request that Place makes; "" stands for any referenceId. The call's id and key are
// the referenceId, unless PlaceEndsWith sets others; they are empty if nobody was called (StatusStopped and the like).
func (a *Aftercall) PlaceEnds(referenceID string, after time.Duration, status calls.Status) {
	a.PlaceEndsWith(referenceID, after, calls.OutboundOutcome{Attempt: 1, Outcome: calls.Outcome{Status: status, Source: calls.SourceNotification}})
}

// PlaceEndsWith is PlaceEnds with a whole outcome.
func (a *Aftercall) PlaceEndsWith(referenceID string, after time.Duration, outcome calls.OutboundOutcome) {
	set(a, a.requests, referenceID, ending[calls.OutboundOutcome]{after, outcome})
}

// PlaceFails scripts an error of Place, with one of the types of package calls; "" stands for any referenceId.
func (a *Aftercall) PlaceFails(referenceID, errType, message string) {
	set(a, a.refused, referenceID, temporal.NewNonRetryableApplicationError(message, errType, nil))
}

// Fails scripts an error, with one of the types of package calls, for every use of an activity: one of the constants
// calls.Activity…, such as calls.ActivitySubscribe for Await.
func (a *Aftercall) Fails(activity, errType, message string) {
	set(a, a.failing, activity, temporal.NewNonRetryableApplicationError(message, errType, nil))
}

// CallEnds scripts the outcome of a call that Await waits for.
func (a *Aftercall) CallEnds(callID string, after time.Duration, status calls.Status) {
	a.CallEndsWith(callID, after, calls.Outcome{Status: status, Source: calls.SourceNotification})
}

// CallEndsWith is CallEnds with a whole outcome.
func (a *Aftercall) CallEndsWith(callID string, after time.Duration, outcome calls.Outcome) {
	set(a, a.calls, calls.Key(callID), ending[calls.Outcome]{after, outcome})
}

// RecordingEnds scripts the final status of a call's recording. The call is named as in CallEnds, or by the referenceId of
// its request. An empty status means that nothing was recorded.
func (a *Aftercall) RecordingEnds(callID string, after time.Duration, status calls.RecordingStatus) {
	set(a, a.recordings, calls.Key(callID), ending[calls.Recording]{after, calls.Recording{Status: status}})
}

// MaskOpens scripts the mask that OpenMask gets; "" stands for any referenceId.
func (a *Aftercall) MaskOpens(referenceID string, mask calls.Mask) {
	set(a, a.masks, referenceID, mask)
}

// MaskEnds scripts the end of a masking session that AwaitMask waits for. CloseMask ends it at once.
func (a *Aftercall) MaskEnds(maskID string, after time.Duration, summary calls.MaskingSummary) {
	set(a, a.sessions, calls.Key(maskID), ending[calls.MaskingSummary]{after, summary})
}

// Placed returns the requests that Place has made, in order.
func (a *Aftercall) Placed() []calls.OutboundCallRequest { return get(a, &a.placed) }

// Opened returns the masking sessions that OpenMask has requested, in order.
func (a *Aftercall) Opened() []calls.MaskingSessionRequest { return get(a, &a.opened) }

// ClosedMasks returns the masks that CloseMask has closed, in order.
func (a *Aftercall) ClosedMasks() []string { return get(a, &a.closed) }

// Stopped returns the referenceIds that Stop was called with, in order.
func (a *Aftercall) Stopped() []string { return get(a, &a.stopped) }

// Withdrawn returns the referenceIds of the requests that a cancelled Place has withdrawn, because nobody else waited for
// them, in order.
func (a *Aftercall) Withdrawn() []string { return get(a, &a.withdrawn) }

func set[T any](a *Aftercall, m map[string]T, key string, v T) {
	a.mu.Lock()
	defer a.mu.Unlock()
	m[key] = v
}

func get[T any](a *Aftercall, list *[]T) []T {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]T(nil), *list...)
}

// scripted returns the value of the first key that has one.
func scripted[T any](m map[string]T, keys ...string) (T, bool) {
	for _, k := range keys {
		if v, ok := m[k]; ok {
			return v, true
		}
	}
	return *new(T), false
}

func notScripted(what string) error {
	return temporal.NewNonRetryableApplicationError("callstest: "+what+" is not scripted", ErrTypeNotScripted, nil)
}

// tell signals the workflow under test after a while. It returns the time until which a wait without Within must last.
func (a *Aftercall) tell(after time.Duration, signal string, v any) *time.Time {
	until := a.env.Now().Add(after + time.Hour)
	a.env.RegisterDelayedCallback(func() { a.env.SignalWorkflow(signal, v) }, after)
	return &until
}

func (a *Aftercall) place(_ context.Context, in calls.PlaceRequest) (calls.PlaceResult, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.failing[calls.ActivityPlace]; err != nil {
		return calls.PlaceResult{}, err
	}
	ref := in.ReferenceID
	if err, ok := scripted(a.refused, ref, ""); ok {
		return calls.PlaceResult{}, err
	}
	e, ok := scripted(a.requests, ref, "")
	if !ok {
		return calls.PlaceResult{}, notScripted("the outcome of request " + ref)
	}
	a.placed = append(a.placed, in.OutboundCallRequest)
	e.value.ReferenceID = ref
	switch e.value.Status {
	case calls.StatusStopped, calls.StatusNotPlaced, calls.StatusDeadline, calls.StatusRefused:
	default:
		e.value.CallKey, e.value.CallID = cmp.Or(e.value.CallKey, ref), cmp.Or(e.value.CallID, ref)
	}
	a.waiting[ref]++
	e.value.Revision = max(e.value.Revision, 1)
	return calls.PlaceResult{WaitUntil: a.tell(e.after, calls.SignalOutboundOutcome(ref), e.value)}, nil
}

func (a *Aftercall) subscribe(_ context.Context, in calls.SubscribeRequest) (calls.SubscribeResult, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.failing[calls.ActivitySubscribe]; err != nil {
		return calls.SubscribeResult{}, err
	}
	key := calls.Key(in.CallID)
	e, ok := a.calls[key]
	if !ok {
		return calls.SubscribeResult{}, notScripted("the outcome of call " + key)
	}
	e.value.CallKey, e.value.CallID, e.value.Revision = key, in.CallID, max(e.value.Revision, 1)
	return calls.SubscribeResult{CallKey: key, WaitUntil: a.tell(e.after, calls.SignalCallOutcome(key), e.value)}, nil
}

func (a *Aftercall) unsubscribe(context.Context, calls.SubscribeRequest) error { return nil }

func (a *Aftercall) subscribeRecording(_ context.Context, in calls.SubscribeRequest) (calls.RecordingResult, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.failing[calls.ActivitySubscribeRecording]; err != nil {
		return calls.RecordingResult{}, err
	}
	key := calls.Key(in.CallID)
	e, ok := a.recordings[key]
	switch {
	case !ok:
		return calls.RecordingResult{}, notScripted("the recording of call " + key)
	case e.value.Status == "":
		if _, ok := a.asked[key]; !ok {
			a.asked[key] = a.env.Now()
		}
		known := a.asked[key].Add(e.after)
		return calls.RecordingResult{NoRecording: !a.env.Now().Before(known), CallKey: key, WaitUntil: &known}, nil
	}
	e.value.CallKey = key
	return calls.RecordingResult{CallKey: key, WaitUntil: a.tell(e.after, calls.SignalRecording(key), e.value)}, nil
}

func (a *Aftercall) openMask(_ context.Context, in calls.MaskingSessionRequest) (calls.Mask, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.failing[calls.ActivityOpenMask]; err != nil {
		return calls.Mask{}, err
	}
	mask, ok := scripted(a.masks, in.ReferenceID, "")
	if !ok {
		return calls.Mask{}, notScripted("the mask of request " + in.ReferenceID)
	}
	a.opened = append(a.opened, in)
	mask.ReferenceID = in.ReferenceID
	return mask, nil
}

func (a *Aftercall) closeMask(_ context.Context, in calls.CloseMaskRequest) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.failing[calls.ActivityCloseMask]; err != nil {
		return err
	}
	a.closed = append(a.closed, in.MaskID)
	summary := calls.MaskingSummary{MaskID: in.MaskID, Reason: calls.MaskingEndedClosed, Revision: 1}
	if e, ok := a.sessions[calls.Key(in.MaskID)]; ok {
		summary.Totals, summary.Recordings = e.value.Totals, e.value.Recordings
	}
	a.tell(0, calls.SignalMaskingClosed(in.MaskID), summary)
	return nil
}

func (a *Aftercall) subscribeMask(_ context.Context, in calls.SubscribeMaskRequest) (calls.SubscribeMaskResult, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.failing[calls.ActivitySubscribeMask]; err != nil {
		return calls.SubscribeMaskResult{}, err
	}
	e, ok := a.sessions[calls.Key(in.MaskID)]
	if !ok {
		return calls.SubscribeMaskResult{}, notScripted("the end of mask " + in.MaskID)
	}
	e.value.MaskID, e.value.Revision = in.MaskID, max(e.value.Revision, 1)
	return calls.SubscribeMaskResult{WaitUntil: a.tell(e.after, calls.SignalMaskingClosed(in.MaskID), e.value)}, nil
}

func (a *Aftercall) unsubscribeMask(context.Context, calls.SubscribeMaskRequest) error { return nil }

// signalled handles the signals with which package calls unsubscribes from requests and stops them.
func (a *Aftercall) signalled(_, workflowID, _, signal string, arg any) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	ref := strings.TrimPrefix(workflowID, calls.OutboundCallWorkflowID(""))
	switch v := arg.(type) {
	case calls.StopRequest:
		a.stopped = append(a.stopped, ref)
		for range a.waiting[ref] {
			a.tell(0, calls.SignalOutboundOutcome(ref), calls.OutboundOutcome{
				ReferenceID: ref, Outcome: calls.Outcome{Status: calls.StatusStopped, Revision: 1},
			})
		}
	case calls.Subscription:
		if a.waiting[ref]--; v.Withdraw && a.waiting[ref] == 0 {
			a.withdrawn = append(a.withdrawn, ref)
		}
	default:
		return fmt.Errorf("callstest: signal %s with a %T", signal, arg)
	}
	return nil
}
