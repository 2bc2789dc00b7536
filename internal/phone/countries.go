package phone

import "strings"

// gulfCodes are the calling codes of Saudi Arabia, the United Arab Emirates, Kuwait, Qatar, Bahrain and Oman (ITU-T
// E.164 national numbering plans). In none of them does a number start with 0 after the code: Saudi Arabia and the
// Emirates write a 0 before national numbers, which is not dialled from abroad; the others have numbers of eight
// digits and no 0.
var gulfCodes = []string{"966", "971", "965", "974", "973", "968"}

// countryCode returns the calling code at the start of an international number's digits, if it is a Gulf country's, else
// "".
func countryCode(digits string) string {
	for _, code := range gulfCodes {
		if strings.HasPrefix(digits, code) {
			return code
		}
	}
	return ""
}

// dropTrunk returns the digits without the 0 of the national form that was left in after the country code.
func dropTrunk(s spelling) string {
	code := countryCode(s.digits)
	rest := s.digits[len(code):]
	if code == "" || !strings.HasPrefix(rest, "0") || !s.international && len(s.digits) < fewestBare {
		return s.digits
	}
	return code + rest[1:]
}

// nationals returns the possible national parts of an international number's digits: what follows the country code.
// Outside the Gulf countries the code may have one to three digits.
func nationals(digits string) []string {
	if code := countryCode(digits); code != "" {
		return []string{digits[len(code):]}
	}
	var out []string
	for n := 1; n <= 3 && n < len(digits); n++ {
		out = append(out, digits[n:])
	}
	return out
}
