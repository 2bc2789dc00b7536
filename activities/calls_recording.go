package activities

import (
	"context"
	"errors"
	"time"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/callstate"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/desk"
)

// SubscribeRecording subscribes a workflow to a call's recordings. It returns a recording that is stored or lost, or
// NoRecording if the call and its grace are over without one; else a signal follows. It may be repeated.
func (a *Calls) SubscribeRecording(ctx context.Context, req calls.SubscribeRequest) (calls.RecordingResult, error) {
	if req.CallID == "" || req.WorkflowID == "" {
		return calls.RecordingResult{}, invalidRequest(errors.New("callId and workflowId must not be empty"))
	}
	key, err := a.Desk.CallKey(ctx, req.CallID)
	if err != nil {
		return calls.RecordingResult{}, err
	}
	s := calls.Subscription{WorkflowID: req.WorkflowID, Waiter: req.Waiter, Quiet: true}
	err = a.Desk.Subscribe(ctx, key, s)
	over := errors.Is(err, desk.ErrClosed)
	if err != nil && !over {
		return calls.RecordingResult{}, err
	}
	state, err := a.callState(ctx, key, over)
	if err != nil {
		return calls.RecordingResult{}, lostCall(key, err)
	}
	known := callstate.Recordings(state)
	for _, r := range known {
		r.URL, r.Asked, r.Subscribers = "", false, []string{req.WorkflowID}
		rec, err := a.Desk.KeepRecording(ctx, r)
		switch {
		case err != nil:
			return calls.RecordingResult{}, err
		case rec.Status != "" && rec.Status != calls.RecordingPending:
			return calls.RecordingResult{Recording: &rec, CallKey: key}, nil
		}
	}
	if over && len(known) == 0 {
		return calls.RecordingResult{NoRecording: true, CallKey: key}, nil
	}
	waiting := calls.RecordingResult{CallKey: key, WaitUntil: a.recordingKnown(state, known)}
	return waiting, stay(ctx, staying(req, key), waiting.WaitUntil)
}

// callState reads a running or closed call. A call that was just started has no state yet.
func (a *Calls) callState(ctx context.Context, key string, over bool) (calls.CallState, error) {
	if over {
		return a.Desk.ClosedCall(ctx, key)
	}
	state, _, err := desk.Ask(ctx, a.Desk, contract.QueryCall, calls.CallWorkflowID(key))
	return state, err
}

// recordingKnown returns when to ask again: after the last deadline, or when the call's grace is over.
func (a *Calls) recordingKnown(state calls.CallState, known []contract.RecordingURL) *time.Time {
	grace := a.Desk.Settings().Call.WithDefaults().Grace
	switch {
	case len(known) > 0:
		return from(calls.RecordingLifetime + time.Minute)
	case state.Final:
		return from(grace + time.Second)
	default:
		return a.callKnown()
	}
}
