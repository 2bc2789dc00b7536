package calls

// Signals that subscribe and unsubscribe a workflow: to a call, a request or a masking session. Both carry a Subscription.
const (
	SignalSubscribe   = "subscribe"
	SignalUnsubscribe = "unsubscribe"
)

// SignalStop ends a request. It carries a StopRequest.
const SignalStop = "stop"

// SignalCallOutcome returns the name of the signal that carries a call's Outcome to its subscribers. Like all signals to
// subscribers it is unencrypted and holds no phone number.
func SignalCallOutcome(callKey string) string { return "call-outcome:" + callKey }

// SignalRecording returns the name of the signal that carries a call's Recording to its subscribers.
func SignalRecording(callKey string) string { return "recording:" + callKey }

// SignalOutboundOutcome returns the name of the signal that carries a request's OutboundOutcome to the workflow in Notify.
func SignalOutboundOutcome(referenceID string) string { return "outbound-outcome:" + referenceID }

// SignalMaskingClosed returns the name of the signal that carries the end of a masking session to the workflow in Notify.
func SignalMaskingClosed(maskID string) string { return "masking-closed:" + Key(maskID) }

// QueryState is the query that every workflow of ours answers with its state.
const QueryState = "state"

// Attentions that an operator can search for in the Temporal UI (search attribute CallAttention).
const (
	AttentionUnknownPlacement = "unknown-placement"    // the provider may or may not have placed the call
	AttentionRecordingAlarm   = "recording-alarm"      // a recording is in danger, lost or refused
	AttentionRecordingMissing = "recording-missing"    // a recording was requested, and its URL never arrived
	AttentionConflict         = "conflict"             // the provider reported two different endings of one leg
	AttentionGaveUp           = "gave-up"              // no final status arrived in time
	AttentionUnknownStatus    = "unknown-status"       // the provider sent an unknown status
	AttentionNumberMismatch   = "number-mismatch"      // the call reached another number than the one it was placed to
	AttentionClockSkew        = "clock-skew"           // a worker's clock is wrong by more than 5 seconds
	AttentionProviderRefuses  = "provider-refuses"     // the provider accepts no call, or cannot be trusted: correct a setting
	AttentionCallback         = "callback-undelivered" // a receiver does not accept its callbacks
)
