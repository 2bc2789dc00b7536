package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/activities"
	"github.com/aftercall/aftercall/calls"
)

// createMask asks the provider for a mask, once. Where nobody can say what became of it, the verdict is unknown.
func createMask(ctx workflow.Context, in activities.CreateMaskInput, timeout time.Duration) activities.CreateMaskResult {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           calls.TaskQueue,
		StartToCloseTimeout: 2*timeout + 20*time.Second, // one request on each documented path, and room to report
		RetryPolicy:         &temporal.RetryPolicy{MaximumAttempts: 1},
		Summary:             "create mask",
	})
	var out activities.CreateMaskResult
	if err := workflow.ExecuteActivity(ctx, activities.NameCreateMask, in).Get(ctx, &out); err != nil {
		return activities.CreateMaskResult{Verdict: activities.MaskUnknown, Message: "the worker was lost while it asked the provider"}
	}
	return out
}

// findMask looks for a mask that may have been created.
func findMask(ctx workflow.Context, in activities.FindMaskInput, timeout time.Duration) ([]activities.FoundMask, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              calls.TaskQueue,
		StartToCloseTimeout:    timeout + 20*time.Second, // one request, and a few to Temporal
		ScheduleToCloseTimeout: 5 * time.Minute,          // the provider may be away for a while; then the next look
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: time.Second, MaximumInterval: 30 * time.Second},
		Summary:                "look for the mask",
	})
	var out activities.FindMaskResult
	err := workflow.ExecuteActivity(ctx, activities.NameFindMask, in).Get(ctx, &out)
	return out.Masks, err
}

// startMaskingSession starts the session of a mask that exists. It is tried until it works: a mask without a session
// would be an orphan.
func startMaskingSession(ctx workflow.Context, in activities.StartMaskingSessionInput) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           calls.TaskQueue,
		StartToCloseTimeout: 20 * time.Second, // one request to Temporal
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: time.Second, MaximumInterval: time.Minute},
		Summary:             "start masking session",
	})
	return workflow.ExecuteActivity(ctx, activities.NameStartMaskingSession, in).Get(ctx, nil)
}

// closeMask deactivates a mask.
func closeMask(ctx workflow.Context, maskID string) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              calls.TaskQueue,
		StartToCloseTimeout:    time.Minute,           // one request on each documented path
		ScheduleToCloseTimeout: calls.MaskingLifetime, // then it is over anyway
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: time.Second, MaximumInterval: time.Minute},
		Summary:                "deactivate mask",
	})
	return workflow.ExecuteActivity(ctx, activities.NameCloseMask, activities.CloseMaskInput{MaskID: maskID}).Get(ctx, nil)
}

// keepSessionRecordings lists the recordings of a session and hands on those that are not safe yet.
func keepSessionRecordings(ctx workflow.Context, in activities.KeepSessionRecordingsInput) (activities.KeepSessionRecordingsResult, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:              calls.TaskQueue,
		StartToCloseTimeout:    10 * time.Minute, // one request, and one to Temporal for each recording
		HeartbeatTimeout:       time.Minute,      // one heartbeat for each recording
		ScheduleToCloseTimeout: 12 * time.Hour,   // the URLs live for 72 hours: an operator must hear of it in time
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: 5 * time.Second, MaximumInterval: 10 * time.Minute},
		Summary:                "list recordings",
	})
	var out activities.KeepSessionRecordingsResult
	err := workflow.ExecuteActivity(ctx, activities.NameKeepSessionRecordings, in).Get(ctx, &out)
	return out, err
}
