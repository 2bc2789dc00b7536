package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
)

// What an activity is given unless it needs something of its own.
const (
	firstPause   = time.Second      // after the first try that failed: what is away for a moment delays nothing
	longestPause = time.Minute      // nobody waits longer for what works again
	toTemporal   = 20 * time.Second // a few requests to Temporal
	forEver      = 0                // no limit over all tries
)

// persistent is for an activity that may run any number of times: each try may take so long, and it is tried until it
// works, or until within is over.
func persistent(ctx workflow.Context, summary string, try, within time.Duration) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout:    try,
		ScheduleToCloseTimeout: within,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: firstPause, MaximumInterval: longestPause},
		Summary:                summary,
	})
}

// lightActivity is for an activity that only talks to Temporal: tried until it works, for as long as a recording lives.
func lightActivity(ctx workflow.Context, summary string) workflow.Context {
	return persistent(ctx, summary, toTemporal, calls.RecordingLifetime)
}

// atMostOnce are the options of an activity that makes something at the provider. A worker that is lost leaves unknown
// whether it was made, so nothing is tried again. The time is for a request on each documented path, and room to report.
func atMostOnce(summary string, request time.Duration) workflow.ActivityOptions {
	return workflow.ActivityOptions{
		StartToCloseTimeout: 2*request + 20*time.Second,
		RetryPolicy:         &temporal.RetryPolicy{MaximumAttempts: 1},
		Summary:             summary,
	}
}
