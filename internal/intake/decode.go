package intake

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const maxDepth = 32

// decoder reads JSON into a struct. It notes every unknown, repeated and wrongly typed field instead of stopping at the
// first. Names match exactly: encoding/json would take "TO" for "to".
type decoder struct {
	errs    *Errors
	present map[string]bool // paths in the body with a value other than null
}

// decode fills v, a pointer to a struct, with the valid fields and notes the others. An empty body is an empty object.
func decode(body []byte, v any, errs *Errors) decoder {
	d := decoder{errs: errs, present: map[string]bool{}}
	body = bytes.TrimSpace(body)
	switch {
	case len(body) == 0:
	case !json.Valid(body):
		errs.add("", "the body must be one JSON object")
	case depth(body) > maxDepth:
		errs.add("", fmt.Sprintf("the body must not be nested deeper than %d", maxDepth))
	default:
		d.value(body, reflect.ValueOf(v).Elem(), "")
	}
	return d
}

func (d decoder) value(raw json.RawMessage, v reflect.Value, path string) {
	if string(raw) == "null" && path != "" {
		return
	}
	d.present[path] = true
	switch target := v.Addr().Interface().(type) {
	case *json.RawMessage:
		*target = bytes.Clone(raw)
		return
	case *time.Time:
		d.scalar(raw, v, path, `must be an RFC 3339 time like "2026-01-31T09:00:00Z"`)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		elem := reflect.New(v.Type().Elem())
		d.value(raw, elem.Elem(), path)
		v.Set(elem)
	case reflect.Struct:
		d.object(raw, v, path)
	case reflect.Slice:
		d.list(raw, v, path)
	case reflect.Map:
		d.members(raw, v, path)
	case reflect.Bool:
		d.scalar(raw, v, path, "must be true or false")
	case reflect.Int:
		d.scalar(raw, v, path, "must be a whole number")
	default:
		d.scalar(raw, v, path, "must be a string")
	}
}

func (d decoder) scalar(raw json.RawMessage, v reflect.Value, path, message string) {
	if err := json.Unmarshal(raw, v.Addr().Interface()); err != nil {
		d.errs.add(path, message)
		return
	}
	if v.Kind() == reflect.String && strings.ContainsRune(v.String(), utf8.RuneError) {
		d.errs.add(path, "holds a character that is no Unicode, or the one that stands for such a one")
	}
}

func (d decoder) list(raw json.RawMessage, v reflect.Value, path string) {
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil {
		d.errs.add(path, "must be a list")
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(items), len(items)))
	for i, item := range items {
		at := path + "[" + strconv.Itoa(i) + "]"
		if string(item) == "null" {
			d.errs.add(at, "must not be null")
			continue
		}
		d.value(item, v.Index(i), at)
	}
}

func (d decoder) object(raw json.RawMessage, v reflect.Value, path string) {
	fields := fieldsByName(v.Type())
	d.each(raw, path, func(name string, member json.RawMessage, again bool) {
		at := strings.TrimPrefix(path+"."+name, ".")
		switch index, known := fields[name]; {
		case !known:
			d.errs.add(clip(at), "is not a field of this request; check its spelling, or omit it")
		case again:
			d.errs.add(at, "must be given once")
		default:
			d.value(member, v.Field(index), at)
		}
	})
}

// members reads an object with names of the sender's choice into a map of strings.
func (d decoder) members(raw json.RawMessage, v reflect.Value, path string) {
	v.Set(reflect.MakeMap(v.Type()))
	d.each(raw, path, func(name string, member json.RawMessage, again bool) {
		if at := clip(path + "." + name); again {
			d.errs.add(at, "must be given once")
		} else {
			value := reflect.New(v.Type().Elem()).Elem()
			d.scalar(member, value, at, "must be a string")
			v.SetMapIndex(reflect.ValueOf(name).Convert(v.Type().Key()), value)
		}
	})
}

// each calls do for the members of an object, in their order; again says that one of this name came before.
func (d decoder) each(raw json.RawMessage, path string, do func(name string, member json.RawMessage, again bool)) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if start, err := dec.Token(); err != nil || start != json.Delim('{') {
		d.errs.add(path, "must be a JSON object")
		return
	}
	seen := map[string]bool{}
	for dec.More() {
		var member json.RawMessage
		token, err := dec.Token()
		if err == nil {
			err = dec.Decode(&member)
		}
		if err != nil {
			d.errs.add(path, "must be a JSON object")
			return
		}
		name, _ := token.(string)
		do(name, member, seen[name])
		seen[name] = true
	}
}

func fieldsByName(t reflect.Type) map[string]int {
	fields := make(map[string]int, t.NumField())
	for i := range t.NumField() {
		fields[jsonName(t.Field(i))] = i
	}
	return fields
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// clip shortens a field's name, so that the answer stays short.
func clip(s string) string {
	if r := []rune(s); len(r) > 64 {
		return string(r[:64]) + "…"
	}
	return s
}

// depth returns how deep valid JSON is nested.
func depth(body []byte) int {
	deepest, level, quoted := 0, 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			level++
			deepest = max(deepest, level)
		case c == '}' || c == ']':
			level--
		}
	}
	return deepest
}
