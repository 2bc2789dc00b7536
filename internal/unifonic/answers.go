package unifonic

import (
	"fmt"
	"net/url"
)

// wrappers are the members in which an answer may be wrapped. Of several answers the shape is undocumented (the
// provider's reference, section 4, items 16 and 17).
var wrappers = []string{"data", "content", "result"}

// decodeObjectBody reads an answer that is one object, wrapped or not.
func decodeObjectBody(body []byte) (object, error) {
	v, err := decode(body)
	if err != nil {
		return nil, err
	}
	o, ok := v.(object)
	if !ok {
		return nil, fmt.Errorf("%w but %s", ErrNotObject, kind(v))
	}
	for _, name := range wrappers {
		if inner, ok := o[name].(object); ok {
			return inner, nil
		}
	}
	return o, nil
}

// objects returns the objects of an answer that is an object, an array of them, or either of these wrapped; listed is
// false when it is none of these.
func objects(v any) (list []object, listed bool) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			if o, ok := item.(object); ok {
				list = append(list, o)
			}
		}
		return list, true
	case object:
		for _, name := range wrappers {
			if inner, ok := objects(v[name]); ok {
				return inner, true
			}
		}
		return []object{v}, true
	default:
		return nil, false
	}
}

// part makes an id one part of a path; ok is false for an id that would name another path.
func part(id string) (escaped string, ok bool) {
	return url.PathEscape(id), id != "" && id != "." && id != ".."
}
