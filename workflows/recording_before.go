package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

// giveUp decides what a failed round means, as all runs did before patience: the first denial was the end.
func (r *recording) giveUp(ctx, roundCtx workflow.Context, f failure) error {
	late := r.late(ctx)
	r.tried = r.tried || (f.kind != "" && f.kind != contract.ErrTypeRecordingStore && f.kind != contract.ErrTypeRecordingHostBusy)
	switch {
	case f.kind == calls.ErrTypeRecordingRefused:
		r.lose(ctx, calls.RecordingRefused, f.Reason)
	case f.kind == contract.ErrTypeRecordingURLDead:
		return r.refreshOnce(ctx, roundCtx)
	case late && !r.tried: // no worker, or no store, all the time: the URL gets its one try now
		r.tried = true
	case f.kind == contract.ErrTypeRecordingNotAudio && late:
		r.lose(ctx, calls.RecordingRefused, f.Reason)
	case late:
		r.lose(ctx, calls.RecordingExpired, f.Reason)
	case f.kind == contract.ErrTypeRecordingNotAudio && !r.suspect:
		r.suspect = true // it may be a login or a maintenance page: told now, and tried on
		r.raiseAlarm()
		r.notBefore = workflow.Now(ctx).Add(time.Second)
	default: // the next try would have come after the deadline
		r.notBefore = laterOf(r.state.Deadline.Add(-recordingLastTries), workflow.Now(ctx).Add(time.Second))
	}
	return nil
}

// refreshOnce looks for another URL in place of one that is dead, once.
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
			workflow.GetLogger(ctx).Warn("no second source answered for a dead recording URL", "callKey", r.state.CallKey, "error", err)
		}
		r.lose(ctx, calls.RecordingExpired, r.state.Reason)
	}
	return nil
}
