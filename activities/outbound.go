package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/outbound"
)

// Names of the activities of Outbound, all on calls.TaskQueue.
const (
	NameTrackCall    = "TrackCall"
	NameCallingHours = "CallingHours"
)

// CallTracker tells a Call workflow what is expected of its call, and starts it where it does not run.
type CallTracker interface {
	Track(ctx context.Context, callKey string, t calls.Tracking) (created, closed bool, err error)
}

// WorkflowResults reads the results of closed workflows.
type WorkflowResults interface {
	GetWorkflow(ctx context.Context, workflowID, runID string) client.WorkflowRun
}

// Outbound are the light activities of outbound calls.
type Outbound struct {
	Tracker CallTracker
	Results WorkflowResults
}

// TrackCallInput says what is expected of a call. It carries a phone number.
type TrackCallInput struct {
	CallID      string `json:"callId"`
	ReferenceID string `json:"referenceId"`
	To          string `json:"to"`
}

// TrackCallResult has the state of a call that is closed already: there will be no other news of it.
type TrackCallResult struct {
	Call *calls.CallState `json:"call,omitempty"`
}

// TrackCall has a call watched, whether it was heard of or not: by notifications, and by the call log when those do
// not come. It may be repeated.
func (a *Outbound) TrackCall(ctx context.Context, in TrackCallInput) (TrackCallResult, error) {
	key := calls.Key(in.CallID)
	_, closed, err := a.Tracker.Track(ctx, key, calls.Tracking{To: in.To, ReferenceID: in.ReferenceID})
	if err != nil || !closed {
		return TrackCallResult{}, wrap("track call", err)
	}
	var state calls.CallState
	if err := a.Results.GetWorkflow(ctx, calls.CallWorkflowID(key), "").Get(ctx, &state); err != nil {
		return TrackCallResult{}, lostCall(key, err)
	}
	state.Evidence, state.Notified = nil, nil
	return TrackCallResult{Call: &state}, nil
}

// CallingHours is the window of calling hours that is open now, or the next one. It is an activity because the time
// zone data of workers may differ. Hours that cannot be read are an error that is not retried.
func (a *Outbound) CallingHours(ctx context.Context, h calls.CallingHours) (outbound.Window, error) {
	now := time.Now()
	w, err := outbound.NextWindow(h, now)
	if err != nil {
		return outbound.Window{}, invalidRequest(err)
	}
	activity.GetLogger(ctx).Debug("calling hours", "openAt", w.OpenAt, "closesAt", w.ClosesAt)
	return w, nil
}
