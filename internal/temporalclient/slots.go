package temporalclient

import (
	"fmt"
	"slices"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
)

// columns holds, for the types that we use, how many search attributes of a type a namespace may have if Temporal keeps
// visibility in SQL.
var columns = map[enumspb.IndexedValueType]int{
	enumspb.INDEXED_VALUE_TYPE_INT: 3, enumspb.INDEXED_VALUE_TYPE_KEYWORD: 10, enumspb.INDEXED_VALUE_TYPE_KEYWORD_LIST: 3,
}

// Slots holds the names of the search attributes in a namespace's columns, by type. It is nil if visibility is not kept in
// SQL, and if the namespace has no search attribute yet.
type Slots map[enumspb.IndexedValueType][]string

// slotsOf reads the slots from the columns' aliases, as "KeywordList02".
func slotsOf(aliases map[string]string) Slots {
	if len(aliases) == 0 {
		return nil
	}
	s := Slots{}
	for column, name := range aliases {
		kind, err := enumspb.IndexedValueTypeFromString(strings.TrimRight(column, "0123456789"))
		if err == nil {
			s[kind] = append(s[kind], name)
		}
	}
	return s
}

// String counts the slots, as "Int 1 of 3, Keyword 6 of 10, KeywordList 2 of 3". It returns "" for nil.
func (s Slots) String() string {
	var out []string
	for kind, most := range columns {
		if s != nil {
			out = append(out, fmt.Sprintf("%s %d of %d", kind, len(s[kind]), most))
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// lacking names the types with more missing attributes than free slots, and the attributes that use the slots.
func (s Slots) lacking(missing map[string]enumspb.IndexedValueType) string {
	wanted := map[enumspb.IndexedValueType]int{}
	for _, kind := range missing {
		wanted[kind]++
	}
	var out []string
	for kind, n := range wanted {
		if taken := slices.Sorted(slices.Values(s[kind])); s != nil && columns[kind] > 0 && len(taken)+n > columns[kind] {
			out = append(out, fmt.Sprintf("%d more of type %s do not fit: %d of %d slots are taken, by %s",
				n, kind, len(taken), columns[kind], strings.Join(taken, ", ")))
		}
	}
	slices.Sort(out)
	return strings.Join(out, "; ")
}
