package phone_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/aftercall/aftercall/internal/phone"
)

func TestNormalize(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, in, want string
		ok             bool
	}{
		{"E.164", "+966500000001", "+966500000001", true},
		{"with 00", "00966500000001", "+966500000001", true},
		{"bare digits", "966500000001", "+966500000001", true},
		{"spaces", " +966 50 000 0001 ", "+966500000001", true},
		{"dashes and parentheses", "+966-(50)-000-0001", "+966500000001", true},
		{"dots and slash", "+966.50/0000001", "+966500000001", true},
		{"typographic dash and direction marks", "\u202a+966\u201150\u00a00000001\u202c", "+966500000001", true},
		{"seven digits", "+1234567", "+1234567", true},
		{"fifteen digits", "123456789012345", "+123456789012345", true},
		{"sixteen digits", "1234567890123456", "1234567890123456", false},
		{"six digits", "123456", "123456", false},
		{"national, no country named", "0500000001", "0500000001", false},
		{"plus and 00", "+00966500000001", "+00966500000001", false},
		{"two plus", "++966500000001", "++966500000001", false},
		{"plus inside", "966+500000001", "966+500000001", false},
		{"anonymous", "anonymous", "anonymous", false},
		{"masked as on the webhook page", "+96650xxxx", "+96650xxxx", false},
		{"SIP URI", "sip:+966500000001@example.com", "sip:+966500000001@example.com", false},
		{"digits of another script", "٩٦٦٥٠٠٠٠٠٠٠١", "٩٦٦٥٠٠٠٠٠٠٠١", false},
		{"empty", "", "", false},
		{"only plus", "+", "+", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, ok := phone.Normalize(tc.in)
			require.Equal(t, tc.want, got)
			require.Equal(t, tc.ok, ok)
			require.Equal(t, ok, phone.Valid(got), "readable and valid are the same after normalising")
		})
	}
}

func TestValid(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]bool{
		"+966500000001": true, "+1234567": true, "+123456789012345": true,
		"+123456": false, "+1234567890123456": false, "+0966500000": false, "966500000001": false,
		"+96650000000a": false, "+966 50000001": false, "": false, "+": false, "+966500000001\n": false,
	} {
		require.Equal(t, want, phone.Valid(in), "%q", in)
	}
}

func TestMask(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"+966500000005":     "+9665•••••05",
		"00966 50 000 0005": "+9665•••••05",
		"+96650000005":      "+9665•••••05",
		"+9665000005":       "+96•••••05",
		"+96650005":         "•••••05",
		"+1234567":          "•••••67",
		"0500000001":        "•••••",
		"sip:0500000001@x":  "•••••",
		"":                  "",
	} {
		require.Equal(t, want, phone.Mask(in), "%q", in)
	}
}

func TestMaskHidesFiveDigitsOfAnyNumber(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		number := "+" + rapid.StringMatching(`[1-9][0-9]{6,14}`).Draw(t, "digits")
		shown := strings.Map(keepDigits, phone.Mask(number))
		require.LessOrEqual(t, len(shown)+5, len(number)-1)
		require.NotContains(t, phone.Mask(number), number)
	})
}

func TestNormalizeIsStableAndReadsEverySpelling(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		digits := rapid.StringMatching(`[1-9][0-9]{6,14}`).Draw(t, "digits")
		var spelled strings.Builder
		spelled.WriteString(rapid.SampledFrom([]string{"+", "00", ""}).Draw(t, "prefix"))
		for _, d := range digits {
			spelled.WriteRune(d)
			spelled.WriteString(rapid.SampledFrom([]string{"", "", " ", "-", "(", ")", "."}).Draw(t, "separator"))
		}
		got, ok := phone.Normalize(spelled.String())
		require.True(t, ok)
		require.Equal(t, "+"+digits, got)
	})
}

func keepDigits(r rune) rune {
	if r >= '0' && r <= '9' {
		return r
	}
	return -1
}

func TestWithin(t *testing.T) {
	for text, want := range map[string]bool{
		"order-966500000005": true, "x-500.000_005": true, "050 000 0005": true, "order-50000000": false, "": false, "order-7": false,
	} {
		require.Equal(t, want, phone.Within(text, "", "unknown", "+966500000005"), text)
	}
	require.False(t, phone.Within("order-12345", "12345"), "a short code is no number")
}
