package workflows

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/callstate"
	"github.com/aftercall/aftercall/internal/contract"
)

const (
	recordingAlarmBefore = 24 * time.Hour  // the deadline: at 48 of 72 hours
	recordingAlarmAfter  = time.Minute     // of trying, if the URL is older than that on arrival
	recordingLastTries   = time.Minute     // before the deadline, whatever the back-off is by then
	recordingFirstURL    = 5 * time.Minute // for the signal with the URL, which starts the workflow
)

// RecordingWorkflow stores the recording of one leg, or of a masking session. It tries the URLs that arrive by signal or
// that it finds in the call log, until the bytes are stored, the host declares two URLs expired, or the deadline has
// passed. It returns the stored recording. It fails if the recording is lost, so that an operator sees it in red.
func RecordingWorkflow(ctx workflow.Context, in contract.RecordingInput) (calls.Recording, error) {
	r := newRecording(ctx, in)
	if err := r.handle(ctx); err != nil {
		return r.state, err
	}
	if err := r.run(ctx); err != nil {
		return r.state, err
	}
	if r.state.Status != calls.RecordingStored {
		return r.state, recordingLost(r.state)
	}
	return r.state, nil
}

// recording is a run of RecordingWorkflow.
type recording struct {
	state calls.Recording
	urls  contract.Received[contract.RecordingURL]

	link      contract.RecordingURL // the one to try
	seen      []string              // hashes of the received URLs
	tried     bool                  // link's host has answered
	changed   bool                  // there is a newer link, or the operator asks: cancel what is under way
	notBefore time.Time             // the next round
	news      news
	edition   edition
	patient   bool // this run decides by tryOn
	seeks     bool // this run looks for a requested recording without a URL
	failures  int  // rounds that failed

	refreshed bool // link was replaced from a second source, or there is none: only runs without patience
	suspect   bool // link gave something that is no recording: only runs without patience

	alarm       alarm
	alarmAt     time.Time
	subscribers []string
	untold      []string // subscribers that are still to be sent the state
	callKnows   callNews
	attributes  [2]string
}

func newRecording(ctx workflow.Context, in contract.RecordingInput) *recording {
	r := &recording{
		state: calls.Recording{ID: in.LegHash, CallKey: in.CallKey, Leg: in.Leg, LegHash: in.LegHash, MaskID: in.MaskID, Status: calls.RecordingPending,
			Deadline: callstate.RecordingDeadline(nil, workflow.Now(ctx))},
		urls: contract.SignalRecordingURL.Receive(ctx),
	}
	if since(ctx, changeRecordingEvents) {
		r.edition = 1
		r.attributes[0], _ = workflow.GetTypedSearchAttributes(ctx).GetKeyword(calls.AttributeRecordingStatus)
	}
	r.seeks = in.Asked && r.edition.since(ctx, changeRecordingAsked)
	return r
}

// handle sets the query and the update handler.
func (r *recording) handle(ctx workflow.Context) error {
	if err := contract.QueryRecording.Answer(ctx, func() calls.Recording { return r.state }); err != nil {
		return err
	}
	err := contract.QueryRecordingURL.Answer(ctx, func() contract.RecordingURL {
		link := r.link
		link.Subscribers = r.subscribers
		return link
	})
	if err != nil {
		return err
	}
	check := func(workflow.Context, contract.None) error {
		if r.state.Status != calls.RecordingPending || !r.begun() {
			return errors.New("only a recording that is PENDING can be tried now; this one is " + string(r.state.Status))
		}
		return nil
	}
	return contract.UpdateRetryRecording.Handle(ctx, "", check, func(workflow.Context, contract.None) (contract.None, error) {
		r.changed, r.notBefore = true, time.Time{}
		return contract.None{}, nil
	})
}

// run tries until the recording is stored or lost and every subscriber is told. A signal meanwhile starts it over: it
// returns only after an empty drain, when all handlers have finished and nothing has yielded since.
func (r *recording) run(ctx workflow.Context) error {
	r.alarm.single = r.edition < 1
	r.alarm.why = "until the recording is in danger"
	defer func() { r.alarm.rest() }()
	if err := r.awaitURL(ctx); err != nil {
		return err
	}
	for {
		for r.state.Status == calls.RecordingPending {
			try := r.round
			if r.link.URL == "" {
				try = r.seek
			}
			if err := try(ctx); err != nil {
				return err
			}
		}
		r.show(ctx)
		r.tell(ctx)
		r.receive(ctx)
		switch {
		case r.state.Status == calls.RecordingPending || len(r.untold) > 0:
		case workflow.AllHandlersFinished(ctx):
			return nil
		default:
			if err := workflow.Await(ctx, func() bool { return r.urls.Len() > 0 || workflow.AllHandlersFinished(ctx) }); err != nil {
				return err
			}
		}
	}
}

// awaitURL waits for the signal that started the workflow.
func (r *recording) awaitURL(ctx workflow.Context) error {
	if r.edition >= 1 {
		if r.receive(ctx); r.begun() {
			return nil
		}
	}
	patience := alarm{single: true, why: "until the URL is tried again"}
	defer func() { patience.stop() }()
	patience.set(ctx, workflow.Now(ctx).Add(recordingFirstURL))
	err := workflow.Await(ctx, func() bool {
		r.receive(ctx)
		return r.begun() || patience.rang()
	})
	if err == nil && !r.begun() {
		r.lose(ctx, calls.RecordingExpired, reasonNoURL)
	}
	return err
}

// begun reports whether there is a URL to try, or to look for.
func (r *recording) begun() bool { return r.link.URL != "" || r.link.Asked }

// receive reads every signal that has arrived. It never yields.
func (r *recording) receive(ctx workflow.Context) {
	for u := range r.urls.Drain() {
		for _, s := range u.Subscribers {
			if !slices.Contains(r.subscribers, s) {
				r.subscribers = append(r.subscribers, s)
			}
			if r.worthTelling() && !slices.Contains(r.untold, s) {
				r.untold = append(r.untold, s)
			}
		}
		if r.seeks && u.Asked && !r.begun() {
			r.take(ctx, u)
		}
		hash := calls.LegHash(u.URL)
		if u.URL == "" || slices.Contains(r.seen, hash) || r.state.Status == calls.RecordingStored {
			continue
		}
		r.seen = append(r.seen, hash)
		r.take(ctx, u)
	}
}

// take makes a URL the one to try, in place of an earlier one.
func (r *recording) take(ctx workflow.Context, u contract.RecordingURL) {
	now := workflow.Now(ctx)
	if u.ReceivedAt.IsZero() {
		u.ReceivedAt = now
	}
	r.link, r.refreshed, r.tried, r.suspect, r.news = u, false, false, false, news{}
	r.changed, r.notBefore = true, time.Time{}
	r.state.Status, r.state.Reason, r.state.Advice = calls.RecordingPending, "", ""
	r.state.Deadline = callstate.RecordingDeadline(u.CompletedAt, u.ReceivedAt)
	r.alarmAt = r.state.Deadline.Add(-recordingAlarmBefore)
	if soon := now.Add(recordingAlarmAfter); r.alarmAt.Before(soon) {
		r.alarmAt = soon
	}
}

// round waits for its time and tries the link. It returns once anything other than a retry is due.
func (r *recording) round(ctx workflow.Context) error {
	r.changed = false
	r.show(ctx)
	roundCtx, cancel := workflow.WithCancel(ctx)
	defer cancel()
	if pause := r.notBefore.Sub(workflow.Now(ctx)); pause > 0 && !r.waitsInActivity(ctx) {
		if done, err := r.wait(ctx, workflow.NewTimer(roundCtx, pause)); err != nil || !done {
			return err
		}
	}
	download := downloadRecording(roundCtx, r)
	if done, err := r.wait(ctx, download.Future); err != nil || !done {
		return err
	}
	stored, err := download.Get(ctx)
	switch {
	case err == nil:
		r.stored(stored)
	case !r.changed: // else the failure is not the new link's
		return r.failed(ctx, roundCtx, err)
	}
	return nil
}

// wait waits for a future, raises the alarm when it is time, and informs subscribers meanwhile. done is false if the wait
// was abandoned.
func (r *recording) wait(ctx workflow.Context, f workflow.Future) (done bool, err error) {
	for !f.IsReady() && !r.changed {
		if !r.state.Alarm {
			r.alarm.set(ctx, r.alarmAt)
		}
		err := workflow.Await(ctx, func() bool {
			r.receive(ctx)
			return f.IsReady() || r.changed || len(r.untold) > 0 || r.callOwed() || (!r.state.Alarm && r.alarm.rang())
		})
		if err != nil {
			return false, err
		}
		if !f.IsReady() && !r.changed && !r.state.Alarm && r.alarm.rang() {
			r.raiseAlarm()
			r.show(ctx)
		}
		r.tell(ctx)
	}
	return f.IsReady(), ctx.Err() // once cancelled, everything is ready
}

// stored ends the search.
func (r *recording) stored(s calls.Recording) {
	s.Tries += r.state.Tries
	s.ID, s.Leg, s.LegHash, s.MaskID, s.Deadline = r.state.ID, r.state.Leg, r.state.LegHash, r.state.MaskID, r.state.Deadline
	r.state = s
	r.untold = slices.Clone(r.subscribers)
}

// failed decides what follows a failed round. A run that began before there was patience has the earlier decisions in its
// history; from its next failure on it is patient too.
func (r *recording) failed(ctx, roundCtx workflow.Context, err error) error {
	f := failureOf(err)
	r.failures++
	r.state.Tries += f.Tries
	r.state.Reason, r.state.Advice = f.Reason, f.Advice
	if !r.patient {
		r.patient = workflow.GetVersion(ctx, "recording-patience-"+strconv.Itoa(r.failures), workflow.DefaultVersion, 1) != workflow.DefaultVersion
	}
	if r.patient {
		return r.tryOn(ctx, roundCtx, f)
	}
	return r.giveUp(ctx, roundCtx, f)
}

// late reports whether the link has all but expired.
func (r *recording) late(ctx workflow.Context) bool {
	return r.state.Deadline.Sub(workflow.Now(ctx)) <= time.Second
}

// lose gives the recording up, unless another URL arrives before every subscriber is told.
func (r *recording) lose(ctx workflow.Context, status calls.RecordingStatus, reason string) {
	r.state.Status, r.state.Reason = status, reason
	r.state.Advice = cmp.Or(r.state.Advice, adviceConsole)
	r.raiseAlarm()
	workflow.GetLogger(ctx).Warn("recording is lost", "callKey", r.state.CallKey, "leg", r.state.LegHash, "status", status, "reason", reason)
}

// raiseAlarm marks the recording as in danger, or lost, and makes every subscriber be told.
func (r *recording) raiseAlarm() {
	r.state.Alarm = true
	r.untold = slices.Clone(r.subscribers)
}

// Reasons that the workflow itself finds.
const (
	reasonNoURL      = "no-url"      // no URL has arrived
	reasonGone       = "status-410"  // the link has expired
	reasonWorkerLost = "worker-lost" // a try got no answer
	reasonFailed     = "failed"      // a try failed without a reason
)

// failure is why a round failed.
type failure struct {
	contract.DownloadFailure
	kind string // the error's type
}

func failureOf(err error) failure {
	f := failure{DownloadFailure: contract.DownloadFailure{Reason: reasonWorkerLost}}
	if e, ok := errors.AsType[*temporal.ApplicationError](err); ok && e.Type() != contract.ErrTypeRecordingNotYet {
		f.kind, f.Reason = e.Type(), reasonFailed
		if e.HasDetails() {
			if err := e.Details(&f.DownloadFailure); err != nil {
				f.Reason = reasonFailed
			}
		}
	}
	return f
}

func laterOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// recordingLost returns the error of a workflow whose recording is lost.
func recordingLost(r calls.Recording) error {
	kind := calls.ErrTypeRecordingExpired
	switch r.Status {
	case calls.RecordingRefused:
		kind = calls.ErrTypeRecordingRefused
	case calls.RecordingMissing:
		kind = calls.ErrTypeRecordingMissing
	}
	return temporal.NewNonRetryableApplicationError(fmt.Sprintf("the recording is %s: %s", r.Status, r.Reason), kind, nil, r)
}
