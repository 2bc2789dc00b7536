package workflows

import "go.temporal.io/sdk/workflow"

// Changes of what a running workflow does, by the id that stands in its history. A run that began before a change goes
// on as it began.
const (
	changeCallRules        = "call-rules"                // Call: numbers are compared, final stays final, many legs are told in turns
	changeRecordingAsked   = "recording-asked"           // Recording: one that was asked for and has no URL is looked for
	changeMaskingRules     = "masking-rules"             // MaskingSession: numbers are compared, parties decide, legs of other sessions are left out
	changeOutboundRules    = "outbound-rules"            // OutboundCall: numbers are compared, a call that is not watched any more is looked up
	changeRequestReference = "request-reference"         // Call: search attribute ReferenceId is the request's, not the attempt's
	changeWithdrawProven   = "withdraw-proven-placement" // OutboundCall: proof of a placement takes the post out of the dial queue
)

// callRulesRecorded is the version of changeCallRules from which on a recording that was asked for is looked for.
const callRulesRecorded = 2

// since reports whether the run does what a change brought.
func since(ctx workflow.Context, change string) bool {
	return workflow.GetVersion(ctx, change, workflow.DefaultVersion, 1) == 1
}
