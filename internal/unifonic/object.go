package unifonic

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// maxDepth is how deep objects and arrays may nest; the outermost one counts.
const maxDepth = 32

var errTooDeep = fmt.Errorf("nested deeper than %d levels", maxDepth)

// object is a JSON object whose members are found by their exact name. Of duplicate members the first counts. A value
// is nil, bool, json.Number, string, []any or object.
type object map[string]any

// decode reads one JSON value that fills the whole text, in whatever encoding toUTF8 can read.
func decode(text []byte) (any, error) {
	text = toUTF8(text)
	if err := json.Unmarshal(text, new(json.RawMessage)); err != nil {
		return nil, fmt.Errorf("invalid JSON: %w", syntaxReason(err))
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return decodeValue(d, 0)
}

// syntaxReason adds where the text breaks to what encoding/json says of it.
func syntaxReason(err error) error {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("%w (at byte %d)", err, syntax.Offset)
	}
	return err
}

func decodeValue(d *json.Decoder, depth int) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, fmt.Errorf("invalid JSON: %w", err)
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return token, nil
	}
	if depth >= maxDepth {
		return nil, errTooDeep
	}
	if delim == '[' {
		return decodeArray(d, depth+1)
	}
	return decodeObject(d, depth+1)
}

func decodeArray(d *json.Decoder, depth int) (any, error) {
	list := []any{}
	for d.More() {
		v, err := decodeValue(d, depth)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, closing(d)
}

func decodeObject(d *json.Decoder, depth int) (any, error) {
	o := object{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("invalid JSON: %w", err)
		}
		v, err := decodeValue(d, depth)
		if err != nil {
			return nil, err
		}
		if _, dup := o[name.(string)]; !dup {
			o[name.(string)] = v
		}
	}
	return o, closing(d)
}

func closing(d *json.Decoder) error {
	if _, err := d.Token(); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("invalid JSON: %w", err)
	}
	return nil
}

// text returns the first of the named members that is not empty, as one clean line. The provider does not tell "",
// null and absent apart (the provider's reference, section 4, item 8).
func (o object) text(names ...string) string {
	for _, name := range names {
		if s := clean(textOf(o[name])); s != "" {
			return s
		}
	}
	return ""
}

// textOf is a value as text: a string as it is, a number or bool as written, an object or array as compact JSON.
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

// appendCanonical writes a value as JSON that depends only on what it says: no white space, members sorted by the
// bytes of their names, strings escaped only where they must be, numbers as they were written. Event keys rest on
// these bytes, so they may never change, and no library writes them.
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
	for _, c := range []byte(s) {
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < 0x20:
			b = fmt.Appendf(b, `\u%04x`, c)
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
