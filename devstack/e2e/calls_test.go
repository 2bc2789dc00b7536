package e2e

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/devstack/stack"
	"github.com/aftercall/aftercall/internal/contract"
)

// deliver places a recorded call and waits for its recording.
func deliver(ctx workflow.Context, req calls.OutboundCallRequest) (calls.RecordingStatus, error) {
	outcome, err := calls.Place(ctx, req, calls.Within(time.Minute))
	if err != nil {
		return "", err
	}
	rec, err := calls.AwaitRecording(ctx, outcome.CallID, calls.Within(time.Minute))
	return rec.Status, err
}

// changeOfMind places a call and cancels that after a while.
func changeOfMind(ctx workflow.Context, req calls.OutboundCallRequest, after time.Duration) (string, error) {
	waiting, cancel := workflow.WithCancel(ctx)
	workflow.Go(ctx, func(ctx workflow.Context) {
		_ = workflow.Sleep(ctx, after)
		cancel()
	})
	_, err := calls.Place(waiting, req)
	if !temporal.IsCanceledError(err) {
		return "", errors.Join(errors.New("not cancelled"), err)
	}
	return "cancelled", nil
}

// placeTwice waits twice at once for the request with one reference.
func placeTwice(ctx workflow.Context, req calls.OutboundCallRequest) (statuses []calls.Status, err error) {
	wg := workflow.NewWaitGroup(ctx)
	wg.Add(2)
	for range 2 {
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer wg.Done()
			o, failure := calls.Place(ctx, req, calls.Within(time.Minute))
			statuses, err = append(statuses, o.Status), errors.Join(err, failure)
		})
	}
	wg.Wait(ctx)
	return statuses, err
}

// inSlices waits in slices of a second, and counts the signals left in the mailbox.
func inSlices(ctx workflow.Context, callID string) (left int, err error) {
	for {
		if _, err = calls.Await(ctx, callID, calls.Within(time.Second)); err == nil {
			break
		}
	}
	if err := workflow.Sleep(ctx, 2*time.Second); err != nil {
		return 0, err
	}
	return workflow.GetSignalChannel(ctx, calls.SignalCallOutcome(callID)).Len(), nil
}

// masked opens a mask, closes it, and returns its summary.
func masked(ctx workflow.Context, req calls.MaskingSessionRequest) (calls.MaskingSummary, error) {
	mask, err := calls.OpenMask(ctx, req, calls.Within(time.Minute))
	if err != nil {
		return calls.MaskingSummary{}, err
	}
	if mask.MaskingNumber == "" {
		return calls.MaskingSummary{}, errors.New("a mask without a number to call")
	}
	if err := calls.CloseMask(ctx, mask.MaskID, calls.Within(time.Minute)); err != nil {
		return calls.MaskingSummary{}, err
	}
	return calls.AwaitMask(ctx, mask.MaskID, calls.Within(time.Minute))
}

// stopOther stops the request with a reference.
func stopOther(ctx workflow.Context, referenceID string) error { return calls.Stop(ctx, referenceID) }

// awaitRecordingOf waits for the recording of a call.
func awaitRecordingOf(ctx workflow.Context, callID string) (calls.Recording, error) {
	return calls.AwaitRecording(ctx, callID, calls.Within(time.Minute))
}

func startShop(t *testing.T, s *stack.Stack) client.Client {
	t.Helper()
	c, err := client.Dial(client.Options{HostPort: s.TemporalAddress(), Namespace: s.TemporalNamespace(), Logger: quiet{}})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	w := worker.New(c, businessQueue, worker.Options{})
	for _, wf := range []any{deliver, changeOfMind, placeOne, placeTwice, inSlices, masked, stopOther, awaitRecordingOf} {
		w.RegisterWorkflow(wf)
	}
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	return c
}

func spoken(referenceID, to string) calls.OutboundCallRequest {
	return calls.OutboundCallRequest{
		ReferenceID: referenceID, To: to, CallerID: "+966115219000", Type: calls.CallTypeTTS, TTS: &calls.TTS{Text: "hello"},
		CallRecording: true,
	}
}

func failureOf(err error) string {
	if failure, ok := errors.AsType[*temporal.ApplicationError](err); ok {
		return failure.Type()
	}
	return ""
}

// dialsOf counts the calls that the provider accepted for a request.
func dialsOf(s *stack.Stack, referenceID string) (n int) {
	for _, c := range s.Simulator().Calls() {
		if ref, _, ok := calls.ParseAttemptReferenceID(c.ReferenceID); ok && ref == referenceID {
			n++
		}
	}
	return n
}

func TestWhatCallsPromises(t *testing.T) {
	s := start(t, func(o *stack.Options) { o.Config.CallGrace = 3 * time.Second })
	c := startShop(t, s)

	t.Run("a recording", func(t *testing.T) {
		var status calls.RecordingStatus
		require.NoError(t, execute(t, c, newID("deliver"), deliver, spoken(newID("rec"), "+966500000005")).Get(t.Context(), &status))
		require.Equal(t, calls.RecordingStored, status)
	})
	t.Run("no recording", func(t *testing.T) {
		callID := newID("silent")
		run := execute(t, c, callID+"-rec", awaitRecordingOf, callID)
		require.Equal(t, 200, notify(t, s, notification(callID, nil)))
		require.Equal(t, calls.ErrTypeNoRecording, failureOf(run.Get(t.Context(), nil)))
	})
	t.Run("the same reference, twice and from another workflow", func(t *testing.T) {
		ref := newID("same")
		var statuses []calls.Status
		require.NoError(t, execute(t, c, ref+"-twice", placeTwice, spoken(ref, "+966500000000")).Get(t.Context(), &statuses))
		require.Equal(t, []calls.Status{calls.StatusCompleted, calls.StatusCompleted}, statuses)
		var o calls.OutboundOutcome
		require.NoError(t, execute(t, c, ref+"-again", placeOne, spoken(ref, "+966500000000")).Get(t.Context(), &o))
		require.Equal(t, calls.StatusCompleted, o.Status)
		require.Equal(t, 1, dialsOf(s, ref))
	})
	t.Run("slices", func(t *testing.T) {
		callID := newID("slices")
		run := execute(t, c, callID+"-slices", inSlices, callID)
		awaitSubscribers(t, s, callID, 6)
		require.Equal(t, 200, notify(t, s, notification(callID, nil)))
		left := -1
		require.NoError(t, run.Get(t.Context(), &left))
		require.LessOrEqual(t, left, 2, "a wait that has ended is told nothing, unless it was leaving just then")
	})
	t.Run("a mask", func(t *testing.T) {
		var summary calls.MaskingSummary
		req := calls.MaskingSessionRequest{ReferenceID: newID("mask"), From: "+966500000001", To: "+966500000002"}
		require.NoError(t, execute(t, c, newID("masked"), masked, req).Get(t.Context(), &summary))
		require.Equal(t, calls.MaskingEndedClosed, summary.Reason)
	})
	t.Run("errors", func(t *testing.T) {
		require.Equal(t, calls.ErrTypeInvalidRequest, failureOf(execute(t, c, newID("bad"), placeOne, spoken("x", "0500")).Get(t.Context(), nil)))
		require.Equal(t, calls.ErrTypeNotFound, failureOf(execute(t, c, newID("stop"), stopOther, "never-heard").Get(t.Context(), nil)))
		ref := newID("byhand")
		_, err := s.Temporal().ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
			ID: calls.OutboundCallWorkflowID(ref), TaskQueue: contract.TaskQueue,
		}, contract.WorkflowOutboundCall.Name, contract.OutboundCallInput{Request: spoken(ref, "+966500000002")})
		require.NoError(t, err)
		require.Equal(t, calls.ErrTypeConflict, failureOf(execute(t, c, ref+"-place", placeOne, spoken(ref, "+966500000002")).Get(t.Context(), nil)))
	})
}

func TestACancelledPlaceRingsNobody(t *testing.T) {
	s := start(t, func(o *stack.Options) { o.Config.DialRate = 0 })
	c := startShop(t, s)
	ref := newID("mind")
	var said string
	require.NoError(t, execute(t, c, ref, changeOfMind, spoken(ref, "+966500000000"), 500*time.Millisecond).Get(t.Context(), &said))
	require.Eventually(t, func() bool {
		var state calls.OutboundCallState
		v, err := s.Temporal().QueryWorkflow(t.Context(), calls.OutboundCallWorkflowID(ref), "", calls.QueryState)
		return err == nil && v.Get(&state) == nil && state.State == calls.OutboundStopped
	}, 30*time.Second, 100*time.Millisecond)

	stopped := newID("stopped")
	run := execute(t, c, stopped, placeOne, spoken(stopped, "+966500000000"))
	awaitWorkflow(t, s, calls.OutboundCallWorkflowID(stopped))
	require.NoError(t, execute(t, c, stopped+"-stop", stopOther, stopped).Get(t.Context(), nil))
	var o calls.OutboundOutcome
	require.NoError(t, run.Get(t.Context(), &o))
	require.Equal(t, calls.StatusStopped, o.Status)

	startDialling(t, s, 100)
	later := newID("later")
	require.NoError(t, execute(t, c, later, placeOne, spoken(later, "+966500000000")).Get(t.Context(), nil))
	require.Zero(t, dialsOf(s, ref))
	require.Zero(t, dialsOf(s, stopped))
}
