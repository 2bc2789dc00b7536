package calls

// Activities on TaskQueueCalls that the functions of this package run. Business workers register nothing; tests fake
// them with package callstest.
const (
	ActivitySubscribe          = "Subscribe"          // SubscribeRequest, SubscribeResult
	ActivityUnsubscribe        = "Unsubscribe"        // SubscribeRequest
	ActivityPlace              = "Place"              // PlaceRequest, PlaceResult
	ActivitySubscribeRecording = "SubscribeRecording" // SubscribeRequest, RecordingResult
	ActivityOpenMask           = "OpenMask"           // MaskingSessionRequest, Mask
	ActivityCloseMask          = "EndMask"            // CloseMaskRequest
	ActivitySubscribeMask      = "SubscribeMask"      // SubscribeMaskRequest, SubscribeMaskResult
	ActivityUnsubscribeMask    = "UnsubscribeMask"    // SubscribeMaskRequest
)
