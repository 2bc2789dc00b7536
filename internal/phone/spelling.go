package phone

import (
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// hiddenRun stands for a run of masked digits in a spelling's digits.
const hiddenRun = '?'

// spelling holds what a text says about a number.
type spelling struct {
	digits        string // ASCII, hiddenRun for each run that is masked
	written       string // digits with the trunk 0 that was written after a country code
	international bool   // a country code comes first: announced by "+", "00" or a phone-context
	from, to      uint64 // bounds of a number that a spreadsheet rounded; digits is ""
}

func (s spelling) masked() bool { return strings.ContainsRune(s.digits, hiddenRun) }

var (
	uriScheme  = regexp.MustCompile(`(?i)^\s*(?:sips?|tel|callto):(?://)?`)
	inContext  = regexp.MustCompile(`(?i);phone-context=(\+[0-9]{1,4})(?:;|$)`)
	extension  = regexp.MustCompile(`(?i)\s*(?:[;,]|ext).*$`)
	floating   = regexp.MustCompile(`^(\+?[0-9]{7,15})\.0{1,2}$`)
	scientific = regexp.MustCompile(`^\+?([1-9])(?:\.([0-9]{1,17}))?[eE]\+?([0-9]{1,2})$`)
	trunkZero  = regexp.MustCompile(`^((?:\+|00)[^()]*[0-9][^()]*)\(0\)`)
	dots       = regexp.MustCompile(`\.{2,}|…`)
)

// read parses a text. ok is false if it spells no number.
func read(text string) (s spelling, ok bool) {
	if plain(text) {
		s = spelling{digits: text[1:], international: true}
		s.written, s.digits = s.digits, dropTrunk(s)
		return s, true
	}
	text, code := address(strings.Map(asciiDigit, text))
	text = strings.TrimSpace(text)
	if m := scientific.FindStringSubmatch(text); m != nil {
		return rounded(m[1], m[2], m[3])
	}
	if m := floating.FindStringSubmatch(text); m != nil {
		text = m[1]
	}
	text = trunkZero.ReplaceAllString(text, "$1")
	if s, ok = scan(dots.ReplaceAllString(text, "*")); !ok {
		return spelling{}, false
	}
	if code != "" && !s.international {
		s.digits, s.international = code+strings.TrimPrefix(s.digits, "0"), true
	}
	s.written, s.digits = s.digits, dropTrunk(s)
	return s, true
}

// plain reports whether a text is a number in our own spelling. Most are, and a call may have hundreds, so this check is
// quick.
func plain(text string) bool {
	if len(text) < 9 || len(text) > 16 || text[0] != '+' || text[1] == '0' {
		return false
	}
	for i := 1; i < len(text); i++ {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return true
}

// address returns the number in a URI, in a name with an address, or in percent-encoded text, without its extension, and
// the digits of the country code that a tel URI names beside it (RFC 3966, phone-context).
func address(text string) (number, code string) {
	if _, inside, found := strings.Cut(text, "<"); found {
		text, _, _ = strings.Cut(inside, ">")
	}
	scheme := uriScheme.FindString(text)
	text = text[len(scheme):]
	if m := inContext.FindStringSubmatch(text); m != nil {
		code = m[1][1:]
	}
	text, _, hasHost := strings.Cut(text, "@")
	if strings.Contains(text, "%") {
		if plain, err := url.PathUnescape(text); err == nil {
			text = strings.Map(asciiDigit, plain)
		}
	}
	text = extension.ReplaceAllString(text, "")
	if hasHost || scheme != "" {
		text, _, _ = strings.Cut(text, ":") // the password of a SIP user, or the port of a host
	}
	if _, err := netip.ParseAddr(text); err == nil {
		return "", ""
	}
	return text, code
}

// scan reads digits, separators and masks, and the "+" or "00" before them.
func scan(text string) (s spelling, ok bool) {
	var b strings.Builder
	shown := 0
	for _, r := range text {
		switch {
		case r >= '0' && r <= '9':
			b.WriteRune(r)
			shown++
		case r == '+' && !s.international && b.Len() == 0:
			s.international = true
		case strings.ContainsRune("*xX#?_•●∙∗", r):
			if !strings.HasSuffix(b.String(), string(hiddenRun)) {
				b.WriteRune(hiddenRun)
			}
		case separator(r):
		default:
			return spelling{}, false
		}
	}
	s.digits = b.String()
	if rest, announced := strings.CutPrefix(s.digits, "00"); announced {
		s.digits, s.international = rest, true
	}
	if s.digits != "" && s.digits[0] == '0' {
		s.international = false // no country code starts with 0, whatever precedes it
	}
	return s, shown > 0 && strings.Trim(s.digits, "0?") != ""
}

// rounded reads a number that a spreadsheet wrote as 9.665E+11. If all digits are there it is exact; else it lies between
// its neighbours in the last digit shown.
func rounded(first, fraction, exponent string) (spelling, bool) {
	n, err := strconv.Atoi(exponent)
	if err != nil || n+1 > maxDigits {
		return spelling{}, false
	}
	if missing := n - len(fraction); missing > 0 {
		shown, _ := strconv.ParseUint(first+fraction, 10, 64)
		unit := uint64(1)
		for range missing {
			unit *= 10
		}
		return spelling{from: (shown - 1) * unit, to: (shown + 1) * unit}, true
	}
	if strings.Trim(fraction[n:], "0") != "" {
		return spelling{}, false
	}
	return spelling{digits: first + fraction[:n]}, true
}

// asciiDigit turns a decimal digit of any script, and the wide plus, into the ASCII one.
func asciiDigit(r rune) rune {
	switch {
	case r < 0x80:
		return r
	case r == '＋':
		return '+'
	case !unicode.Is(unicode.Nd, r):
		return r
	}
	for _, block := range unicode.Nd.R16 { // each block of digits is a multiple of ten long and starts with a zero
		if lo := rune(block.Lo); r >= lo && r <= rune(block.Hi) {
			return '0' + (r-lo)%10
		}
	}
	for _, block := range unicode.Nd.R32 {
		if lo := rune(block.Lo); r >= lo && r <= rune(block.Hi) {
			return '0' + (r-lo)%10
		}
	}
	return r
}

// separator reports whether people or programs put r between the digits of a number. Format characters (Cf) are the
// invisible marks of the writing direction, which come along when a number is pasted from Arabic text.
func separator(r rune) bool {
	return strings.ContainsRune("-.()/", r) || unicode.IsSpace(r) || unicode.In(r, unicode.Cf, unicode.Pd)
}
