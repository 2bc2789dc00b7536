package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
)

// Defaults of activity options.
const (
	firstPause   = time.Second      // after the first failed try, so that a short outage delays nothing
	longestPause = time.Minute      // the longest delay after a recovery
	toTemporal   = 20 * time.Second // a few requests to Temporal
	forEver      = 0                // no limit for all tries together
)

// persistent returns options for an activity that may run any number of times. try limits one try, within all tries
// together.
func persistent(ctx workflow.Context, summary string, try, within time.Duration) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout:    try,
		ScheduleToCloseTimeout: within,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: firstPause, MaximumInterval: longestPause},
		Summary:                summary,
	})
}

// lightActivity returns options for an activity that only talks to Temporal. It is retried until it succeeds, for as long
// as a recording's URL lasts.
func lightActivity(ctx workflow.Context, summary string) workflow.Context {
	return persistent(ctx, summary, toTemporal, calls.RecordingLifetime)
}

// atMostOnce returns options for an activity that creates something at the provider. A lost worker leaves the result
// unknown, so there is no retry. The timeout covers a request on each documented path and the report.
func atMostOnce(summary string, request time.Duration) workflow.ActivityOptions {
	return workflow.ActivityOptions{
		StartToCloseTimeout: 2*request + 20*time.Second,
		RetryPolicy:         &temporal.RetryPolicy{MaximumAttempts: 1},
		Summary:             summary,
	}
}
