package workflows

import "go.temporal.io/sdk/workflow"

// Changes of what a running workflow does, by the id that stands in its history. A run that began before a change goes
// on as it began.
const (
	changeWithdrawProven = "withdraw-proven-placement" // OutboundCall: proof of a placement takes the post out of the dial queue
)

// since reports whether the run does what a change brought.
func since(ctx workflow.Context, change string) bool {
	return workflow.GetVersion(ctx, change, workflow.DefaultVersion, 1) == 1
}
