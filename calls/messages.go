package calls

// Signals by which a workflow begins and ends to be told, of a call, a request or a masking session. Both carry a
// Subscription.
const (
	SignalSubscribe   = "subscribe"
	SignalUnsubscribe = "unsubscribe"
)

// SignalStop ends a request. It carries a StopRequest.
const SignalStop = "stop"

// SignalCallOutcome is the signal that tells a subscriber of a call its Outcome. Like all signals to subscribers it goes
// out unencrypted and carries no phone number.
func SignalCallOutcome(callKey string) string { return "call-outcome:" + callKey }

// SignalRecording is the signal that tells a subscriber of a call its Recording.
func SignalRecording(callKey string) string { return "recording:" + callKey }

// SignalOutboundOutcome is the signal that tells whom a request names its OutboundOutcome.
func SignalOutboundOutcome(referenceID string) string { return "outbound-outcome:" + referenceID }

// SignalMaskingClosed is the signal that tells whom a masking request names the end of its session.
func SignalMaskingClosed(maskID string) string { return "masking-closed:" + Key(maskID) }

// QueryState is the query that every workflow of ours answers with its state.
const QueryState = "state"

// Attentions an operator can search for in the Temporal UI (search attribute CallAttention).
const (
	AttentionUnknownPlacement = "unknown-placement" // the provider may or may not have placed the call
	AttentionRecordingAlarm   = "recording-alarm"   // a recording is in danger, lost or refused
	AttentionRecordingMissing = "recording-missing" // a recording was asked for, and the provider never said where it is
	AttentionConflict         = "conflict"          // the provider said two different endings of one leg
	AttentionGaveUp           = "gave-up"           // nothing was heard of the call in time
	AttentionUnknownStatus    = "unknown-status"    // the provider said a status that nobody knows
	AttentionNumberMismatch   = "number-mismatch"   // the call went to another number than it was placed to
	AttentionClockSkew        = "clock-skew"        // a worker's clock is wrong by more than 5 seconds
	AttentionProviderRefuses  = "provider-refuses"  // the provider takes no call of ours, or cannot be trusted: a setting is to be mended
)
