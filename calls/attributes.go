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
	// AttributePartyHash is a keyed hash of each number that the workflow knows, or PartiesMany.
	AttributePartyHash = temporal.NewSearchAttributeKeyKeywordList("PartyHash")
)

// PartiesMany is the only value of AttributePartyHash of a workflow that knows more numbers than fit.
const PartiesMany = "many"

// SearchAttributes lists them all, for whoever registers them.
func SearchAttributes() []temporal.SearchAttributeKey {
	return []temporal.SearchAttributeKey{
		AttributeCallID, AttributeCallStatus, AttributeReferenceID, AttributeMaskID, AttributeRecordingStatus,
		AttributeCallAttention, AttributeCallSID, AttributeCallAttempt, AttributePartyHash,
	}
}
