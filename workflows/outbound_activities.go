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

// placeCall puts an attempt into the dial queue, once, and returns the result. An unclear result is UNKNOWN.
func placeCall(ctx workflow.Context, attempt int, in contract.PlaceCallInput, timeout time.Duration) outbound.Verdict {
	v := outbound.Verdict{Attempt: attempt, Placement: calls.NotPlaced}
	left := in.NotAfter.Sub(workflow.Now(ctx))
	if left <= 0 { // zero would be no limit at all
		v.Reason = "too late"
		return v
	}
	o := atMostOnce("place attempt "+in.ReferenceID, timeout)
	o.ScheduleToStartTimeout = left // deadline, expiry and calling hours cancel a waiting attempt
	o.WaitForCancellation = true    // a stop needs the verdict
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

// unplaced maps an error of Temporal to a result. Only an attempt that never left the dial queue was certainly not placed.
// PlaceCall itself returns results only, no error and no cancellation.
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

// trackCall makes the Call workflow watch a call. It returns the call's state if that workflow is closed. It returns nil if
// the workflow runs or is unavailable; then the call's age ends the wait. lost means that it has ended without a result.
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

// Priorities of the call log: first questions that delay a dial, then silent calls, then recordings.
const (
	lookUpUrgent    = 1
	lookUpCalls     = 3
	lookUpRecording = 5
)

// Times between two questions to the call log. After a failure a person waits for the next dial; after an unknown placement
// a notification usually arrives first.
const (
	firstVerifyInterval = 5 * time.Second
	firstSettleInterval = 10 * time.Second
)

// lookUpAttempt asks the call log until it has an answer. It polls by retries of one activity.
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
		ScheduleToCloseTimeout: left,                       // a later answer is useless
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

// callingHours returns the current or next window of calling hours.
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
