package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

// adviceMissing tells an operator what to do about a requested recording whose URL never arrived.
const adviceMissing = "Check in the provider's console whether the recording exists, and whether recording is enabled for the application."

// firstSeek is the pause before the call log is asked a second time; it doubles to an hour.
const firstSeek = 5 * time.Minute

// seek asks the provider for the recording's URL, by retries of one activity, until it answers or the deadline passes. It
// asks once if the deadline has already passed.
func (r *recording) seek(ctx workflow.Context) error {
	r.changed = false
	r.show(ctx)
	seekCtx, cancel := workflow.WithCancel(ctx)
	defer cancel()
	if pause := r.notBefore.Sub(workflow.Now(ctx)); pause > 0 {
		if done, err := r.wait(ctx, workflow.NewTimer(seekCtx, pause)); err != nil || !done {
			return err
		}
	}
	look := seekRecordingURL(seekCtx, r)
	if done, err := r.wait(ctx, look.Future); err != nil || !done {
		return err
	}
	found, err := look.Get(ctx)
	last := r.state.Deadline.Add(-recordingLastTries)
	switch {
	case r.changed: // by a link that arrived meanwhile
	case err == nil && found.URL != "":
		link := r.link
		link.URL, link.Asked = found.URL, false
		r.seen = append(r.seen, calls.LegHash(link.URL))
		r.take(ctx, link)
	case err != nil && workflow.Now(ctx).Before(last): // no answer, or the next one would be after the deadline
		r.notBefore = earlierOf(workflow.Now(ctx).Add(contract.RecordingHourly), last)
	default:
		r.state.Advice = adviceMissing
		r.lose(ctx, calls.RecordingMissing, reasonNoURL)
	}
	return nil
}

func seekRecordingURL(ctx workflow.Context, r *recording) contract.Result[contract.RefreshRecordingURLResult] {
	late := r.late(ctx)
	left := r.state.Deadline.Sub(workflow.Now(ctx))
	if late {
		left = recordingLateTime
	}
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		ScheduleToCloseTimeout: left,
		StartToCloseTimeout:    recordingLookupTime,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: firstSeek, BackoffCoefficient: 2, MaximumInterval: contract.RecordingHourly, MaximumAttempts: recordingMaxTries,
		},
		Summary:  "ask where the recording is",
		Priority: temporal.Priority{PriorityKey: lookUpRecording},
	})
	in := contract.RefreshRecordingURLInput{CallID: r.link.CallID, CallSID: r.link.CallSID, MaskID: r.link.MaskID, Patient: !late}
	return contract.ActivityRefreshRecordingURL.Start(ctx, in)
}
