package unifonic_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/aftercall/aftercall/internal/unifonic"
)

// value draws any JSON value as text; depth limits how far it nests.
func value(depth int) *rapid.Generator[string] {
	leaves := []*rapid.Generator[string]{
		rapid.SampledFrom([]string{"null", "true", "false", "0", "-1", "1.50", "1e9", "1638192473.287809", `""`, `"COMPLETED"`}),
		rapid.Map(rapid.String(), quote),
		rapid.Map(rapid.Float64Range(-1e15, 1e15), func(f float64) string { return fmt.Sprintf("%g", f) }),
	}
	if depth > 0 {
		leaves = append(leaves,
			rapid.Map(rapid.SliceOfN(value(depth-1), 0, 3), func(v []string) string { return "[" + strings.Join(v, ",") + "]" }),
			rapid.Map(rapid.MapOfN(rapid.String(), value(depth-1), 0, 3), func(m map[string]string) string {
				members := make([]member, 0, len(m))
				for name, v := range m {
					members = append(members, member{quote(name), v})
				}
				return write(members, nil)
			}))
	}
	return rapid.OneOf(leaves...)
}

var fields = []string{
	"applicationId", "callSid", "parentCallSid", "from", "to", "duration", "direction", "status", "initiatedAt", "completedAt",
	"useCase", "accountId", "referenceId", "externalCallsId", "recordingUrl", "failureReason", "maskId", "requestReceivedAt",
	"uniqueCallId", "secondaryCallerId", "campaignId", "timestamp", "timeStamp", "receivedAt",
}

type member struct{ name, value string }

// write makes an object of members that are JSON already, in random order and with random white space if r is set.
func write(members []member, r *rand.Rand) string {
	space := func() string { return "" }
	if r != nil {
		r.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
		space = func() string { return []string{"", " ", "\n", "\t\r\n "}[r.IntN(4)] }
	}
	var b strings.Builder
	b.WriteString(space() + "{" + space())
	for i, m := range members {
		if i > 0 {
			b.WriteString("," + space())
		}
		b.WriteString(m.name + space() + ":" + space() + m.value + space())
	}
	return b.String() + "}" + space()
}

func quote(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

func TestAnyObjectWithACallIDIsReadAndItsKeyIsOfWhatItSays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		said := map[string]string{quote("callId"): quote("c-1")}
		for _, name := range rapid.SliceOfDistinct(rapid.SampledFrom(fields), rapid.ID).Draw(t, "fields") {
			said[quote(name)] = value(2).Draw(t, name)
		}
		for name, v := range rapid.MapOfN(rapid.StringMatching(`x[a-z]{1,4}`), value(2), 0, 3).Draw(t, "unknown") {
			said[quote(name)] = v
		}
		members := make([]member, 0, len(said))
		for name, v := range said {
			members = append(members, member{name, v})
		}
		first, err := unifonic.Parser{}.Notification([]byte(write(members, nil)))
		require.NoError(t, err)
		require.Equal(t, "c-1", first.Key())

		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		again, err := unifonic.Parser{}.Notification([]byte(write(members, r)))
		require.NoError(t, err)
		require.Equal(t, first, again, "white space and order say nothing")

		more, err := unifonic.Parser{}.Notification([]byte(write(append(members, member{`"added"`, "1"}), r)))
		require.NoError(t, err)
		require.NotEqual(t, first.EventKey(), more.EventKey())
		require.Equal(t, first.Fields(), more.Fields(), "an unknown member changes the key alone")
	})
}

func TestTheThreeSamplesAreReadWhateverFieldIsMissing(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"ivr.json", "masking-inbound.json", "masking-outbound.json"} {
		var all map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(fixture(t, name), &all))
		require.Len(t, all, 22, "the current edition has 22 fields")
		for missing := range all {
			var members []member
			for field, v := range all {
				if field != missing {
					members = append(members, member{quote(field), string(v)})
				}
			}
			n, err := unifonic.Parser{}.Notification([]byte(write(members, nil)))
			require.NoError(t, err, missing)
			require.NotEmpty(t, n.Key(), missing)
		}
	}
}

func FuzzNotification(f *testing.F) {
	files, err := filepath.Glob("testdata/notifications/*.json")
	require.NoError(f, err)
	for _, name := range files {
		b, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(b)
	}
	for _, s := range []string{
		`{}`, `null`, `{"callId":1e999}`, `{"callId":"c","callId":"d"}`, `{"callId":"c","duration":"NaN"}`, `{"callId":["x"]}`,
		"\xef\xbb\xbf{\"callId\":\"\xff\"}", `{"callId":"c","initiatedAt":1e-99}`, `{"callId":"\ud800"}`, `{“callId”:“c”}`,
		`{"callId":"c","completedAt":"2020-09-21 09:13:16"}`, `{"callId":"c","a":[[[[[]]]]]}`, "{\"callId\":\"c\",\"a\":\"b\tc\\\\\"}", "\x1f\x8b\x08",
		`{"callId":"c","completedAt":[2026,11,26,9,27],"initiatedAt":"2026-11-26T09:27+03:00[Asia/Riyadh]","timestamp":"20261126092751","duration":"00:00:17"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		n, err := unifonic.Parser{}.Notification(body)
		if err != nil {
			require.Empty(t, n.Key(), "what is refused has no key")
			return
		}
		require.NotEmpty(t, n.Key())
		require.Regexp(t, `^v1-[0-9a-f]{64}$`, n.EventKey())
		_, err = json.Marshal(n)
		require.NoError(t, err, "what was read can be written: times, numbers, UTF-8")
		require.True(t, utf8.ValidString(n.Key()))
		again, err := unifonic.Parser{}.Notification(slices.Concat(body, []byte(" \n")))
		require.NoError(t, err)
		require.Equal(t, n, again)
	})
}

var half = regexp.MustCompile(`(?i)\\ud[89a-f]`)

// FuzzEventKey encodes any object again with Go's own encoder, and expects the same key.
func FuzzEventKey(f *testing.F) {
	f.Add([]byte(`{"callId":"c","b":[1,2.50,{"z":null,"a":"é\n\u2028<>"}],"a":true}`))
	f.Add(fixture(f, "ivr.json"))
	f.Add(fixture(f, "older.json"))
	f.Fuzz(func(t *testing.T, body []byte) {
		n, err := unifonic.Parser{}.Notification(body)
		if err != nil || !utf8.Valid(body) || half.Match(body) || !json.Valid(bytes.TrimPrefix(body, []byte("\ufeff"))) {
			t.Skip("Go's decoder replaces what is no character, and refuses what is packed or has control characters in strings")
		}
		var v map[string]any
		d := json.NewDecoder(strings.NewReader(strings.TrimPrefix(string(body), "\ufeff")))
		d.UseNumber()
		require.NoError(t, d.Decode(&v))
		compact, err := json.Marshal(v)
		require.NoError(t, err)
		indented, err := json.MarshalIndent(v, " ", "\t")
		require.NoError(t, err)
		a, err := unifonic.Parser{}.Notification(compact)
		require.NoError(t, err)
		b, err := unifonic.Parser{}.Notification(indented)
		require.NoError(t, err)
		require.Equal(t, a.EventKey(), b.EventKey())
		if !duplicated(body, v) {
			require.Equal(t, n.EventKey(), a.EventKey())
		}
	})
}

// duplicated reports whether the body has more members than were decoded: Go's decoder keeps the last of duplicates.
func duplicated(body []byte, v any) bool {
	return countNames(body) != countMembers(v)
}

func countNames(body []byte) int {
	d := json.NewDecoder(strings.NewReader(strings.TrimPrefix(string(body), "\ufeff")))
	n := 0
	inObject, name := []bool{}, false
	for {
		token, err := d.Token()
		if err != nil {
			return n
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			inObject = append(inObject, token == json.Delim('{'))
			name = token == json.Delim('{')
			continue
		case json.Delim('}'), json.Delim(']'):
			inObject = inObject[:len(inObject)-1]
			name = len(inObject) > 0 && inObject[len(inObject)-1]
			continue
		}
		if name {
			n++
			name = false
			continue
		}
		name = len(inObject) > 0 && inObject[len(inObject)-1]
	}
}

func countMembers(v any) int {
	n := 0
	switch v := v.(type) {
	case map[string]any:
		for _, inner := range v {
			n += 1 + countMembers(inner)
		}
	case []any:
		for _, inner := range v {
			n += countMembers(inner)
		}
	}
	return n
}
