package calls_test

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
)

// The business workflows of the stored histories. The histories were captured before waits unsubscribed at their end
// (commit 00adab5), with the waits open or done. Neither changes.

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

func TestWorkflowsThatBeganToWaitBeforeReplay(t *testing.T) {
	files, err := filepath.Glob("testdata/histories/*.json")
	require.NoError(t, err)
	require.Len(t, files, 4)
	replayer := worker.NewWorkflowReplayer()
	for _, wf := range []any{AwaitOne, AwaitTwo, PlaceOne} {
		replayer.RegisterWorkflow(wf)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			require.NoError(t, replayer.ReplayWorkflowHistoryFromJSONFile(log.NewStructuredLogger(slog.New(slog.DiscardHandler)), file))
		})
	}
}
