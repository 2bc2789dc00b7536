package calls

// Signals to the Call workflow.
const (
	SignalCallStatus  = "call-status" // StatusEvent
	SignalSubscribe   = "subscribe"   // Subscription
	SignalUnsubscribe = "unsubscribe" // Subscription
	SignalTrack       = "track"       // Tracking
)

// Signals to other workflows of ours.
const (
	SignalCallUpdate   = "call-update"   // CallState, to OutboundCall and MaskingSession
	SignalRecordingURL = "recording-url" // RecordingURL, to Recording
	SignalMaskOpened   = "mask-opened"   // MaskOpened, to MaskingSession
)

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

// QueryRecordingURL is the query that a Recording workflow answers with the RecordingURL that it tries, or tried last,
// and its subscribers. It answers when it has failed too, so that the recording can be tried once more.
const QueryRecordingURL = "recording-url"

// Updates.
const (
	UpdateAwaitOutcome = "await-outcome" // Call, OutboundCall: no argument; also the one UpdateID that all waiters share
	UpdateRetryNow     = "retry-now"     // OutboundCall: RetryNow; Recording: no argument
	UpdateStopRetrying = "stop-retrying" // OutboundCall: StopRetrying
	UpdateClose        = "close"         // MaskingSession: no argument
)

// Attentions an operator can search for in the Temporal UI (search attribute CallAttention).
const (
	AttentionUnknownPlacement = "unknown-placement" // the provider may or may not have placed the call
	AttentionRecordingAlarm   = "recording-alarm"   // a recording is in danger, lost or refused
	AttentionConflict         = "conflict"          // the provider said two different endings of one leg
	AttentionGaveUp           = "gave-up"           // nothing was heard of the call in time
)
