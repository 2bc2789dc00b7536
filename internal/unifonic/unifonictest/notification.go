// Package unifonictest makes the provider's messages, for tests.
package unifonictest

import (
	"encoding/json"
	"maps"
)

// Notification returns the body of the provider's sample for outbound calls, about a call, with members replaced.
func Notification(callID string, edit map[string]any) []byte {
	n := map[string]any{
		"applicationId": "app", "callSid": "sid-" + callID, "parentCallSid": nil, "from": "+966115219000", "to": "+966500000000",
		"duration": 17, "direction": "OUTBOUND", "status": "COMPLETED", "initiatedAt": 1638192471, "completedAt": 1638192490,
		"useCase": "IVR", "accountId": "acc", "referenceId": nil, "externalCallsId": "x-" + callID, "recordingUrl": "",
		"failureReason": nil, "maskId": nil, "requestReceivedAt": 1638192470.5, "uniqueCallId": "u-" + callID,
		"secondaryCallerId": nil, "callId": callID, "campaignId": nil,
	}
	maps.Copy(n, edit)
	body, err := json.Marshal(n)
	if err != nil {
		panic(err) // plain data always encodes
	}
	return body
}
