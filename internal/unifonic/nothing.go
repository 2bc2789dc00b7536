package unifonic

import "strings"

// saysNothing reports whether the text of an id, a URL or a phone number stands for no value. Senders write such texts for
// what they lack (JSON's null as text, Java's zero UUID, empty lists of PHP), and a text that many calls share must not
// make them one.
func saysNothing(s string) bool {
	if strings.ContainsAny(s, "123456789") { // most values have one of these digits, no word for nothing has
		return false
	}
	s = strings.ToLower(strings.Trim(s, " \t\"'`[]{}()<>"))
	switch s {
	case "", "null", "nil", "undefined", "unknown", "none", "n/a", "false", "nan":
		return true
	}
	return strings.Trim(s, "-+.0") == "" // zeros of any length, such as the zero UUID, and dashes alone
}

// said returns the first of the named members that has a value, as one clean line: for ids, URLs and phone numbers.
func (o object) said(names ...string) string {
	for _, name := range names {
		if s := clean(textOf(o[name])); !saysNothing(s) {
			return s
		}
	}
	return ""
}
