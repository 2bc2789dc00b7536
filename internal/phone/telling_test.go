package phone_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/phone"
)

func TestTelling(t *testing.T) {
	for id, want := range map[string]bool{
		"966501234567": true, "c-966501234567-1": true, "1700000000.966501234567": true, "sid+97455123456": true, "cust-55123456": true,
		"رقم-٩٦٦٥٠١٢٣٤٥٦٧": true, "123456789012345": true,
		"0f5b7c1e-7f0c-4f6e-8b0a-112233445566": false, "1c9ebf6add624c49": false, "1234567": false, "order-7": false, "": false,
		"1234567890123456789": false, "n-1764154000000000000-3": false,
		"sha256-" + strings.Repeat("12345678", 8): false, "hmac-" + strings.Repeat("12345678", 4): false,
	} {
		require.Equal(t, want, phone.Telling(id), id)
	}
}
