package unifonic

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// maxDepth is how deep objects and arrays may nest, including the outermost one.
const maxDepth = 32

var errTooDeep = fmt.Errorf("nested deeper than %d levels", maxDepth)

// object is a JSON object. Its members are found by their exact names; of duplicate members the first counts. A value is
// nil, bool, json.Number, string, []any or object.
type object map[string]any

// decode reads one JSON value that fills the whole text, in any encoding that toUTF8 can read.
func decode(text []byte) (any, error) {
	text = toUTF8(text)
	if !json.Valid(text) {
		err := json.Unmarshal(text, new(json.RawMessage))
		return nil, fmt.Errorf("invalid JSON: %w", syntaxReason(err))
	}
	d := decoder{rest: string(text)}
	v := d.value(0)
	return v, d.err
}

// syntaxReason adds the position of the fault to encoding/json's error.
func syntaxReason(err error) error {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("%w (at byte %d)", err, syntax.Offset)
	}
	return err
}

// decoder reads text that is known to be JSON, at a fifth of the cost of encoding/json's tokens. A string without escapes
// shares the memory of the text.
type decoder struct {
	rest string
	err  error
}

func (d *decoder) value(depth int) any {
	switch d.next() {
	case '{', '[':
		if depth >= maxDepth {
			d.rest, d.err = "", errTooDeep
			return nil
		}
		if d.rest[0] == '[' {
			return d.array(depth + 1)
		}
		return d.object(depth + 1)
	case '"':
		return d.str()
	case 't':
		return d.literal("true", true)
	case 'f':
		return d.literal("false", false)
	case 'n':
		return d.literal("null", nil)
	default:
		return d.number()
	}
}

// next returns the next byte that is not white space; 0 at the end.
func (d *decoder) next() byte {
	for i := range len(d.rest) {
		switch c := d.rest[i]; c {
		case ' ', '\t', '\r', '\n':
		default:
			d.rest = d.rest[i:]
			return c
		}
	}
	d.rest = ""
	return 0
}

// more skips a bracket or comma, and reports whether another item follows.
func (d *decoder) more(end byte) bool {
	if d.next() == 0 { // after an error
		return false
	}
	last := d.rest[0] == end
	d.rest = d.rest[1:]
	if !last && d.next() == end { // an empty list, after its opening bracket
		d.rest = d.rest[1:]
		return false
	}
	return !last
}

func (d *decoder) array(depth int) any {
	list := []any{}
	for d.more(']') {
		list = append(list, d.value(depth))
	}
	return list
}

func (d *decoder) object(depth int) any {
	o := make(object, members)
	for d.more('}') {
		d.next()
		name := d.str()
		d.next()
		d.rest = d.rest[1:] // the colon
		v := d.value(depth)
		if _, dup := o[name]; !dup {
			o[name] = v
		}
	}
	return o
}

// members is the number of members in the provider's notifications, and a few more.
const members = 24

func (d *decoder) str() string {
	end := 1
	escaped := false
	for d.rest[end] != '"' {
		if d.rest[end] == '\\' {
			escaped = true
			end++
		}
		end++
	}
	quoted := d.rest[:end+1]
	d.rest = d.rest[end+1:]
	if !escaped {
		return quoted[1:end]
	}
	var s string
	if err := json.Unmarshal([]byte(quoted), &s); err != nil {
		d.err = fmt.Errorf("invalid JSON: %w", err)
	}
	return s
}

func (d *decoder) literal(word string, v any) any {
	d.rest = d.rest[len(word):]
	return v
}

func (d *decoder) number() any {
	end := 0
	for end < len(d.rest) && inNumber(d.rest[end]) {
		end++
	}
	n := d.rest[:end]
	d.rest = d.rest[end:]
	return json.Number(n)
}

func inNumber(c byte) bool {
	return c >= '0' && c <= '9' || c == '.' || c == '-' || c == '+' || c == 'e' || c == 'E'
}

// text returns the first of the named members that is not empty, as one clean line. The provider does not distinguish "",
// null and absent (the provider's reference, section 4, item 8).
func (o object) text(names ...string) string {
	for _, name := range names {
		if s := clean(textOf(o[name])); s != "" {
			return s
		}
	}
	return ""
}

// textOf returns a value as text: a string as it is, a number or bool as written, an object or array as compact JSON.
func textOf(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	default:
		return string(appendCanonical(nil, v))
	}
}

// appendCanonical writes a value as JSON that depends only on the value: no white space, members sorted by the bytes of
// their names, strings escaped only if necessary, numbers as they were written. Event keys depend on these bytes, so they
// may never change, and no library writes them.
func appendCanonical(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, v)
	case json.Number:
		return append(b, v...)
	case string:
		return appendString(b, v)
	case []any:
		b = append(b, '[')
		for i, item := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendCanonical(b, item)
		}
		return append(b, ']')
	default:
		return appendObject(b, v.(object))
	}
}

func appendObject(b []byte, o object) []byte {
	names := make([]string, 0, len(o))
	for name := range o {
		names = append(names, name)
	}
	slices.Sort(names)
	b = append(b, '{')
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, name), ':')
		b = appendCanonical(b, o[name])
	}
	return append(b, '}')
}

func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	from := 0
	for i, c := range []byte(s) {
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[from:i]...)
		if from = i + 1; c < 0x20 {
			b = fmt.Appendf(b, `\u%04x`, c)
		} else {
			b = append(b, '\\', c)
		}
	}
	b = append(b, s[from:]...)
	return append(b, '"')
}
