package main

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
)

// Claim is somebody who is to be called about what they owe.
type Claim struct {
	ID string // stands in ids, and holds no number
	To string
}

// Report is what became of a claim's call.
type Report struct {
	Call      calls.Status
	Recording calls.RecordingStatus
	Verdict   string // of quality control
}

// Collect calls, waits for the recording, which may take hours, and has it looked at.
func Collect(ctx workflow.Context, c Claim) (Report, error) {
	outcome, err := calls.Place(ctx, calls.OutboundCallRequest{
		ReferenceID: c.ID, To: c.To, CallerID: "+966115219000", CallRecording: true,
		Type: calls.CallTypeTTS, TTS: &calls.TTS{Text: "Please call us back about your account."},
	})
	report := Report{Call: outcome.Status, Verdict: "nothing to look at"}
	if err != nil || outcome.Status != calls.StatusCompleted {
		return report, err
	}
	recording, err := calls.AwaitRecording(ctx, outcome.CallID)
	if failure, ok := errors.AsType[*temporal.ApplicationError](err); ok && failure.Type() == calls.ErrTypeNoRecording {
		return report, nil // the conversation was too short, or recording is switched off
	}
	if err != nil {
		return report, err
	}
	report.Recording = recording.Status
	if recording.Status != calls.RecordingStored {
		report.Verdict = "lost: " + recording.Reason // quality control wants to know of that too
		return report, nil
	}
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	var q *Quality
	err = workflow.ExecuteActivity(ctx, q.Listen, recording.CallKey).Get(ctx, &report.Verdict)
	return report, err
}

// Quality is quality control, which is a fake here. A real one fetches the sound from aftercall's API:
// GET /v1/recordings/<callKey>/audio, with an API key that has the scope listen.
type Quality struct{}

// Listen says what is to be said of a conversation.
func (*Quality) Listen(context.Context, string) (string, error) { return "polite", nil }
