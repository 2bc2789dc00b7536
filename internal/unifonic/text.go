package unifonic

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// toUTF8 makes text readable that encoding/json would damage, so that no notification is lost and two different ids
// stay two. It drops a byte order mark, reads bytes that are not UTF-8 as Latin-1, and escapes control characters inside
// strings, as JSON requires. The escape of half a surrogate pair, which stands for no character, stays in the text as
// written.
func toUTF8(text []byte) []byte {
	text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	if !utf8.Valid(text) {
		text = fromLatin1(text)
	}
	if slices.ContainsFunc(text, isControl) {
		text = escapeControls(text)
	}
	if bytes.Contains(text, []byte(`\u`)) {
		text = keepHalves(text)
	}
	return text
}

func isControl(c byte) bool { return c < ' ' }

// escapeControls escapes control characters inside strings. Elsewhere they are white space, or faults.
func escapeControls(text []byte) []byte {
	out := make([]byte, 0, len(text)+16)
	quoted, escaped := false, false
	for _, c := range text {
		switch {
		case quoted && !escaped && isControl(c):
			out = fmt.Appendf(out, `\u%04x`, c)
			continue
		case c == '"' && !escaped:
			quoted = !quoted
		}
		escaped = quoted && !escaped && c == '\\'
		out = append(out, c)
	}
	return out
}

func fromLatin1(text []byte) []byte {
	out := make([]byte, 0, len(text)+16)
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if r == utf8.RuneError && size == 1 {
			r = rune(text[0])
		}
		out = utf8.AppendRune(out, r)
		text = text[size:]
	}
	return out
}

const escapeLen = len(`\ud800`)

// keepHalves escapes the backslash of each half surrogate pair.
func keepHalves(text []byte) []byte {
	out := make([]byte, 0, len(text)+16)
	for len(text) > 0 {
		size := 1
		switch r, ok := escaped(text); {
		case ok && utf16.IsSurrogate(r):
			low, _ := escaped(text[escapeLen:])
			if size = escapeLen; utf16.DecodeRune(r, low) != utf8.RuneError {
				size *= 2
			} else {
				out = append(out, '\\')
			}
		case text[0] == '\\':
			size = min(2, len(text))
		}
		out = append(out, text[:size]...)
		text = text[size:]
	}
	return out
}

// escaped reads the \u escape at the start of text.
func escaped(text []byte) (rune, bool) {
	if len(text) < escapeLen || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(text[2:escapeLen]), 16, 16)
	return rune(n), err == nil
}

// unusual reports whether a byte may belong to a control character or a space, and needs a closer look.
func unusual(c byte) bool { return c < ' ' || c > '~' }

// clean trims space and drops control characters: databases refuse a NUL, and a line break forges log lines.
func clean(s string) string {
	if !slices.ContainsFunc([]byte(s), unusual) {
		return strings.Trim(s, " ")
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case !unicode.IsControl(r):
			return r
		case unicode.IsSpace(r):
			return ' '
		default:
			return -1
		}
	}, s))
}
