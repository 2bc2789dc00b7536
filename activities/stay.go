package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/aftercall/aftercall/calls"
)

// staying returns for how many seconds the activity of a call's wait may stay. A workflow that does not know the key cannot
// know the name of the signal, and needs an answer.
func staying(req calls.SubscribeRequest, key string) int {
	if key != calls.Key(req.CallID) {
		return 0
	}
	return req.Stay
}

// stay makes an activity stay that has subscribed a workflow. The signal will end the wait: a result would only
// wake the workflow, which costs three events and three transitions. So the activity fails, and Temporal repeats
// it when it is time to ask again, though not after so many seconds from its scheduling. A worker that dies before this is
// found out as with any activity. stay returns nil where the workflow needs the answer.
func stay(ctx context.Context, seconds int, askAgain *time.Time) error {
	if seconds <= 0 || !activity.IsActivity(ctx) {
		return nil
	}
	info := activity.GetInfo(ctx)
	pause := time.Duration(seconds)*time.Second - info.StartedTime.Sub(info.ScheduledTime)
	if askAgain != nil {
		pause = min(pause, time.Until(*askAgain))
	}
	if pause <= time.Second {
		return nil
	}
	return temporal.NewApplicationErrorWithOptions(
		"no failure: subscribed, and the signal will end the wait", calls.ErrTypeSubscribed, temporal.ApplicationErrorOptions{
			NextRetryDelay: pause, Category: temporal.ApplicationErrorCategoryBenign,
		})
}
