package main

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/calls"
)

// Order is a delivery under way.
type Order struct {
	ID       string // stands in ids, and holds no number
	Courier  string
	Customer string
}

// What the workflow is told and asked.
const (
	SignalDelivered = "delivered"
	QueryMask       = "mask" // the number that both call
)

// longest is how long a delivery takes at most. The provider's masks live for a day.
const longest = 12 * time.Hour

// Deliver opens a masking session, closes it when the order is delivered, and returns what became of its calls.
func Deliver(ctx workflow.Context, o Order) (calls.MaskingSummary, error) {
	var mask calls.Mask
	if err := workflow.SetQueryHandler(ctx, QueryMask, func() (calls.Mask, error) { return mask, nil }); err != nil {
		return calls.MaskingSummary{}, err
	}
	mask, err := calls.OpenMask(ctx, calls.MaskingSessionRequest{ReferenceID: o.ID, From: o.Courier, To: o.Customer})
	if err != nil {
		return calls.MaskingSummary{}, err
	}
	delivered := workflow.GetSignalChannel(ctx, SignalDelivered)
	_, err = workflow.AwaitWithTimeout(ctx, longest, func() bool { return delivered.ReceiveAsync(nil) })

	// Cancelled or not, the number is to take no more calls.
	ending, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	if err := calls.CloseMask(ending, mask.MaskID); err != nil {
		return calls.MaskingSummary{}, err
	}
	if err != nil {
		return calls.MaskingSummary{}, err
	}
	return calls.AwaitMask(ctx, mask.MaskID)
}
