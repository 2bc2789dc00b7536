package unifonic

import (
	"fmt"
	"net/url"
)

// wrappers are the members in which an answer may be wrapped. For several answers the shape is undocumented (the
// provider's reference, section 4, items 16 and 17).
var wrappers = []string{"data", "content", "result"}

// decodeObjectBody reads an answer that is one object, or an object without the member that wraps one.
func decodeObjectBody(body []byte, member string) (object, error) {
	v, err := decode(body)
	if err != nil {
		return nil, err
	}
	o, ok := v.(object)
	if !ok {
		return nil, fmt.Errorf("%w but %s", ErrNotObject, kind(v))
	}
	if _, has := o[member]; !has {
		for _, name := range wrappers {
			if inner, ok := o[name].(object); ok {
				return inner, nil
			}
		}
	}
	return o, nil
}

// objects returns the objects of a value: an array of them, null, one object with the member, or any of these wrapped. ok
// is false for anything else, so that an answer of another kind is never read as "nothing there". With an empty member,
// any object counts.
func objects(v any, member string) (list []object, ok bool) {
	switch v := v.(type) {
	case nil:
		return nil, true
	case []any:
		for _, item := range v {
			o, ok := item.(object)
			if !ok {
				return nil, false
			}
			list = append(list, o)
		}
		return list, true
	case object:
		if _, has := v[member]; has || member == "" {
			return []object{v}, true
		}
		for _, name := range wrappers {
			if inner, wrapped := v[name]; wrapped {
				return objects(inner, member)
			}
		}
	}
	return nil, false
}

// part escapes an id as one part of a path; ok is false for an id that would name another path.
func part(id string) (escaped string, ok bool) {
	return url.PathEscape(id), id != "" && id != "." && id != ".."
}
