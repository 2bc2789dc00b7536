package calls_test

import (
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
)

// The business workflows of the stored histories. Neither changes. Those in the folder itself were captured before waits
// unsubscribed at their end (commit 00adab5), with the waits open or done; those in a folder of each workflow by
// devstack/capture, of form 1 before activities stayed (commit 6cd2a92), of form 2 since.

func AwaitOne(ctx workflow.Context, callID string) (calls.Status, error) {
	o, err := calls.Await(ctx, callID)
	return o.Status, err
}

func AwaitTwo(ctx workflow.Context, first, second string) (calls.Status, error) {
	if _, err := calls.Await(ctx, first, calls.Within(time.Second)); err == nil {
		return "", nil
	}
	o, err := calls.Await(ctx, second)
	return o.Status, err
}

func PlaceOne(ctx workflow.Context, ref string) (calls.Status, error) {
	o, err := calls.Place(ctx, calls.OutboundCallRequest{
		ReferenceID: ref, To: "+966500000008", CallerID: "+966115219000", Type: calls.CallTypeTTS, TTS: &calls.TTS{Text: "hello"},
	})
	return o.Status, err
}

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

func AwaitBriefly(ctx workflow.Context, first, second string) (calls.Status, error) {
	if _, err := calls.Await(ctx, first, calls.Within(2*time.Second)); err == nil {
		return "", errors.New("the first call has an outcome")
	}
	o, err := calls.Await(ctx, second)
	return o.Status, err
}

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
	if err := workflow.Sleep(ctx, time.Second); err != nil {
		return "", err
	}
	if err := calls.CloseMask(ctx, mask.MaskID); err != nil {
		return "", err
	}
	var reason string
	ended.Receive(ctx, &reason)
	return reason, nil
}

func TestWorkflowsThatBeganToWaitBeforeReplay(t *testing.T) {
	files, err := filepath.Glob("testdata/histories/*.json")
	require.NoError(t, err)
	require.Len(t, files, 4)
	later, err := filepath.Glob("testdata/histories/*/*.json")
	require.NoError(t, err)
	require.Len(t, later, 20)
	replayer := worker.NewWorkflowReplayer()
	for _, wf := range []any{AwaitOne, AwaitTwo, AwaitAgain, AwaitBriefly, PlaceOne, PlaceRecorded, MaskOne} {
		replayer.RegisterWorkflow(wf)
	}
	for _, file := range append(files, later...) {
		t.Run(strings.TrimPrefix(file, "testdata/histories/"), func(t *testing.T) {
			require.NoError(t, replayer.ReplayWorkflowHistoryFromJSONFile(log.NewStructuredLogger(slog.New(slog.DiscardHandler)), file))
		})
	}
}
