package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

// lookUpCall asks the call log until it settles the call, or until the call is given up. It polls by retries of one
// activity.
func lookUpCall(ctx workflow.Context, c *call, asked question) ([]calls.StatusEvent, error) {
	left := c.quietSince.Add(c.in.Settings.MaxAge).Sub(workflow.Now(ctx))
	if left <= 0 {
		return nil, nil
	}
	first := min(c.in.Settings.ReconcileAfter, maxLookupInterval)
	if asked == meaning {
		first = min(first, 30*time.Second) // it has 10 minutes to find out
	}
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		ScheduleToCloseTimeout: left,             // the call is given up then
		StartToCloseTimeout:    30 * time.Second, // one request, with room for a slow provider
		Summary:                "ask the call log",
		Priority:               temporal.Priority{PriorityKey: lookUpCalls},
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: first, BackoffCoefficient: 2, MaximumInterval: maxLookupInterval,
		},
	})
	in := contract.LookUpInput{CallKey: c.state.CallKey, ID: c.lookupID(), To: c.state.Evidence.ExpectedTo, FailoverOver: asked == failover}
	out, err := contract.ActivityLookUpCall.Do(ctx, in)
	return out.Events, err
}

// tellMaskingSession sends the state of the call to the workflow of its session. It starts that workflow if the mask is
// unknown so far.
func tellMaskingSession(ctx workflow.Context, e edition, state calls.CallState) {
	ctx = lightActivity(ctx, "tell masking session")
	in := contract.TellMaskingSessionInput{MaskID: state.MaskID, State: state}
	if _, err := doLight(ctx, e, contract.ActivityTellMaskingSession, in); err != nil {
		workflow.GetLogger(ctx).Error("masking session was not told", "error", err)
	}
}

// keepRecording hands a recording to its workflow. If that workflow has ended, keepRecording tells the new subscribers
// itself.
func (c *call) keepRecording(ctx workflow.Context, r contract.RecordingURL) {
	settled, err := doLight(lightActivity(ctx, "keep recording"), c.edition, contract.ActivityKeepRecording, r)
	if err != nil {
		workflow.GetLogger(ctx).Error("recording was not handed over", "error", err)
		return
	}
	if settled.Status == "" || settled.Status == calls.RecordingPending {
		return // its workflow tells them
	}
	for _, s := range r.Subscribers {
		sent := tell(ctx, c.edition, s, contract.SignalRecording(c.state.CallKey), settled)
		c.state.Notified = sent.record(ctx, c.state.Notified, c.state.Revision)
	}
}
