package phone_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/aftercall/aftercall/internal/phone"
)

func TestCompare(t *testing.T) {
	t.Parallel()
	const (
		riyadh, dubai, kuwait = "+966500000001", "+971501234567", "+96550001234"
		doha, manama, muscat  = "+97433001234", "+97336001234", "+96892001234"
	)
	for want, pairs := range map[phone.Match][][2]string{
		phone.Same: {
			{riyadh, riyadh}, {riyadh, "966500000001"}, {riyadh, "00966500000001"}, {riyadh, "+00966500000001"},
			{riyadh, "0500000001"}, {riyadh, "500000001"}, {riyadh, "050 000 0001"}, {riyadh, "(050) 000-0001"}, {riyadh, "+500000001"},
			{riyadh, "+966 (0)50 000 0001"}, {riyadh, "+9660500000001"}, {riyadh, "009660500000001"}, {riyadh, "9660500000001"},
			{riyadh, "+٩٦٦٥٠٠٠٠٠٠٠١"}, {riyadh, "٠٥٠٠٠٠٠٠٠١"}, {riyadh, "۰۵۰۰۰۰۰۰۰۱"}, {riyadh, "＋９６６５０００００００１"},
			{riyadh, "sip:+966500000001@10.1.1.1"}, {riyadh, "sip:0500000001@pbx.example.com;user=phone"}, {riyadh, "sips:966500000001@h:5061"},
			{riyadh, `"Ali" <sip:+966500000001@h>;tag=1`}, {riyadh, "sip:+966500000001;npdi@h"}, {riyadh, "sip:%2B966500000001@h"},
			{riyadh, "tel:+966500000001"}, {riyadh, "tel:+966-50-000-0001;ext=12"}, {riyadh, "tel:0500000001;phone-context=+966"}, {riyadh, "TEL:0500000001"},
			{riyadh, "+966500000001@h"}, {riyadh, "966500000001.0"}, {riyadh, "9.66500000001E+11"}, {riyadh, "9.66500000001e11"},
			{dubai, "0501234567"}, {dubai, "501234567"}, {dubai, "+971 (0) 50 123 4567"}, {"+97142345678", "042345678"}, {"+97142345678", "42345678"},
			{kuwait, "50001234"}, {kuwait, "5000-1234"}, {doha, "3300 1234"}, {doha, "+97433001234"}, {manama, "36001234"}, {muscat, "92001234"},
			{muscat, "092001234"}, {doha, "+33001234"}, {"+966115219000", "0115219000"}, {"+442071234567", "02071234567"}, {"+14155550100", "4155550100"},
			{"0500000001", "500000001"}, {"0115219000", "٠١١٥٢١٩٠٠٠"}, {"50001234", "5000 1234"}, {"920000", "920000"},
		},
		phone.Different: {
			{riyadh, "+966500000002"}, {riyadh, "+966500000010"}, {riyadh, "0500000002"}, {riyadh, "500000002"}, {riyadh, "sip:+966500000002@10.1.1.1"},
			{riyadh, "+971500000001"}, {riyadh, "+96550000001"}, {riyadh, "+٩٦٦٥٠٠٠٠٠٠٠٢"}, {riyadh, "05****0002"}, {riyadh, "+9665****0002"},
			{riyadh, "+9715****0001"}, {riyadh, "9.71E+11"}, {riyadh, "9.66500000002E+11"}, {kuwait, "50001235"}, {doha, "33001235"},
			{kuwait, "+97450001234"}, {"+14155550100", "+4155550100"}, {"0500000001", "0500000002"}, {"920000", "920001"}, {riyadh, "0115219000"},
		},
		phone.CannotTell: {
			{"", ""}, {riyadh, ""}, {riyadh, "anonymous"}, {"anonymous", "anonymous"}, {riyadh, "null"}, {riyadh, "Restricted"}, {riyadh, "-"},
			{riyadh, "+9665****0001"}, {riyadh, "+96650xxxx"}, {riyadh, "+96650XXXX001"}, {riyadh, "05****0001"}, {riyadh, "0XXXXX00001"},
			{riyadh, "****0001"}, {riyadh, "+9665•••••01"}, {riyadh, "+9665...0001"}, {riyadh, "9665****0001"}, {"0500000001", "+9665****0001"},
			{riyadh, "9.66E+11"}, {riyadh, "9.665E+11"}, {riyadh, "9.67E+11"}, {"0500000001", "5.0E+8"}, {"+9665****0001", "+9665****0001"},
			{riyadh, "1001"}, {"+966115219000", "5219000"}, {riyadh, "sip:alice@example.com"}, {riyadh, "sip:10.1.1.1"}, {riyadh, "192.168.100.101"},
			{riyadh, "0"}, {riyadh, "00"}, {riyadh, "+"}, {riyadh, "xxxx"}, {riyadh, "[]"}, {riyadh, "966500000001abc"},
		},
	} {
		for _, p := range pairs {
			require.Equal(t, want, phone.Compare(p[0], p[1]), "%s and %s", p[0], p[1])
			require.Equal(t, want, phone.Compare(p[1], p[0]), "%s and %s", p[1], p[0])
		}
	}
}

// gulf draws the parts of a Gulf number: calling code, national part, the 0 that may be written before it.
func gulf(t *rapid.T) (code, national, trunk string) {
	code = rapid.SampledFrom([]string{"966", "971", "965", "974", "973", "968"}).Draw(t, "code")
	length := `{7}`
	if code == "966" || code == "971" {
		length, trunk = `{8}`, "0"
	}
	return code, rapid.StringMatching(`[1-9][0-9]`+length).Draw(t, "national"), trunk
}

// spell writes a number in one of the forms that show all its digits.
func spell(t *rapid.T, code, national, trunk string) string {
	number := rapid.SampledFrom([]string{
		"+" + code + national, "00" + code + national, code + national, trunk + national, national, "+" + code + "(0)" + national,
		"+" + code + "0" + national,
	}).Draw(t, "form")
	var b strings.Builder
	zero := rapid.SampledFrom([]rune{'0', '٠', '۰'}).Draw(t, "script")
	for _, r := range number {
		if r >= '0' && r <= '9' {
			b.WriteRune(zero + r - '0')
			b.WriteString(rapid.SampledFrom([]string{"", "", "", " ", "-", "\u200e"}).Draw(t, "separator"))
			continue
		}
		b.WriteRune(r)
	}
	return strings.Replace(rapid.SampledFrom([]string{"%", "tel:%", "sip:%@10.0.0.1", "<sip:%@h>;tag=x"}).Draw(t, "uri"), "%", b.String(), 1)
}

func TestEverySpellingOfANumberIsTheSame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		code, national, trunk := gulf(t)
		a, b := spell(t, code, national, trunk), spell(t, code, national, trunk)
		require.Equal(t, phone.Same, phone.Compare(a, b), "%s and %s", a, b)
		last := national[len(national)-1]
		other := national[:len(national)-1] + string('0'+(last-'0'+1)%10)
		c := spell(t, code, other, trunk)
		require.Equal(t, phone.Different, phone.Compare(a, c), "%s and %s", a, c)
	})
}

func FuzzCompare(f *testing.F) {
	for _, seed := range []string{"+966500000001", "0500000001", "sip:+966500000001@h", "9.66E+11", "+9665****0001", "", "00", "tel:;phone-context=+9", "٩٦٦%", "0?", "<>"} {
		f.Add(seed, "+966500000001")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		require.Equal(t, phone.Compare(a, b), phone.Compare(b, a))
		require.NotEqual(t, phone.Different, phone.Compare(a, a))
		if e164, ok := phone.Normalize(a); ok {
			require.Equal(t, phone.Same, phone.Compare(a, e164))
		}
	})
}

func BenchmarkCompare(b *testing.B) {
	for name, other := range map[string]string{"E.164": "+966500000002", "national": "0500000001", "sip": "sip:+966500000001@10.1.1.1"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				phone.Compare("+966500000001", other)
			}
		})
	}
}

// A number in our own spelling is read quickly, with the same result as any other spelling.
func TestPlainNumbersAreReadAsOthers(t *testing.T) {
	number := rapid.StringMatching(`\+[1-9][0-9]{7,14}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := number.Draw(t, "a"), number.Draw(t, "b")
		if rapid.Bool().Draw(t, "alike") {
			b = a[:4] + "0" + a[4:]
		}
		require.Equal(t, phone.Compare(" "+a, " "+b), phone.Compare(a, b))
		require.Equal(t, phone.Same, phone.Compare(a, " "+a))
		require.True(t, phone.NewSet(a).In("x"+a+"y"))
	})
}

// A UUID is made of digits, and may end in eight of a number's by chance.
func TestAnOpaqueIDTellsANumberByNineDigits(t *testing.T) {
	numbers := phone.NewSet("+966500000001", "+97455512345")
	for text, told := range map[string]bool{
		"c0a80101-0000-4000-8000-000000000001": false,
		"c0a80101-0000-4000-8000-966500000001": true,
		"c0a80101-0000-4000-8000-a455512345ab": true,
		"c0a80101-0000-4000-8000-aaa55512345a": false,
		"order-00000001":                       true,
		"abcdef0000000001":                     false,
		"abcdef0966500000001":                  true,
	} {
		require.Equal(t, told, numbers.In(text), text)
	}
}
