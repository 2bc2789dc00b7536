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
		{"ten bare digits may be national", "5000000001", "5000000001", false},
		{"nine bare digits, no country named", "500000001", "500000001", false},
		{"eight bare digits, no country named", "55123456", "55123456", false},
		{"plus and 00", "+00966500000001", "+966500000001", true},
		{"plus before a national number", "+0500000001", "+0500000001", false},
		{"trunk 0 in parentheses", "+966 (0)50 000 0001", "+966500000001", true},
		{"trunk 0 of another country", "+44 (0)20 7123 4567", "+442071234567", true},
		{"trunk 0 left in", "+9660500000001", "+966500000001", true},
		{"trunk 0 left in, bare", "9660500000001", "+966500000001", true},
		{"trunk 0 of a country without one", "+974055123456", "+97455123456", true},
		{"two zeros after the code", "+96600500000001", "+96600500000001", false},
		{"two plus", "++966500000001", "++966500000001", false},
		{"plus inside", "966+500000001", "966+500000001", false},
		{"anonymous", "anonymous", "anonymous", false},
		{"masked as on the webhook page", "+96650xxxx", "+96650xxxx", false},
		{"masked", "+9665****0001", "+9665****0001", false},
		{"masked with dots", "+96650...0001", "+96650...0001", false},
		{"SIP URI", "sip:+966500000001@example.com", "+966500000001", true},
		{"SIP URI with parameters", `"Ali" <sips:966500000001;npdi@h:5061;user=phone>;tag=1`, "+966500000001", true},
		{"SIP URI of a person", "sip:ali@example.com", "sip:ali@example.com", false},
		{"SIP URI of a host", "sip:10.1.1.10:5060", "sip:10.1.1.10:5060", false},
		{"national in a SIP URI", "sip:0500000001@h", "sip:0500000001@h", false},
		{"tel URI", "tel:+966-50-000-0001;ext=5", "+966500000001", true},
		{"tel URI with context", "tel:0500000001;phone-context=+966", "+966500000001", true},
		{"percent-encoded", "%2B966500000001", "+966500000001", true},
		{"Arabic-Indic digits", "٩٦٦٥٠٠٠٠٠٠٠١", "+966500000001", true},
		{"Persian digits", "+۹۶۶۵۰۰۰۰۰۰۰۱", "+966500000001", true},
		{"wide digits", "＋９６６５０００００００１", "+966500000001", true},
		{"a number of a spreadsheet", "9.66500000001E+11", "+966500000001", true},
		{"a float", "966500000001.0", "+966500000001", true},
		{"rounded", "9.665E+11", "9.665E+11", false},
		{"an address", "192.168.100.101", "192.168.100.101", false},
		{"only zeros", "0000000000000", "0000000000000", false},
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
		"+123456": false, "+1234567890123456": false, "+0966500000": false, "+9660500000001": false, "+97405512345": false, "966500000001": false,
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
		"55123456":          "•••••",
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
		digits := rapid.StringMatching(`[1-9][0-9]{6,14}`).Filter(func(d string) bool { return phone.Valid("+" + d) }).Draw(t, "digits")
		prefixes := []string{"+", "00", ""}
		if len(digits) < 11 {
			prefixes = prefixes[:2] // bare digits may be national then
		}
		var spelled strings.Builder
		spelled.WriteString(rapid.SampledFrom(prefixes).Draw(t, "prefix"))
		separators := []string{"", "", " ", "-", ") ", "."}
		for i, d := range digits {
			if i >= len(digits)-3 {
				separators = separators[:5] // ".0" and ".00" end a number that a spreadsheet wrote
			}
			spelled.WriteRune(d)
			spelled.WriteString(rapid.SampledFrom(separators).Draw(t, "separator"))
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

func TestHolds(t *testing.T) {
	t.Parallel()
	const riyadh, doha = "+966500000005", "+97455123456"
	for text, want := range map[string]bool{
		"order-966500000005": true, "x-500.000_005": true, "050 000 0005": true, "order-0500000005-a1": true, "o:00000005": true, "٠٥٠٠٠٠٠٠٠٥": true,
		"cust-55123456": true, "cust-5512-3456": true, "cust-+97455123456": true, "cust-٥٥١٢٣٤٥٦": true, "۵۵۱۲۳۴۵۶": true,
		"order-50000000": false, "cust-5512345": false, "cust-55123457": false, "1c9ebf6a-dd62-4c49-b0b3-c1b1494e01f1": false, "": false, "order-7": false,
	} {
		require.Equal(t, want, phone.Holds(text, "", "unknown", riyadh, doha), text)
	}
	require.True(t, phone.Holds("cust-55123456", "sip:+97455123456@h"), "however the number is spelled")
	require.True(t, phone.Holds("cust-1234567", "+1234567"), "a number of seven digits")
	require.False(t, phone.Holds("order-12345", "12345"), "a short code is no number")
	require.False(t, phone.Holds("order-05", "05****05"), "what is masked cannot be held")
}

func TestWithin(t *testing.T) {
	for text, want := range map[string]bool{
		"order-966500000005": true, "x-500.000_005": true, "050 000 0005": true, "order-50000000": false, "": false, "order-7": false,
	} {
		require.Equal(t, want, phone.Within(text, "", "unknown", "+966500000005"), text)
	}
	require.False(t, phone.Within("order-12345", "12345"), "a short code is no number")
}
