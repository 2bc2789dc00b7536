package calls

import (
	"cmp"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// RecordingResult is what activity SubscribeRecording returns: what became of the call's recording, where that is
// known; NoRecording, where none will come; else nothing, and a signal will come.
type RecordingResult struct {
	Recording   *Recording `json:"recording,omitempty"`
	NoRecording bool       `json:"noRecording,omitempty"`
	CallKey     string     `json:"callKey,omitempty"` // in the name of the signal
	WaitUntil   *time.Time `json:"waitUntil,omitempty"`
}

// AwaitRecording waits in a business workflow for what becomes of the recording of a call: RecordingStored, or another
// end, which is to say lost: RecordingExpired, or RecordingMissing where the call was placed with CallRecording and the
// provider never said where the recording is. It never returns one that is RecordingPending. callID is as in Await. Of
// several recordings it returns the first that ends.
//
// Errors: a temporal.ApplicationError of type ErrTypeNoRecording when the call is over, its grace too, and nothing was
// recorded; ErrTypeAwaitTimeout, ErrTypeNotTaken, ErrTypeCallLost and the context's error as in Await.
func AwaitRecording(ctx workflow.Context, callID string, opts ...Option) (Recording, error) {
	w := newWait(ctx, "the recording of call "+Key(callID), opts)
	req := SubscribeRequest{CallID: callID, WorkflowID: w.subscriber.WorkflowID, Waiter: w.subscriber.Waiter, Once: true}
	rec, err := await(w, func() (answer[Recording], error) {
		var res RecordingResult
		err := w.ask(ActivitySubscribeRecording, req, &res)
		if err == nil && res.NoRecording {
			err = temporal.NewNonRetryableApplicationError("nothing was recorded of call "+Key(callID), ErrTypeNoRecording, nil)
		}
		return answer[Recording]{res.Recording, SignalRecording(cmp.Or(res.CallKey, Key(callID))), res.WaitUntil}, err
	}, func(r Recording) int {
		if r.Status == RecordingPending { // an alarm: it is in danger, and still tried
			return -1
		}
		return 0
	})
	w.leave(ActivityUnsubscribe, req)
	return rec, err
}
