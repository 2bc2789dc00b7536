// Package waitstest has the business workflows whose histories are in calls/testdata/histories: devstack/capture runs them,
// and the replay test of package calls replays them. None of them ever changes: stored histories would not replay.
package waitstest

import (
	"errors"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
)

// Register registers all of them with a worker or a replayer.
func Register(w interface{ RegisterWorkflow(w any) }) {
	for _, wf := range []any{AwaitOne, AwaitTwo, AwaitAgain, AwaitBriefly, PlaceOne, PlaceRecorded, MaskOne} {
		w.RegisterWorkflow(wf)
	}
}

// AwaitOne waits for a call.
func AwaitOne(ctx workflow.Context, callID string) (calls.Status, error) {
	o, err := calls.Await(ctx, callID)
	return o.Status, err
}

// AwaitTwo waits for one call for a second, and for another if that has no outcome.
func AwaitTwo(ctx workflow.Context, first, second string) (calls.Status, error) {
	if _, err := calls.Await(ctx, first, calls.Within(time.Second)); err == nil {
		return "", nil
	}
	o, err := calls.Await(ctx, second)
	return o.Status, err
}

// AwaitAgain waits for a call, works, and waits for it again.
func AwaitAgain(ctx workflow.Context, callID string) (calls.Status, error) {
	if _, err := calls.Await(ctx, callID); err != nil {
		return "", err
	}
	if err := workflow.Sleep(ctx, time.Second); err != nil {
		return "", err
	}
	o, err := calls.Await(ctx, callID)
	return o.Status, err
}

// AwaitBriefly gives up the wait for one call, and waits for another.
func AwaitBriefly(ctx workflow.Context, first, second string) (calls.Status, error) {
	if _, err := calls.Await(ctx, first, calls.Within(2*time.Second)); err == nil {
		return "", errors.New("the first call has an outcome")
	}
	o, err := calls.Await(ctx, second)
	return o.Status, err
}

// PlaceOne places a call.
func PlaceOne(ctx workflow.Context, ref string) (calls.Status, error) { // the last digit of ref is the number's
	o, err := calls.Place(ctx, calls.OutboundCallRequest{
		ReferenceID: ref, To: "+96650000000" + ref[len(ref)-1:], CallerID: "+966115219000", Type: calls.CallTypeTTS, TTS: &calls.TTS{Text: "hello"},
	})
	return o.Status, err
}

// PlaceRecorded places a call under a name of its own and waits for its recording.
func PlaceRecorded(ctx workflow.Context) (calls.RecordingStatus, error) {
	o, err := calls.Place(ctx, calls.OutboundCallRequest{
		To: "+966500000005", CallerID: "+966115219000", Type: calls.CallTypeTTS, TTS: &calls.TTS{Text: "hello"}, CallRecording: true,
	})
	if err != nil {
		return "", err
	}
	rec, err := calls.AwaitRecording(ctx, o.CallKey)
	return rec.Status, err
}

// MaskOne opens a mask, closes it and waits for its end.
func MaskOne(ctx workflow.Context) (string, error) {
	mask, err := calls.OpenMask(ctx, calls.MaskingSessionRequest{From: "+966500000001", To: "+966500000002"})
	if err != nil {
		return "", err
	}
	ended := workflow.NewChannel(ctx)
	workflow.Go(ctx, func(ctx workflow.Context) {
		summary, err := calls.AwaitMask(ctx, mask.MaskID)
		if err != nil {
			summary.Reason = err.Error()
		}
		ended.Send(ctx, summary.Reason)
	})
	if err := workflow.Sleep(ctx, time.Second); err != nil { // the wait has begun
		return "", err
	}
	if err := calls.CloseMask(ctx, mask.MaskID); err != nil {
		return "", err
	}
	var reason string
	ended.Receive(ctx, &reason)
	return reason, nil
}
