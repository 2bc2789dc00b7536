package calls

import "go.temporal.io/sdk/temporal"

// Search attributes of our workflows. None ever holds a phone number.
var (
	AttributeCallID          = temporal.NewSearchAttributeKeyKeyword("CallId") // the call key
	AttributeCallStatus      = temporal.NewSearchAttributeKeyKeyword("CallStatus")
	AttributeReferenceID     = temporal.NewSearchAttributeKeyKeyword("ReferenceId")
	AttributeMaskID          = temporal.NewSearchAttributeKeyKeyword("MaskId")
	AttributeRecordingStatus = temporal.NewSearchAttributeKeyKeyword("RecordingStatus")
	AttributeCallAttention   = temporal.NewSearchAttributeKeyKeyword("CallAttention")
	AttributeCallSID         = temporal.NewSearchAttributeKeyKeywordList("CallSid")
	AttributeCallAttempt     = temporal.NewSearchAttributeKeyInt64("CallAttempt")
)

// SearchAttributes lists them all, for whoever registers them.
func SearchAttributes() []temporal.SearchAttributeKey {
	return []temporal.SearchAttributeKey{
		AttributeCallID, AttributeCallStatus, AttributeReferenceID, AttributeMaskID, AttributeRecordingStatus,
		AttributeCallAttention, AttributeCallSID, AttributeCallAttempt,
	}
}
