package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/internal/contract"
)

// Changes of what a running workflow does, by the id that stands in its history. A run that began before a change goes
// on as it began. Edition 1 has all of them but those of a Recording.
const (
	changeCallRules        = "call-rules"                // Call: numbers are compared, final stays final, many legs are told in turns
	changeRecordingAsked   = "recording-asked"           // Recording: one that was asked for and has no URL is looked for
	changeRecordingEvents  = "recording-events"          // Recording: what its start has done is not done again, local activities tell
	changeRecordingCall    = "recording-tells-call"      // Recording: the call's workflow hears that it is in danger, or lost
	changeMaskingRules     = "masking-rules"             // MaskingSession: numbers are compared, parties decide, legs of other sessions are left out
	changeOutboundRules    = "outbound-rules"            // OutboundCall: numbers are compared, a call that is not watched any more is looked up
	changePartiesAlone     = "parties-alone"             // Call, MaskingSession: PartyHash is written where nothing else is new; asked only then
	changeRequestReference = "request-reference"         // Call: search attribute ReferenceId is the request's, not the attempt's
	changeWithdrawProven   = "withdraw-proven-placement" // OutboundCall: proof of a placement takes the post out of the dial queue
)

// Versions of changeCallRules after the first.
const (
	callRulesRecorded = 2 // a recording that was asked for is looked for
	callRulesSparing  = 3 // less is kept of what is superseded
)

// changeEdition is the id of the marker of a worker that did not know the edition that a run was started for.
const changeEdition = "edition"

// edition is what a run follows: how its history says that it began. GetVersion alone would say so too, but writes two
// events into every run, and most runs have little more than ten.
//
// So the edition travels in the input, and only the exceptions leave a trace: a worker of before there were editions has
// left the marker of first, which each such run had, and one that knows no edition as new has left a marker of its own.
// That is for whoever replays the run to find; the task in which a run begins has no history yet, so that nothing is to be
// found, and nothing is written.
type edition int

// editionOf says which edition a run follows that was started for one.
func editionOf(ctx workflow.Context, asked int, first string, newest workflow.Version) edition {
	switch {
	case asked == 0:
		return 0
	case asked > contract.Edition: // by a newer release, whose worker may be the next to have this run
		return edition(workflow.GetVersion(ctx, changeEdition, workflow.DefaultVersion, contract.Edition))
	case !workflow.IsReplaying(ctx):
		return edition(asked)
	case workflow.GetVersion(ctx, first, workflow.DefaultVersion, newest) != workflow.DefaultVersion:
		return 0
	}
	if v := workflow.GetVersion(ctx, changeEdition, workflow.DefaultVersion, contract.Edition); v != workflow.DefaultVersion {
		return edition(v)
	}
	return edition(asked)
}

// since reports whether the run does what a change brought.
func (e edition) since(ctx workflow.Context, change string) bool { return e >= 1 || since(ctx, change) }

// since reports whether a run does what a change brought that is in no edition, or of which no edition is known.
func since(ctx workflow.Context, change string) bool {
	return workflow.GetVersion(ctx, change, workflow.DefaultVersion, 1) == 1
}
