package wording_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/aftercall/aftercall/internal/wording"
)

func TestCode(t *testing.T) {
	for in, want := range map[string]string{
		"":                                     "",
		" \n\t ":                               "",
		"carrier busy":                         "`carrier busy`",
		"a\r\nb\u2028c":                        "`a b c`",
		"HELD | [x](https://evil.example)":     "`HELD ¦ [x](https://evil.example)`",
		"![x](https://evil.example/p.png)":     "`![x](https://evil.example/p.png)`",
		"`; <img src=x onerror=y>":             "`ˋ; <img src=x onerror=y>`",
		"\u202egnp.exe":                        "`gnp.exe`",
		"لا يوجد رد":                           "`لا يوجد رد`",
		"bad\xffbytes and a bell \x07 inside":  "`badbytes and a bell inside`",
		strings.Repeat("long ", 100) + "tail!": "`" + strings.Repeat("long ", 59) + "lo…`",
	} {
		require.Equal(t, want, wording.Code(in), "%q", in)
	}
}

// TestCodeIsOneSpan holds that nothing of a text gets out of its code span, its cell or its line.
func TestCodeIsOneSpan(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringOf(rapid.SampledFrom([]rune("`|\\\n<>[]()!*_ a")))).Draw(rt, "text")
		got := wording.Code(text)
		if got == "" {
			return
		}
		require.Equal(rt, 2, strings.Count(got, "`"))
		require.NotContains(rt, got, "|")
		require.NotContains(rt, got, "\n")
		require.LessOrEqual(rt, len(got), 302)
		require.True(rt, utf8.ValidString(got))
	})
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		24 * time.Hour: "24h", 5 * time.Minute: "5m", 90 * time.Second: "1m30s", time.Hour + time.Second: "1h0m1s",
		1500 * time.Millisecond: "1.5s", 0: "0s", 30 * time.Second: "30s", 100 * time.Minute: "1h40m", 10 * time.Minute: "10m",
	} {
		require.Equal(t, want, wording.Duration(d))
	}
}
