package unifonic

import "strings"

// saysNothing reports whether the text of an id, a URL or a phone number stands for none. Senders write so what they do
// not have (JSON's null as text, Java's zero UUID, empty lists of PHP), and a text that many calls share must not make
// them one.
func saysNothing(s string) bool {
	if strings.ContainsAny(s, "123456789") { // which most have: no word for nothing does
		return false
	}
	s = strings.ToLower(strings.Trim(s, " \t\"'`[]{}()<>"))
	switch s {
	case "", "null", "nil", "undefined", "unknown", "none", "n/a", "false", "nan":
		return true
	}
	return strings.Trim(s, "-+.0") == "" // 0 in any length, as the UUID that has no other digit, and dashes alone
}

// said returns the first of the named members that says something, as one clean line: for ids, URLs and phone numbers.
func (o object) said(names ...string) string {
	for _, name := range names {
		if s := clean(textOf(o[name])); !saysNothing(s) {
			return s
		}
	}
	return ""
}
