package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

// giveUp decides what follows a failed round as all runs did before patience: the first denial was the end.
func (r *recording) giveUp(ctx, roundCtx workflow.Context, f failure) error {
	late := r.late(ctx)
	r.tried = r.tried || (f.kind != "" && f.kind != contract.ErrTypeRecordingStore && f.kind != contract.ErrTypeRecordingHostBusy)
	switch {
	case f.kind == calls.ErrTypeRecordingRefused:
		r.lose(ctx, calls.RecordingRefused, f.Reason)
	case f.kind == contract.ErrTypeRecordingURLDead:
		return r.refreshOnce(ctx, roundCtx)
	case late && !r.tried: // no worker or no store so far: the URL gets its one try now
		r.tried = true
	case f.kind == contract.ErrTypeRecordingNotAudio && late:
		r.lose(ctx, calls.RecordingRefused, f.Reason)
	case late:
		r.lose(ctx, calls.RecordingExpired, f.Reason)
	case f.kind == contract.ErrTypeRecordingNotAudio && !r.suspect:
		r.suspect = true // it may be a login or a maintenance page: alarm now, and retry
		r.raiseAlarm()
		r.notBefore = workflow.Now(ctx).Add(time.Second)
	default: // the next try would be after the deadline
		r.notBefore = laterOf(r.state.Deadline.Add(-recordingLastTries), workflow.Now(ctx).Add(time.Second))
	}
	return nil
}

// refreshOnce looks, once, for another URL in place of an expired one.
func (r *recording) refreshOnce(ctx, roundCtx workflow.Context) error {
	if r.refreshed {
		r.lose(ctx, calls.RecordingExpired, r.state.Reason)
		return nil
	}
	r.refreshed = true
	look := refreshRecordingURL(roundCtx, r)
	if done, err := r.wait(ctx, look.Future); err != nil || !done {
		return err
	}
	fresh, err := look.Get(ctx)
	switch {
	case r.changed:
	case err == nil && fresh.URL != "":
		r.link.URL, r.tried, r.suspect = fresh.URL, false, false
	default:
		if err != nil {
			workflow.GetLogger(ctx).Warn("no second source answered for an expired recording URL", "callKey", r.state.CallKey, "error", err)
		}
		r.lose(ctx, calls.RecordingExpired, r.state.Reason)
	}
	return nil
}
