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
	// AttributePartyHash holds a keyed hash of each number that the workflow knows, or PartiesMany.
	AttributePartyHash = temporal.NewSearchAttributeKeyKeywordList("PartyHash")
)

// PartiesMany replaces the hashes in AttributePartyHash if the workflow knows more numbers than fit.
const PartiesMany = "many"

// SearchAttributes returns all of them, to register them.
func SearchAttributes() []temporal.SearchAttributeKey {
	return []temporal.SearchAttributeKey{
		AttributeCallID, AttributeCallStatus, AttributeReferenceID, AttributeMaskID, AttributeRecordingStatus,
		AttributeCallAttention, AttributeCallSID, AttributeCallAttempt, AttributePartyHash,
	}
}
