package workflows

import (
	"encoding/json"
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
)

// Pauses between the tries of a callback: short ones that double, and rare ones once it is late.
const (
	callbackFirstPause   = 5 * time.Second
	callbackLongestPause = 10 * time.Minute
	callbackLatePause    = 15 * time.Minute
)

// deliverCallback posts a message until the receiver accepts it or wants no more callbacks, or until the message is late or
// its time is over. All tries are retries of one activity, so that they do not grow the history.
func deliverCallback(ctx workflow.Context, url string, m contract.CallbackMessage) error {
	o := workflow.ActivityOptions{
		StartToCloseTimeout: callbackTry,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: callbackFirstPause, BackoffCoefficient: 2, MaximumInterval: callbackLongestPause},
		Summary:             "call back: " + m.Type,
	}
	within := callbackLateAfter
	if m.Late {
		within = callbackTriedFor
		o.RetryPolicy = &temporal.RetryPolicy{InitialInterval: callbackLatePause, BackoffCoefficient: 1}
	}
	o.ScheduleToCloseTimeout = max(m.Since.Add(within).Sub(workflow.Now(ctx)), callbackTry)
	in := contract.DeliverCallbackInput{URL: url, Message: m}
	in.Message.LastTry = nil
	_, err := contract.ActivityDeliverCallback.Do(workflow.WithActivityOptions(ctx, o), in)
	return err
}

func hearRecordings(ctx workflow.Context, req calls.SubscribeRequest) (calls.RecordingResult, error) {
	return beginLight(ctx, contract.ActivityHearRecordings, req).get(lightActivity(ctx, "hear of the recordings"))
}

// recordingMessage returns the message of a recording that was stored or lost before it was asked for.
func recordingMessage(r calls.Recording, at time.Time) (m contract.CallbackMessage, callKey string, ok bool) {
	text, err := json.Marshal(r)
	if err != nil {
		return m, "", false
	}
	return contract.NewCallbackMessage(contract.SignalRecording(r.CallKey).Name, text, at)
}

// Reasons that the workflow itself finds.
const callbackWorkerLost = "worker-lost" // a try got no answer

// callbackTryOf says why the last try failed.
func callbackTryOf(err error) *contract.CallbackTry {
	try := contract.CallbackTry{Reason: callbackWorkerLost}
	if e, ok := errors.AsType[*temporal.ApplicationError](err); ok && e.HasDetails() && e.Details(&try) != nil {
		try.Reason = callbackWorkerLost
	}
	return &try
}

func isGone(err error) bool {
	e, ok := errors.AsType[*temporal.ApplicationError](err)
	return ok && e.Type() == contract.ErrTypeCallbackGone
}
