package intake_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/intake"
)

func TestTurn(t *testing.T) {
	body := func(kind, more string) []byte {
		payload := map[string]string{"tts": `"tts":{"text":"hello"}`, "otp": `"otp":{"code":"1234"}`}[kind]
		return []byte(`{"referenceId":"order-1","to":"+966500000004","callerId":"+966115219000","type":"` + kind + `",` + payload + more + `}`)
	}
	for more, want := range map[string]string{
		``: "", `,"priority":1`: "", `,"priority":5`: "", `,"fairnessKey":"clinic 7"`: "",
		`,"priority":0`: "priority must be 1 to 5", `,"priority":6`: "priority must be 1 to 5", `,"priority":-1`: "priority must be 1 to 5",
		`,"priority":"1"`: "priority", `,"priority":1.5`: "priority",
		`,"fairnessKey":"` + strings.Repeat("x", 65) + `"`: "fairnessKey must be at most 64",
		`,"fairnessKey":"of 966500000004"`:                 "fairnessKey must not contain a phone number",
	} {
		_, err := intake.OutboundJSON(body("tts", more), none, time.Now())
		if want == "" {
			require.NoError(t, err, more)
		} else {
			require.ErrorContains(t, err, want, more)
		}
	}
	for _, tt := range []struct {
		kind, more, client string
		priority           int
		fairness           string
	}{
		{"tts", ``, "shop", 3, "shop"},
		{"otp", ``, "shop", 1, "shop"},
		{"otp", `,"priority":4`, "shop", 4, "shop"},
		{"tts", `,"priority":1,"fairnessKey":"clinic"`, "shop", 1, "clinic"},
		{"tts", ``, strings.Repeat("é", 40), 3, strings.Repeat("é", 32)},
	} {
		asked, err := intake.OutboundJSON(body(tt.kind, tt.more), none, time.Now())
		require.NoError(t, err)
		asked.Client = tt.client
		require.Equal(t, tt.priority, asked.Priority())
		require.Equal(t, tt.fairness, asked.FairnessKey())
	}
}
