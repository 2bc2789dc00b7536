package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

const (
	recordingFirstBackoff = time.Second
	recordingMaxBackoff   = 10 * time.Minute
	recordingMaxTries     = 100_000          // more than fit into 72 hours
	recordingLateTime     = time.Hour        // for the one try of a URL that arrived after its deadline
	recordingDownloadTime = time.Hour        // for one try: enough for the largest recording from a slow host
	recordingHeartbeat    = time.Minute      // bounds how soon a lost worker is noticed and a cancelled download ends
	recordingLookupTime   = 30 * time.Second // one or two requests to the provider
	recordingRefreshTime  = 5 * time.Minute  // until the provider answers
)

// downloadRecording tries the link until its deadline, by retries of one activity, so that the history does not grow. It
// tries a link that arrived after the deadline until its host has answered once: the link may still work.
func downloadRecording(ctx workflow.Context, r *recording) contract.Result[calls.Recording] {
	retry := &temporal.RetryPolicy{
		InitialInterval: recordingFirstBackoff, BackoffCoefficient: 2, MaximumInterval: recordingMaxBackoff, MaximumAttempts: recordingMaxTries,
	}
	left := r.state.Deadline.Sub(workflow.Now(ctx))
	if r.windowed() {
		left = min(left, recordingWindow)
	}
	if r.late(ctx) {
		left = recordingLateTime
		retry.NonRetryableErrorTypes = []string{
			contract.ErrTypeRecordingUnavailable, contract.ErrTypeRecordingNotAudio, contract.ErrTypeRecordingUnfetchable,
			contract.ErrTypeRecordingForbidden, contract.ErrTypeRecordingURLDead,
		}
	}
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		ScheduleToCloseTimeout: left, // retries end when the URL does
		StartToCloseTimeout:    recordingDownloadTime,
		HeartbeatTimeout:       recordingHeartbeat,
		RetryPolicy:            retry,
		Summary:                "download",
	})
	in := contract.DownloadRecordingInput{
		Parties: r.link.Parties,
		Recording: calls.Recording{
			CallKey: r.state.CallKey, Leg: r.state.Leg, LegHash: r.state.LegHash, MaskID: r.state.MaskID, Deadline: r.state.Deadline,
		},
		URL: r.link.URL, News: true, Known: r.news.known, Suspect: r.suspect, Seconds: r.link.Seconds, Held: r.news.held,
		LastChance: r.lastChance(ctx),
	}
	if r.waitsInActivity(ctx) {
		in.NotBefore = &r.notBefore
	}
	return contract.ActivityDownloadRecording.Start(ctx, in)
}

// refreshRecordingURL asks the provider for another URL of the recording. It asks for a while, or, if nothing else is left,
// for as long as such a URL could still be valid.
func refreshRecordingURL(ctx workflow.Context, r *recording) contract.Result[contract.RefreshRecordingURLResult] {
	patience := max(r.state.Deadline.Sub(workflow.Now(ctx)), recordingLateTime)
	if r.patient && !r.late(ctx) {
		patience = recordingRefreshTime // the link itself is due for a retry
	}
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		ScheduleToCloseTimeout: patience,
		StartToCloseTimeout:    recordingLookupTime,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: recordingFirstBackoff, BackoffCoefficient: 2, MaximumInterval: recordingMaxBackoff, MaximumAttempts: recordingMaxTries,
		},
		Summary:  "look for another URL",
		Priority: temporal.Priority{PriorityKey: lookUpRecording},
	})
	in := contract.RefreshRecordingURLInput{URL: r.link.URL, CallID: r.link.CallID, CallSID: r.link.CallSID, MaskID: r.link.MaskID}
	return contract.ActivityRefreshRecordingURL.Start(ctx, in)
}
