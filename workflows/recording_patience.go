package workflows

import (
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

const (
	denialsBeforeAlarm = 3             // answers 401 or 403 in a row: by then a delayed file is there
	recordingWindow    = 6 * time.Hour // of retries of a denied URL, before the provider is asked for another
)

// news is what a recording's workflow knows of its link.
type news struct {
	known   []string  // reasons that were reported
	denials int       // answers 401 or 403 in a row
	over    []string  // hashes of the URLs that the host declared expired
	freshAt time.Time // when another link was last found
	held    *contract.HeldRecording
	doubts  int  // answers that may have been incomplete
	looked  bool // for another link after the deadline, which happens once
}

// tryOn decides what follows a failed round: what else to do, and when the next round is. Before the deadline, only two
// expired URLs end a recording. It reports at once what a person must fix.
func (r *recording) tryOn(ctx, roundCtx workflow.Context, f failure) error {
	now := workflow.Now(ctx)
	r.lastTry(now, f)
	asked := f.asked()
	late, tried := r.late(ctx), r.tried
	r.tried = tried || asked || late // no worker or no store so far: a link still gets its one try
	if f.kind == contract.ErrTypeRecordingNotWhole {
		r.hold(now, f)
	}
	if late && (tried || asked) && !f.refused() {
		r.lose(ctx, calls.RecordingExpired, f.Reason)
		return nil
	}
	if f.kind != contract.ErrTypeRecordingForbidden {
		r.news.denials = 0
	}
	switch f.kind {
	case contract.ErrTypeRecordingForbidden:
		return r.denied(ctx, roundCtx, f)
	case contract.ErrTypeRecordingURLDead:
		return r.gone(ctx, roundCtx, f)
	case contract.ErrTypeRecordingNotWhole:
		r.doubted(ctx)
		return nil
	case contract.ErrTypeRecordingUnfetchable, contract.ErrTypeRecordingNotAudio:
		r.needsAPerson()
	}
	r.again(ctx, f, max(f.RetryAfter, recordingFirstBackoff))
	return nil
}

// asked reports whether the recording's host was asked.
func (f failure) asked() bool {
	return f.kind != "" && f.kind != contract.ErrTypeRecordingStore && f.kind != contract.ErrTypeRecordingHostBusy
}

// refused reports whether the host denied the URL or declared it expired: another URL may work.
func (f failure) refused() bool {
	return f.kind == contract.ErrTypeRecordingURLDead || f.kind == contract.ErrTypeRecordingForbidden
}

// lastTry records the last try that the workflow knows of.
func (r *recording) lastTry(now time.Time, f failure) {
	at := f.At
	if at.IsZero() {
		at = now
	}
	at = at.UTC()
	r.state.LastTry = &calls.RecordingTry{At: at, Reason: f.Reason, HTTPStatus: f.HTTPStatus}
}

// again sets the next round after a pause, or in the last minute of the link, and does not report this reason again.
func (r *recording) again(ctx workflow.Context, f failure, pause time.Duration) {
	now := workflow.Now(ctx)
	heard := slices.Contains(r.news.known, f.Reason)
	if !heard && f.kind != "" {
		r.news.known = append(r.news.known, f.Reason)
	}
	r.notBefore = now.Add(pause)
	last := r.state.Deadline.Add(-recordingLastTries)
	switch {
	case !now.Before(last):
		r.notBefore = earlierOf(r.notBefore, r.state.Deadline)
	case r.notBefore.After(last), heard && !r.windowed(): // the next try would have come after the deadline
		r.notBefore = last
	}
}

// waitsInActivity reports whether the download itself waits out the pause before the next round. There an operator sees the
// pause and its end. In the last minute there is no time for that.
func (r *recording) waitsInActivity(ctx workflow.Context) bool {
	return r.patient && r.notBefore.After(workflow.Now(ctx)) && !r.notBefore.After(r.state.Deadline.Add(-recordingLastTries))
}

// lastChance reports whether the next round is in the last minute, or later.
func (r *recording) lastChance(ctx workflow.Context) bool {
	return !laterOf(workflow.Now(ctx), r.notBefore).Before(r.state.Deadline.Add(-recordingLastTries))
}

// hold remembers an answer that may be incomplete.
func (r *recording) hold(now time.Time, f failure) {
	r.news.doubts++
	if h := r.news.held; h != nil && h.SHA256 == f.SHA256 {
		r.news.held = &contract.HeldRecording{SHA256: h.SHA256, Since: h.Since, Answers: h.Answers + 1}
		return
	}
	r.news.held = &contract.HeldRecording{SHA256: f.SHA256, Since: now.UTC(), Answers: 1}
}

// doubted sets the next round by the back-off of incomplete answers: a file that is still being written is soon complete,
// and an odd one is the same each time.
func (r *recording) doubted(ctx workflow.Context) {
	pause := recordingMaxBackoff
	if r.news.doubts <= 9 {
		pause = recordingFirstBackoff << (r.news.doubts - 1)
	}
	r.again(ctx, failure{}, pause)
}

// windowed reports whether rounds end before the deadline.
func (r *recording) windowed() bool {
	return r.news.denials >= denialsBeforeAlarm || len(r.news.over) > 0
}

// denied handles 401 and 403. Some hosts answer so for a file that does not exist yet, and for an expired link.
func (r *recording) denied(ctx, roundCtx workflow.Context, f failure) error {
	r.news.denials++
	if r.news.denials < denialsBeforeAlarm {
		r.notBefore = workflow.Now(ctx).Add(max(f.RetryAfter, recordingFirstBackoff<<r.news.denials))
	} else {
		r.needsAPerson()
		r.again(ctx, f, contract.RecordingHourly)
	}
	if r.news.denials == 1 || r.windowed() {
		if fresh, err := r.refresh(ctx, roundCtx); err != nil || fresh || r.changed {
			return err
		}
	}
	if r.late(ctx) {
		r.lose(ctx, calls.RecordingExpired, f.Reason)
	}
	return nil
}

// gone handles 410: it needs another link, and retries this one if there is none.
func (r *recording) gone(ctx, roundCtx workflow.Context, f failure) error {
	if hash := calls.LegHash(r.link.URL); !slices.Contains(r.news.over, hash) {
		r.news.over = append(r.news.over, hash)
	}
	if len(r.news.over) > 1 {
		r.lose(ctx, calls.RecordingExpired, f.Reason)
		return nil
	}
	if fresh, err := r.refresh(ctx, roundCtx); err != nil || fresh || r.changed {
		return err
	}
	if r.late(ctx) {
		r.lose(ctx, calls.RecordingExpired, f.Reason)
		return nil
	}
	r.needsAPerson()
	r.again(ctx, f, contract.RecordingHourly)
	return nil
}

// refresh looks for another link in place of a denied or expired one, and reports whether there is one.
func (r *recording) refresh(ctx, roundCtx workflow.Context) (fresh bool, err error) {
	if r.late(ctx) {
		if r.news.looked {
			return false, nil
		}
		r.news.looked = true
	}
	look := refreshRecordingURL(roundCtx, r)
	if done, err := r.wait(ctx, look.Future); err != nil || !done {
		return false, err
	}
	found, err := look.Get(ctx)
	switch {
	case r.changed: // by a link that came meanwhile
		return false, nil
	case err != nil:
		workflow.GetLogger(ctx).Warn("no second source answered for a recording URL", "callKey", r.state.CallKey, "error", err)
		return false, nil
	case found.URL == "":
		return false, nil
	}
	r.link.URL, r.tried = found.URL, false
	if now := workflow.Now(ctx); r.news.freshAt.IsZero() || now.Sub(r.news.freshAt) >= contract.RecordingHourly {
		r.news.freshAt, r.notBefore = now, time.Time{} // else it waits its turn: each look may find a newly signed link
	}
	r.news.known = slices.DeleteFunc(r.news.known, func(reason string) bool { return reason == reasonGone })
	return true, nil
}

// needsAPerson raises the alarm, once.
func (r *recording) needsAPerson() {
	if !r.state.Alarm {
		r.raiseAlarm()
	}
}

func earlierOf(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
