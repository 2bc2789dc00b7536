package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/aftercall/aftercall/internal/contract"
)

// Changes of a running workflow's behaviour, by their ids in its history. A run that began before a change continues as it
// began. Edition 1 has all changes but those of a Recording.
const (
	changeCallRules        = "call-rules"                // Call: numbers are compared, final stays final, many legs are told with pauses
	changeRecordingAsked   = "recording-asked"           // Recording: a requested recording without a URL is looked for
	changeRecordingEvents  = "recording-events"          // Recording: the start's work is not repeated, local activities tell
	changeRecordingCall    = "recording-tells-call"      // Recording: the call's workflow is told of danger and loss
	changeMaskingRules     = "masking-rules"             // MaskingSession: numbers are compared, parties decide, legs of other sessions are left out
	changeOutboundRules    = "outbound-rules"            // OutboundCall: numbers are compared, a call that is no longer watched is looked up
	changePartiesAlone     = "parties-alone"             // Call, MaskingSession: PartyHash is written even if nothing else is new; asked only then
	changeGathersLegs      = "gathers-legs"              // Call: events of many legs are merged once a second; asked only then
	changeRequestReference = "request-reference"         // Call: search attribute ReferenceId is the request's, not the attempt's
	changeCallbackToo      = "callback-too"              // OutboundCall: a callback is told beside the workflow of Notify; asked only then
	changeWithdrawProven   = "withdraw-proven-placement" // OutboundCall: proof of a placement withdraws the post from the dial queue
)

// Versions of changeCallRules after the first.
const (
	callRulesRecorded = 2 // a requested recording without a URL is looked for
	callRulesSparing  = 3 // less is kept of superseded events
)

// changeEdition is the id of the marker that a worker writes if it does not know the edition that a run was started for.
const changeEdition = "edition"

// edition is the set of changes that a run follows, as its history tells. GetVersion alone could tell it too, but writes
// two events into every run, and most runs have little more than ten.
//
// So the edition travels in the input, and only exceptions leave a marker: a worker from before editions wrote the marker
// of first, as in every such run, and a worker that does not know a newer edition writes its own marker. A replay finds
// these markers. The task that begins a run has no history, so it finds none and writes none.
type edition int

// editionOf returns the edition that a run follows, given the one that it was started for.
func editionOf(ctx workflow.Context, asked int, first string, newest workflow.Version) edition {
	switch {
	case asked == 0:
		return 0
	case asked > contract.Edition: // by a newer release, whose worker may have this run next
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

// since reports whether the run includes a change.
func (e edition) since(ctx workflow.Context, change string) bool { return e >= 1 || since(ctx, change) }

// since reports whether a run includes a change that is in no edition, or whose edition is unknown.
func since(ctx workflow.Context, change string) bool {
	return workflow.GetVersion(ctx, change, workflow.DefaultVersion, 1) == 1
}
