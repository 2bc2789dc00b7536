// Package calls is for business workflows that place phone calls through aftercall, or wait for their outcome.
//
// A workflow calls its functions on any worker of aftercall's namespace and registers nothing. Place makes one phone
// call, over as many attempts as its request allows, and returns its outcome:
//
//	outcome, err := calls.Place(ctx, calls.OutboundCallRequest{
//		ReferenceID: "order-7", To: "+966500000001", CallerID: "+966115219000",
//		Type: calls.CallTypeTTS, TTS: &calls.TTS{Text: "Your order is here."},
//	})
//	if err != nil {
//		return err // see the types of errors below
//	}
//	reached := outcome.Status == calls.StatusCompleted
//
// The functions:
//
//   - Place asks for a call and waits for its outcome. Cancelling its context withdraws the call. Stop ends a request for
//     all its waiters.
//   - Await waits for the outcome of a call that anybody placed, before or after it ended.
//   - AwaitRecording waits for a call's recording: stored, or lost.
//   - OpenMask opens a masking session between two parties, CloseMask closes it, AwaitMask waits for its end.
//
// Options: Within bounds a wait; LeaveRunning lets a request continue when Place is cancelled; Sealed encrypts the arguments.
//
// # Errors
//
// An error of aftercall is a temporal.ApplicationError, or wraps one (use errors.As). Its Type is one of the constants
// ErrType…: ErrTypeAwaitTimeout means "nothing arrived in time", ErrTypeNotTaken "certainly nobody was dialled". A call
// that was not answered is no error: it is an Outcome.
//
// # What is in clear
//
// What aftercall sends or returns holds no phone number, except the masking number of a Mask. It is not encrypted, since
// the business worker has none of aftercall's keys. The arguments of Place and OpenMask (numbers, texts, codes) are in the
// calling workflow's history, in clear unless it uses Sealed.
//
// # Tests
//
// Package callstest plays aftercall in the Temporal SDK's test environment, one line per scripted call, recording or
// mask.
//
// The other types and constants are the states, ids and messages of aftercall's own workflows, for programs that read
// them. This package imports nothing but the Temporal SDK.
package calls
