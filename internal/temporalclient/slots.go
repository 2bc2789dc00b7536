package temporalclient

import (
	"fmt"
	"slices"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
)

// columns are how many search attributes of a type a namespace may have where Temporal keeps visibility in SQL, of the
// types that we use.
var columns = map[enumspb.IndexedValueType]int{
	enumspb.INDEXED_VALUE_TYPE_INT: 3, enumspb.INDEXED_VALUE_TYPE_KEYWORD: 10, enumspb.INDEXED_VALUE_TYPE_KEYWORD_LIST: 3,
}

// Slots are the names of the search attributes that take up a namespace's columns, by their type. They are nil where
// visibility is not kept in SQL, and where the namespace has no search attribute yet.
type Slots map[enumspb.IndexedValueType][]string

// slotsOf reads them from the columns' aliases, as "KeywordList02".
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

// String counts the slots, as "Int 1 of 3, Keyword 6 of 10, KeywordList 2 of 3"; "" where there are none to count.
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

// lacking says of which types more are missing than there are free slots, and who has taken these.
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
