package calls_test

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/calls/callstest"
)

// play runs a workflow against a scripted aftercall and prints its result.
func play(script func(*callstest.Aftercall), wf any, args ...any) {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	env.SetTestTimeout(time.Minute) // the SDK's 3 s are short on a busy machine
	script(callstest.Register(env))
	env.ExecuteWorkflow(wf, args...)
	var result string
	if err := env.GetWorkflowError(); err != nil {
		result = err.Error()
	} else if err := env.GetWorkflowResult(&result); err != nil {
		result = err.Error()
	}
	fmt.Println(result)
}

func greeting(reference string) calls.OutboundCallRequest {
	return calls.OutboundCallRequest{
		ReferenceID: reference, To: "+966500000001", CallerID: "+966115219000", SecondaryCallerID: "+966115219001",
		Type: calls.CallTypeTTS, TTS: &calls.TTS{Text: "Your order is here."}, CallRecording: true,
	}
}

// A delivery is announced. A customer who was not reached gets a message instead.
func ExamplePlace() {
	announce := func(ctx workflow.Context, order string) (string, error) {
		outcome, err := calls.Place(ctx, greeting(order))
		var failure *temporal.ApplicationError
		switch {
		case errors.As(err, &failure) && failure.Type() == calls.ErrTypeNotTaken:
			return "nobody was called", nil
		case err != nil:
			return "", err
		case outcome.Status != calls.StatusCompleted:
			return "send a message: " + string(outcome.Status), nil
		}
		return "announced", nil
	}
	play(func(a *callstest.Aftercall) { a.PlaceEnds("order-7", time.Minute, calls.StatusNoAnswer) }, announce, "order-7")
	// Output: send a message: NO_ANSWER
}

// The customer pays while the reminder waits for its turn: then nobody is called.
func ExamplePlace_cancel() {
	remind := func(ctx workflow.Context, bill string) (string, error) {
		waiting, paid := workflow.WithCancel(ctx)
		workflow.Go(ctx, func(ctx workflow.Context) {
			workflow.GetSignalChannel(ctx, "paid").Receive(ctx, nil)
			paid()
		})
		if _, err := calls.Place(waiting, greeting(bill)); temporal.IsCanceledError(err) {
			return "paid, no reminder", nil
		} else if err != nil {
			return "", err
		}
		return "reminded", nil
	}
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	env.SetTestTimeout(time.Minute) // the SDK's 3 s are short on a busy machine
	aftercall := callstest.Register(env)
	aftercall.PlaceEnds("bill-3", time.Hour, calls.StatusCompleted)
	env.RegisterDelayedCallback(func() { env.SignalWorkflow("paid", nil) }, time.Minute)
	env.ExecuteWorkflow(remind, "bill-3")
	var result string
	_ = env.GetWorkflowResult(&result)
	fmt.Println(result, aftercall.Withdrawn())
	// Output: paid, no reminder [bill-3]
}

// Another workflow stops a request.
func ExampleStop() {
	stop := func(ctx workflow.Context, reference string) (string, error) {
		if err := calls.Stop(ctx, reference); err != nil {
			return "", err
		}
		return "no further call", nil
	}
	play(func(*callstest.Aftercall) {}, stop, "order-7")
	// Output: no further call
}

// A workflow waits for a call that another system placed.
func ExampleAwait() {
	watch := func(ctx workflow.Context, callID string) (string, error) {
		outcome, err := calls.Await(ctx, callID, calls.Within(2*time.Hour))
		return string(outcome.Status), err
	}
	play(func(a *callstest.Aftercall) { a.CallEnds("4711", time.Minute, calls.StatusBusy) }, watch, "4711")
	// Output: BUSY
}

// Quality control listens to the recording.
func ExampleAwaitRecording() {
	control := func(ctx workflow.Context, order string) (string, error) {
		outcome, err := calls.Place(ctx, greeting(order))
		if err != nil {
			return "", err
		}
		recording, err := calls.AwaitRecording(ctx, outcome.CallID)
		var failure *temporal.ApplicationError
		if errors.As(err, &failure) && failure.Type() == calls.ErrTypeNoRecording {
			return "nothing was recorded", nil
		}
		return "recording " + string(recording.Status), err
	}
	play(func(a *callstest.Aftercall) {
		a.PlaceEnds("order-7", time.Minute, calls.StatusCompleted)
		a.RecordingEnds("order-7", 2*time.Minute, calls.RecordingStored)
	}, control, "order-7")
	// Output: recording STORED
}

// Driver and customer talk without knowing each other's number.
func ExampleOpenMask() {
	deliver := func(ctx workflow.Context, order string) (string, error) {
		mask, err := calls.OpenMask(ctx, calls.MaskingSessionRequest{ReferenceID: order, From: "+966500000001", To: "+966500000002"})
		if err != nil {
			return "", err
		}
		// … give mask.MaskingNumber to both, and wait until the order is delivered.
		if err := calls.CloseMask(ctx, mask.MaskID); err != nil {
			return "", err
		}
		summary, err := calls.AwaitMask(ctx, mask.MaskID)
		return fmt.Sprintf("%s after %d calls", summary.Reason, summary.Totals.Calls), err
	}
	play(func(a *callstest.Aftercall) {
		a.MaskOpens("order-7", calls.Mask{MaskID: "m1", MaskingNumber: "+966115219100"})
		a.MaskEnds("m1", time.Hour, calls.MaskingSummary{Totals: calls.MaskingTotals{Calls: 2}})
	}, deliver, "order-7")
	// Output: closed after 2 calls
}

// Anyone who knows a mask's id can close it.
func ExampleCloseMask() {
	end := func(ctx workflow.Context, maskID string) (string, error) {
		return "closed", calls.CloseMask(ctx, maskID)
	}
	play(func(*callstest.Aftercall) {}, end, "m1")
	// Output: closed
}

// A workflow waits for the end of a masking session.
func ExampleAwaitMask() {
	report := func(ctx workflow.Context, maskID string) (string, error) {
		summary, err := calls.AwaitMask(ctx, maskID)
		return fmt.Sprintf("%s, %d of %d calls completed", summary.Reason, summary.Totals.Completed, summary.Totals.Calls), err
	}
	play(func(a *callstest.Aftercall) {
		a.MaskEnds("m1", 24*time.Hour, calls.MaskingSummary{
			Reason: calls.MaskingEndedExpired, Totals: calls.MaskingTotals{Calls: 3, Completed: 2},
		})
	}, report, "m1")
	// Output: expired, 2 of 3 calls completed
}
