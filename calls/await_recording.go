package calls

import (
	"cmp"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// RecordingResult is the result of activity SubscribeRecording: the call's recording if it is stored or lost, NoRecording
// if there will be none, else nothing, and a signal follows.
type RecordingResult struct {
	Recording   *Recording `json:"recording,omitempty"`
	NoRecording bool       `json:"noRecording,omitempty"`
	CallKey     string     `json:"callKey,omitempty"` // in the name of the signal
	WaitUntil   *time.Time `json:"waitUntil,omitempty"`
}

// AwaitRecording waits in a business workflow until a call's recording is stored or lost. Its status is then
// RecordingStored, RecordingExpired, or RecordingMissing if the call was placed with CallRecording and no URL arrived. It
// is never RecordingPending. callID is as in Await. Of several recordings AwaitRecording returns the first that is stored
// or lost.
//
// Errors: a temporal.ApplicationError of type ErrTypeNoRecording when the call is over, its grace too, and nothing was
// recorded; ErrTypeAwaitTimeout, ErrTypeNotTaken, ErrTypeCallLost and the context's error as in Await.
func AwaitRecording(ctx workflow.Context, callID string, opts ...Option) (Recording, error) {
	w := newWait(ctx, "the recording of call "+Key(callID), opts)
	req := SubscribeRequest{CallID: callID, WorkflowID: w.subscriber.WorkflowID, Waiter: w.subscriber.Waiter, Once: true}
	rec, err := await(w, SignalRecording(Key(callID)), func() (answer[Recording], error) {
		var res RecordingResult
		req.Stay = w.stay()
		err := w.ask(ActivitySubscribeRecording, req, &res)
		if err == nil && res.NoRecording {
			err = temporal.NewNonRetryableApplicationError("nothing was recorded of call "+Key(callID), ErrTypeNoRecording, nil)
		}
		return answer[Recording]{res.Recording, SignalRecording(cmp.Or(res.CallKey, Key(callID))), res.WaitUntil}, err
	}, func(r Recording) int {
		if r.Status == RecordingPending { // an alarm: it is in danger, and still being retried
			return -1
		}
		return 0
	})
	w.leave(ActivityUnsubscribe, req)
	return rec, err
}
