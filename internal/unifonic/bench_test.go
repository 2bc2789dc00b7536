package unifonic_test

import (
	"testing"

	"github.com/aftercall/aftercall/internal/unifonic"
)

// completed is a notification as the provider's page shows it.
const completed = `{"applicationId":"3f0f6a1e-7a34-4b0c-9a35-51a1c7ce7d11","callSid":"sid-c-000001","parentCallSid":null,"from":"+966115219000","to":"+966500000001","duration":17,"direction":"OUTBOUND","status":"COMPLETED","initiatedAt":1764150000,"completedAt":1764150020,"useCase":"IVR","accountId":"acc-4711","referenceId":"order-000001","externalCallsId":"ext-000001","recordingUrl":null,"failureReason":null,"maskId":null,"requestReceivedAt":1764149999.287809,"uniqueCallId":"u-000001","secondaryCallerId":null,"callId":"c-000001","campaignId":null}`

func BenchmarkNotification(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(completed)))
	for b.Loop() {
		if _, err := (unifonic.Parser{}).Notification([]byte(completed)); err != nil {
			b.Fatal(err)
		}
	}
}
