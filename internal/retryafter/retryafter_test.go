package retryafter_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/retryafter"
)

func TestRead(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"":                              0,
		"soon":                          0,
		"-5":                            0,
		"NaN":                           0,
		"0":                             0,
		" 7 ":                           7 * time.Second,
		"0.5":                           500 * time.Millisecond,
		"600":                           10 * time.Minute,
		"601":                           10 * time.Minute,
		"86400":                         10 * time.Minute,
		"1764150000":                    10 * time.Minute,
		"1e300":                         10 * time.Minute,
		"99999999999999999999":          10 * time.Minute,
		"+Inf":                          10 * time.Minute,
		"Wed, 04 Mar 2026 05:06:37 GMT": 30 * time.Second,
		"Wed, 04 Mar 2026 05:06:06 GMT": 0,
		"Fri, 31 Dec 2099 23:59:59 GMT": 10 * time.Minute,
	} {
		require.Equal(t, want, retryafter.Read(http.Header{"Retry-After": {value}}, now), value)
	}
}
