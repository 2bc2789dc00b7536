package phone_test

import (
	"bytes"
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/aftercall/aftercall/internal/phone"
)

func TestRedact(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, in, want string }{
		{"E.164", "recipient +966500000005 is invalid", "recipient +9665•••••05 is invalid"},
		{"bare", "recipient 966500000005.", "recipient +9665•••••05."},
		{"separators", "call +966 50-000 0005 now", "call +9665•••••05 now"},
		{"national", "0500000005 unreachable", "••••• unreachable"},
		{"inside a word", "number966500000005x", "number+9665•••••05x"},
		{"two", "966500000005,966500000006", "+9665•••••05,+9665•••••06"},
		{"other script", "الرقم ٠٥٠٠٠٠٠٠٠٥", "الرقم •••••"},
		{"seven digits", "code 1234567", "code •••••"},
		{"six digits stay", "code 123456", "code 123456"},
		{"ISO date stays", "since 2026-11-23 10:43:01", "since 2026-11-23 10:43:01"},
		{"IPv4 stays", "dial tcp 192.168.100.101:8443: refused", "dial tcp 192.168.100.101:8443: refused"},
		{"national with spaces", "call 050 000 0005", "call •••••"},
		{"Gulf number of eight digits", "call 5512-3456.", "call •••••."},
		{"dashes with spaces around", "+966 - 50 - 000 - 0005", "+9665•••••05"},
		{"trunk 0", "+966 (0)50 000 0005", "+9665•••••05"},
		{"Arabic-Indic digits", "إلى +٩٦٦ ٥٠ ٠٠٠ ٠٠٠٥", "إلى +9665•••••05"},
		{"Persian digits", "۰۵۰-۰۰۰-۰۰۰۵", "•••••"},
		{"percent-encoded plus", "to=%2B966500000005&x", "to=+9665•••••05&x"},
		{"percent-encoded spaces", "to=%2B966%2050%20000%200005", "to=+9665•••••05"},
		{"percent-encoded digits", "to=%39%36%36%35%30%30%30%30%30%30%30%35", "to=+9665•••••05"},
		{"percent-encoded Arabic digits", "to=%D9%A0%D9%A5%D9%A0%D9%A0%D9%A0%D9%A0%D9%A0%D9%A0%D9%A0%D9%A5", "to=•••••"},
		{"plus for space", "to=+966+50+000+0005", "to=•••••"},
		{"escaped as in JSON", `"to":"\u0660\u0665\u0660\u0660\u0660\u0660\u0660\u0660\u0660\u0665"`, `"to":"•••••"`},
		{"underscores", "cust_55_12_34_56", "cust_•••••"},
		{"SIP URI", "sip:+966500000005@10.1.1.1", "sip:+9665•••••05@10.1.1.1"},
		{"a UUID stays", "call 1c9ebf6a-dd62-4c49-b0b3-123456789012 unknown", "call 1c9ebf6a-dd62-4c49-b0b3-123456789012 unknown"},
		{"a number in the form of a UUID", "00000000-0000-0000-0000-966500000005", "•••••"},
		{"ISO time stays", "at 2026-11-23T10:43:01.123456+03:00 x", "at 2026-11-23T10:43:01.123456+03:00 x"},
		{"a number after a date", "2026-11-23 0500000005", "2026-11-23 •••••"},
		{"a number after a time", "10:43:01 0500000005", "10:43:01 •••••"},
		{"no IPv4 address", "050.123.456.78", "•••••"},
		{"nothing", "Missing Authentication Token", "Missing Authentication Token"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.want, phone.Redact(tc.in))
		})
	}
}

var sevenDigits = regexp.MustCompile(`\p{Nd}{7}`)

// looksLikeADate matches what stays although it has seven digits or more.
var looksLikeADate = regexp.MustCompile(`(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|20[0-9]{6}`)

func FuzzRedact(f *testing.F) {
	for _, seed := range []string{
		"+966500000005", "a966500000005b", "966 50 000 0005", "2026-11-23 10:43", "1.2.3.4", "\xff966500000005",
		"٠٥٠٠٠٠٠٠٠٥", "1c9ebf6a-dd62-4c49-b0b3-c1b1494e01f1", "12345678901234567890", "00966500000005/6",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		once := looksLikeADate.ReplaceAllString(phone.Redact(text), "")
		require.NotRegexp(t, sevenDigits, once)
		require.NotRegexp(t, sevenDigits, looksLikeADate.ReplaceAllString(phone.Redact(once), ""))
	})
}

// FuzzHandler puts a number between other texts in a log line: no nine digits of it in a row are written.
func FuzzHandler(f *testing.F) {
	f.Add("to ", "966500000005", " refused")
	f.Add("outbound:", "+966500000005", "-a1")
	f.Add("https://example.com/?to=%2B", "966500000005", "&x=1")
	f.Add("1c9ebf6a-dd62-4c49-b0b3-c1b1494e01f1 ", "00966500000005", "\x00")
	f.Fuzz(func(t *testing.T, before, number, after string) {
		digits := strings.Map(keepDigits, number)
		e164 := "+" + digits
		if !phone.Valid(e164) || len(digits) < 9 {
			t.Skip()
		}
		line := before + " " + e164 + " " + after
		var out bytes.Buffer
		log := slog.New(phone.NewHandler(slog.NewJSONHandler(&out, nil)))
		log.Info(line, "to", e164, slog.Group("leg", "from", line), "err", errors.New(line), "any", map[string]string{"n": e164})
		if strings.Contains(before+after, digits[:9]) {
			t.Skip("the surroundings hold it themselves, perhaps in a hex id")
		}
		for i := range len(digits) - 8 {
			window := digits[i : i+9]
			if strings.Contains(before+after, window) {
				continue
			}
			require.NotContains(t, strings.ReplaceAll(out.String(), timeOf(out.String()), ""), window)
		}
	})
}

// timeOf returns the time that the JSON handler wrote, whose digits are no number.
func timeOf(line string) string {
	return strings.SplitN(line, `,"level"`, 2)[0]
}

type leg struct{ From, To string }

type secretive struct{ n string }

func (s secretive) LogValue() slog.Value { return slog.StringValue("number " + s.n) }

func TestHandlerMasksNumbersWhereverTheyAre(t *testing.T) {
	t.Parallel()
	const n = "+966500000005"
	for _, tc := range []struct {
		name string
		log  func(*slog.Logger)
	}{
		{"message", func(l *slog.Logger) { l.Info("calling " + n) }},
		{"string", func(l *slog.Logger) { l.Info("m", "to", n) }},
		{"bare digits", func(l *slog.Logger) { l.Info("m", "to", n[1:]) }},
		{"separators", func(l *slog.Logger) { l.Info("m", "to", "+966 50 000 0005") }},
		{"error", func(l *slog.Logger) { l.Info("m", "err", errors.New("bad "+n)) }},
		{"group", func(l *slog.Logger) { l.Info("m", slog.Group("leg", "to", n)) }},
		{"with", func(l *slog.Logger) { l.With("to", n).Info("m") }},
		{"with group", func(l *slog.Logger) { l.WithGroup("g").With("to", n).Info("m") }},
		{"struct", func(l *slog.Logger) { l.Info("m", "leg", leg{To: n}) }},
		{"pointer", func(l *slog.Logger) { l.Info("m", "leg", &leg{To: n}) }},
		{"list", func(l *slog.Logger) { l.Info("m", "to", []string{n}) }},
		{"log valuer", func(l *slog.Logger) { l.Info("m", "v", secretive{n}) }},
		{"in an attempt's id", func(l *slog.Logger) { l.Info("m", "id", "abc-966500000005-a1") }},
		{"percent encoded", func(l *slog.Logger) { l.Info("m", "url", "https://example.com/?to=%2B966500000005") }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for _, format := range []func(*bytes.Buffer) slog.Handler{
				func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
				func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
			} {
				var out bytes.Buffer
				tc.log(slog.New(phone.NewHandler(format(&out))))
				require.NotContains(t, out.String(), "966500000005")
				require.NotContains(t, out.String(), "50 000")
				require.Contains(t, out.String(), "+9665•••••05")
			}
		})
	}
}

func TestHandlerMasksEverySpelling(t *testing.T) {
	t.Parallel()
	for _, number := range []string{
		"55123456", "5512 3456", "5512-3456", "050 000 0005", "055-123-4567", "055.123.4567", "+966 (0)50 000 0005", "00966 50 000 0005", "+974.5512.3456",
		"٥٥١٢٣٤٥٦", "+٩٦٦ ٥٠ ٠٠٠ ٠٠٠٥", "۰۵۰۰۰۰۰۰۰۵", "%2B966%2050%20000%200005", "%39%36%36%35%30%30%30%30%30%30%30%35",
		"0123456789abcd966500000005ef", "00000000-0000-0000-0000-966500000005",
	} {
		var out bytes.Buffer
		slog.New(phone.NewHandler(slog.NewJSONHandler(&out, nil))).Info("m", "to", "x "+number+" y")
		require.Contains(t, out.String(), "•••••", number)
		require.NotContains(t, out.String(), number)
	}
}

func TestHandlerKeepsIDsAndOtherValues(t *testing.T) {
	t.Parallel()
	for _, id := range []string{
		"1c9ebf6a-dd62-4c49-b0b3-123456789012",
		"call:1c9ebf6a-dd62-4c49-b0b3-123456789012",
		"12345678-1234-1234-1234-123456789012",
		"sha256-" + strings.Repeat("1234567890a", 5) + "bcdef0123",
		"v1-" + strings.Repeat("1234567890a", 5) + "bcdef0123",
		"20261123", "order-1234567", "2026-11-23T10:43:01.123456789Z", "10.20.30.140:7233", "took 12.345678ms", "2.1.0", "1024 of 2048 bytes",
	} {
		var out bytes.Buffer
		slog.New(phone.NewHandler(slog.NewJSONHandler(&out, nil))).Info("m", "id", id)
		require.Contains(t, out.String(), id)
	}
	var out bytes.Buffer
	at := time.Date(2026, 11, 23, 10, 43, 1, 123456789, time.UTC)
	slog.New(phone.NewHandler(slog.NewJSONHandler(&out, nil))).
		Info("m", "at", at, "took", time.Second, "bytes", 1234567890, "leg", struct{ A int }{1})
	require.Contains(t, out.String(), `"at":"2026-11-23T10:43:01.123456789Z","took":1000000000,"bytes":1234567890,"leg":{"A":1}`)
}

func TestHandlerRespectsTheLevel(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	slog.New(phone.NewHandler(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelWarn}))).Info("m")
	require.Empty(t, out.String())
}

func TestRedactLeavesNoNumberBetweenAnyWords(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		digits := rapid.StringMatching(`[1-9][0-9]{8,14}`).Draw(t, "digits")
		text := rapid.String().Draw(t, "before") + "+" + digits + rapid.String().Draw(t, "after")
		require.NotContains(t, phone.Redact(text), digits)
		require.NotRegexp(t, sevenDigits, phone.Redact(text))
	})
}
