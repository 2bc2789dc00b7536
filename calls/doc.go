// Package calls is for business workflows that place phone calls, or wait for what becomes of them, through aftercall.
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
//   - Place asks for a call and waits for its outcome. Cancelling its context takes the call back. Stop ends a request,
//     whoever waits for it.
//   - Await waits for the outcome of a call that anybody placed, before or after it ended.
//   - AwaitRecording waits for a call's recording: stored, or lost.
//   - OpenMask opens a masking session between two parties, CloseMask closes it, AwaitMask waits for its end.
//
// Options: Within bounds a wait; LeaveRunning lets a request go on when Place is cancelled; Sealed encrypts what is sent.
//
// # Errors
//
// What aftercall says is a temporal.ApplicationError, or is wrapped around one (use errors.As); its Type is one of the
// constants ErrType…: ErrTypeAwaitTimeout and ErrTypeNotTaken tell "nothing came in time" from "surely nobody was dialled". A call that was not answered is no
// error: it is an Outcome.
//
// # What is in clear
//
// What aftercall sends or returns carries no phone number, except the masking number of a Mask, and is not encrypted,
// since the business worker has no key of aftercall's. What a workflow itself gives to Place and OpenMask (numbers,
// texts, codes) stands in its own history, in clear unless Sealed is used.
//
// # Tests
//
// Package callstest plays aftercall in the Temporal SDK's test environment, one line per scripted call, recording or
// mask.
//
// The other types and constants are the states, ids and messages of aftercall's own workflows, for programs that read
// them. This package imports nothing but the Temporal SDK.
package calls
