package workflows

import (
	"errors"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/outbound"
)

// placeCall puts an attempt into the dial queue, once, and says what became of it. What nobody can say is unknown.
func placeCall(ctx workflow.Context, attempt int, in contract.PlaceCallInput, timeout time.Duration) outbound.Verdict {
	v := outbound.Verdict{Attempt: attempt, Placement: calls.NotPlaced}
	left := in.NotAfter.Sub(workflow.Now(ctx))
	if left <= 0 { // zero would be no limit at all
		v.Reason = "too late"
		return v
	}
	o := atMostOnce("place attempt "+in.ReferenceID, timeout)
	o.ScheduleToStartTimeout = left // deadline, expiry and calling hours reach what still waits
	o.WaitForCancellation = true    // a stop wants the verdict
	out, err := contract.ActivityPlaceCall.Do(workflow.WithActivityOptions(ctx, o), in)
	if err != nil {
		return unplaced(v, err)
	}
	v.Placement, v.CallID, v.Final, v.RetryAfter, v.Reason = out.Placement, out.CallID, out.Final, out.RetryAfter, out.Reason
	v.Post, v.Claims, v.Rule = out.Post, out.Claims, out.Rule
	if out.NotBefore != nil {
		v.NotBefore = *out.NotBefore
	}
	v.Refused, v.ClockAhead = out.Refusal != "", out.ClockAhead
	return v
}

// unplaced sorts the errors of Temporal. Only what never left the dial queue was surely not placed. PlaceCall itself
// answers; it never returns an error, nor that it was cancelled.
func unplaced(v outbound.Verdict, err error) outbound.Verdict {
	var late *temporal.TimeoutError
	switch {
	case temporal.IsCanceledError(err):
		v.Reason = "taken back from the dial queue"
	case errors.As(err, &late) && late.TimeoutType() == enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START:
		v.Reason = "it did not leave the dial queue in time"
	case errors.As(err, &late):
		v.Placement, v.Reason = calls.PlacementUnknown, "the worker was lost while it asked the provider"
	default:
		v.Placement, v.Reason = calls.PlacementUnknown, "the worker failed while it asked the provider"
	}
	return v
}

// trackCall has the Call workflow watch a call. It returns the call's state where that workflow is closed, and nil
// where it runs, or cannot be reached: then its age ends the wait. lost says that it has ended without a result.
func trackCall(ctx workflow.Context, e edition, in contract.TrackCallInput, maxAge time.Duration) (call *calls.CallState, lost bool) {
	ctx = persistent(ctx, "have the call watched", toTemporal, maxAge) // the call is given up then
	out, err := doLight(ctx, e, contract.ActivityTrackCall, in)
	if err != nil {
		if !temporal.IsCanceledError(err) {
			workflow.GetLogger(ctx).Error("call is not watched", "error", err)
		}
		failed, ok := errors.AsType[*temporal.ApplicationError](err)
		return nil, ok && failed.Type() == calls.ErrTypeCallLost
	}
	return out.Call, false
}

// Who asks the call log first: what holds up a dial, then calls that nobody has heard of for a while, then recordings.
const (
	lookUpUrgent    = 1
	lookUpCalls     = 3
	lookUpRecording = 5
)

// Times between two questions to the call log: about a failure a person waits for the next dial; about an unknown
// placement a notification usually comes first.
const (
	firstVerifyInterval = 5 * time.Second
	firstSettleInterval = 10 * time.Second
)

// lookUpAttempt asks the call log until it has an answer. Polling is retries of one activity.
func lookUpAttempt(ctx workflow.Context, c outbound.LookUp, timeout time.Duration) outbound.LookedUp {
	e := outbound.LookedUp{Attempt: c.Attempt, Purpose: c.Purpose, Answer: outbound.NoAnswer}
	left := c.Until.Sub(workflow.Now(ctx))
	if left <= 0 {
		return e
	}
	first := firstSettleInterval
	if c.Purpose == outbound.Verify {
		first = firstVerifyInterval
	}
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		ScheduleToCloseTimeout: left,                       // the answer is of no use later
		StartToCloseTimeout:    2*timeout + 20*time.Second, // one request, and room for a slow provider
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: first, BackoffCoefficient: 2, MaximumInterval: c.MaxInterval},
		Summary:                string(c.Purpose) + " attempt by the call log",
		Priority:               temporal.Priority{PriorityKey: lookUpUrgent},
	})
	in := contract.LookUpInput{ID: c.ID, To: c.To, FailoverOver: true, AcceptNonTerminal: c.AcceptNonTerminal}
	if c.Silence != nil {
		in.Silence = &contract.Silence{Answers: c.Silence.Answers, Until: c.Silence.Until}
	}
	out, err := contract.ActivityLookUpCall.Do(ctx, in)
	var failed *temporal.ApplicationError
	switch {
	case err == nil:
		e.Answer, e.Events = outbound.Found, out.Events
	case errors.As(err, &failed) && failed.Type() == contract.ErrTypeSurelyNotFound:
		e.Answer = outbound.SurelyNotFound
	}
	return e
}

// callingHours asks for the window of calling hours that is open now, or the next.
func callingHours(ctx workflow.Context, c outbound.CheckHours) outbound.HoursChecked {
	ctx = persistent(ctx, "calling hours", 10*time.Second, forEver) // it only computes
	in := contract.HoursInput{Class: c.Class}
	if c.Hours != nil {
		in.CallingHours = *c.Hours
	}
	out, err := contract.ActivityCallingHours.Do(ctx, in)
	var failed *temporal.ApplicationError
	switch {
	case err == nil:
		return outbound.HoursChecked{Window: out.Window, Rule: out.Rule}
	case errors.As(err, &failed):
		return outbound.HoursChecked{Problem: failed.Message()}
	default:
		return outbound.HoursChecked{Problem: "the calling hours could not be computed"}
	}
}
