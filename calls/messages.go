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

// Signals to subscribers. They go out unencrypted and carry no phone number.
func SignalCallOutcome(callKey string) string         { return "call-outcome:" + callKey }
func SignalRecording(callKey string) string           { return "recording:" + callKey }
func SignalOutboundOutcome(referenceID string) string { return "outbound-outcome:" + referenceID }
func SignalMaskingClosed(maskID string) string        { return "masking-closed:" + Key(maskID) }

// QueryState is the query that every workflow of ours answers with its state.
const QueryState = "state"

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
