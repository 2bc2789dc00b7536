package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

// createMask asks the provider for a mask, once. If the result is unclear, the verdict is unknown.
func createMask(ctx workflow.Context, in contract.CreateMaskInput, timeout time.Duration) contract.CreateMaskResult {
	ctx = workflow.WithActivityOptions(ctx, atMostOnce("create mask", timeout))
	out, err := contract.ActivityCreateMask.Do(ctx, in)
	if err != nil {
		return contract.CreateMaskResult{Verdict: contract.MaskUnknown, Message: "the worker was lost while it asked the provider"}
	}
	return out
}

// findMask looks for a mask that may have been created.
func findMask(ctx workflow.Context, in contract.FindMaskInput, timeout time.Duration) ([]contract.FoundMask, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout:    timeout + 20*time.Second, // one request, and a few to Temporal
		ScheduleToCloseTimeout: 5 * time.Minute,          // the provider may be unavailable for a while; then the next look
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: time.Second, MaximumInterval: 30 * time.Second},
		Summary:                "look for the mask",
	})
	out, err := contract.ActivityFindMask.Do(ctx, in)
	return out.Masks, err
}

// startMaskingSession starts the session of a mask that exists. It retries until it succeeds: a mask without a session
// would be an orphan.
func startMaskingSession(ctx workflow.Context, in contract.StartMaskingSessionInput) error {
	_, err := contract.ActivityStartMaskingSession.Do(persistent(ctx, "start masking session", toTemporal, forEver), in)
	return err
}

// closeMask deactivates a mask.
func closeMask(ctx workflow.Context, maskID string) error {
	const try = time.Minute                                              // one request on each documented path
	ctx = persistent(ctx, "deactivate mask", try, calls.MaskingLifetime) // then the mask has expired anyway
	_, err := contract.ActivityCloseMask.Do(ctx, contract.CloseMaskInput{MaskID: maskID})
	return err
}

// keepSessionRecordings lists the recordings of a session and hands on those that are not stored yet.
func keepSessionRecordings(ctx workflow.Context, in contract.KeepSessionRecordingsInput) (contract.KeepSessionRecordingsResult, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout:    10 * time.Minute, // one request, and one to Temporal for each recording
		HeartbeatTimeout:       time.Minute,      // one heartbeat for each recording
		ScheduleToCloseTimeout: 12 * time.Hour,   // the URLs expire after 72 hours: an operator must learn of a failure in time
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: 5 * time.Second, MaximumInterval: 10 * time.Minute},
		Summary:                "list recordings",
	})
	out, err := contract.ActivityKeepSessionRecordings.Do(ctx, in)
	return out, err
}
