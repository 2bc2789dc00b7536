package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/intake"
	"github.com/aftercall/aftercall/internal/rules"
)

// CallDesk is what Calls needs of package desk.
type CallDesk interface {
	CallKey(ctx context.Context, id string) (string, error)
	SessionID(ctx context.Context, maskID string) (string, error)
	Subscribe(ctx context.Context, callKey string, s calls.Subscription) error // desk.ErrClosed
	ClosedCall(ctx context.Context, callKey string) (calls.CallState, error)   // desk.ErrNoResult
	PlaceCall(ctx context.Context, asked intake.Outbound, fault error) (created bool, err error)
	OpenMaskingSession(ctx context.Context, asked intake.Masking) (created bool, err error)
	KeepRecording(ctx context.Context, r contract.RecordingURL) (calls.Recording, error)
	Settings() desk.Settings
	desk.Messenger
}

// Calls are the activities on calls.TaskQueueCalls, which business workflows run through package calls. Their results
// carry no phone number, but for the masking number of OpenMask.
type Calls struct {
	Desk  CallDesk
	Rules rules.Rules // checked when a request is accepted
	// CallbackURL says why a URL will not be posted to; nil: every URL is accepted.
	CallbackURL intake.URLPolicy
}

// Subscribe subscribes a workflow to a call, which may still be unknown. It returns the outcome if the call is closed; else
// a signal follows. It may be repeated: the waiter is told again.
func (a *Calls) Subscribe(ctx context.Context, req calls.SubscribeRequest) (calls.SubscribeResult, error) {
	if req.CallID == "" || req.WorkflowID == "" {
		return calls.SubscribeResult{}, invalidRequest(errors.New("callId and workflowId must not be empty"))
	}
	key, err := a.Desk.CallKey(ctx, req.CallID)
	if err != nil {
		return calls.SubscribeResult{}, err
	}
	err = a.Desk.Subscribe(ctx, key, subscription(req))
	switch {
	case err == nil:
		waiting := calls.SubscribeResult{CallKey: key, WaitUntil: a.callKnown()}
		return waiting, stay(ctx, staying(req, key), waiting.WaitUntil)
	case !errors.Is(err, desk.ErrClosed):
		return calls.SubscribeResult{}, err
	}
	state, err := a.Desk.ClosedCall(ctx, key)
	if err == nil && state.Outcome == nil {
		err = desk.ErrNoResult
	}
	return calls.SubscribeResult{Outcome: state.Outcome, CallKey: key}, lostCall(key, err)
}

// Unsubscribe ends a subscription of Subscribe or SubscribeRecording. It ignores a closed call, which tells nobody.
func (a *Calls) Unsubscribe(ctx context.Context, req calls.SubscribeRequest) error {
	key, err := a.Desk.CallKey(ctx, req.CallID)
	if err != nil {
		return err
	}
	err = desk.Tell(ctx, a.Desk, calls.CallWorkflowID(key), contract.SignalUnsubscribe, subscription(req))
	if errors.Is(err, desk.ErrUnknown) || errors.Is(err, desk.ErrClosed) {
		return nil
	}
	return err
}

func subscription(req calls.SubscribeRequest) calls.Subscription {
	return calls.Subscription{WorkflowID: req.WorkflowID, Waiter: req.Waiter, Once: req.Once}
}

// callKnown returns when a call without further events has an outcome and its grace is over.
func (a *Calls) callKnown() *time.Time {
	s := a.Desk.Settings().Call.WithDefaults()
	return from(s.MaxAge + s.Grace + s.FailoverGrace + time.Minute)
}

// from returns the time after a while.
func from(d time.Duration) *time.Time {
	at := time.Now().UTC().Add(d)
	return &at
}

func wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", op, err)
}
