package main

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
)

// Code is a one-time code and who waits for it. It stands in this workflow's history: use a data converter of your own and
// calls.Sealed, or make the code in an activity.
type Code struct {
	Login    string // stands in ids, and holds no number
	To       string
	Digits   string
	ValidFor time.Duration
}

// Speak calls at once or not at all, and returns whether the code was heard. The caller lets the user ask for another one.
func Speak(ctx workflow.Context, c Code) (bool, error) {
	outcome, err := calls.Place(ctx, calls.OutboundCallRequest{
		ReferenceID: c.Login, To: c.To, CallerID: "+966115219000",
		Type: calls.CallTypeOTP, OTP: &calls.OTP{Code: c.Digits, Loop: "2"},
		Priority: 1,                   // before whatever waits in the dial queue
		Deadline: c.ValidFor.String(), // counts from now: later than that nobody is called
	}, calls.Within(c.ValidFor+time.Minute))
	switch errorType(err) {
	case "":
		return outcome.Status == calls.StatusCompleted, err
	case calls.ErrTypeNotTaken, calls.ErrTypeAwaitTimeout: // nobody knows, and nobody needs to any more
		return false, nil
	default:
		return false, err
	}
}

func errorType(err error) string {
	if failure, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return failure.Type()
	}
	return ""
}
