package archtest

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/internal/callbacks"
	"github.com/aftercall/aftercall/internal/contract"
)

var update = flag.Bool("update", false, "write the tables of docs/messages.md")

// messages are the types of docs/messages.md, each with the folder that its fields are described in.
var messages = []struct {
	value  any
	folder string
}{
	{calls.Outcome{}, "calls"}, {calls.OutboundOutcome{}, "calls"}, {calls.Recording{}, "calls"}, {calls.RecordingTry{}, "calls"},
	{calls.MaskingSummary{}, "calls"}, {calls.MaskingTotals{}, "calls"}, {callbacks.Body{}, "internal/callbacks"},
	{calls.PlaceRequest{}, "calls"}, {calls.PlaceResult{}, "calls"}, {calls.OutboundCallRequest{}, "calls"}, {calls.TTS{}, "calls"}, {calls.OTP{}, "calls"},
	{calls.Retry{}, "calls"}, {calls.Failover{}, "calls"}, {calls.CallingHours{}, "calls"}, {calls.Notify{}, "calls"},
	{calls.SubscribeRequest{}, "calls"}, {calls.SubscribeResult{}, "calls"}, {calls.RecordingResult{}, "calls"},
	{calls.MaskingSessionRequest{}, "calls"}, {calls.Mask{}, "calls"}, {calls.CloseMaskRequest{}, "calls"},
	{calls.SubscribeMaskRequest{}, "calls"}, {calls.SubscribeMaskResult{}, "calls"}, {calls.Subscription{}, "calls"}, {calls.StopRequest{}, "calls"},
	{contract.RetryNow{}, "internal/contract"}, {contract.StopRetrying{}, "internal/contract"},
	{calls.CallState{}, "calls"}, {calls.Leg{}, "calls"}, {calls.Notified{}, "calls"},
	{calls.OutboundCallState{}, "calls"}, {calls.Attempt{}, "calls"}, {calls.MaskingSessionState{}, "calls"}, {calls.MaskedCall{}, "calls"},
}

var (
	table   = regexp.MustCompile(`(?s)<!-- fields of (\w+) -->\n.*?<!-- /fields -->`)
	example = regexp.MustCompile("(?s)<!-- example of (\\w+) -->\n```json\n(.*?)```")
	byName  = func() map[string]reflect.Type {
		types := map[string]reflect.Type{}
		for _, m := range messages {
			types[reflect.TypeOf(m.value).Name()] = reflect.TypeOf(m.value)
		}
		return types
	}()
)

// TestMessagesAreDocumented holds docs/messages.md to the Go types: each has its table, with all of its fields and no
// other, and each example is one. -update writes the tables.
func TestMessagesAreDocumented(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "messages.md")
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	text := string(raw)
	seen := map[string]bool{}
	want := table.ReplaceAllStringFunc(text, func(found string) string {
		name := table.FindStringSubmatch(found)[1]
		seen[name] = true
		return "<!-- fields of " + name + " -->\n" + fieldTable(t, name) + "<!-- /fields -->"
	})
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(want), 0o644))
		text = want
	}
	require.Equal(t, want, text, "run go test ./internal/archtest -run MessagesAreDocumented -update")
	for name := range byName {
		require.True(t, seen[name], "docs/messages.md has no table of %s", name)
	}
	for _, found := range example.FindAllStringSubmatch(text, -1) {
		requireExample(t, found[1], found[2])
	}
	for _, name := range []string{"Outcome", "OutboundOutcome", "Recording", "MaskingSummary", "Body", "PlaceRequest", "SubscribeRequest", "Subscription", "MaskingSessionRequest"} {
		require.Contains(t, text, "<!-- example of "+name+" -->")
	}
}

// requireExample holds that an example has no member that the type does not know, and none that reads otherwise.
func requireExample(t *testing.T, name, text string) {
	t.Helper()
	require.Contains(t, byName, name)
	v := reflect.New(byName[name])
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(v.Interface()), "example of %s", name)
	again, err := json.Marshal(v.Interface())
	require.NoError(t, err)
	require.JSONEq(t, text, string(again), "example of %s", name)
}

// fieldTable describes the fields of a type, with the words that stand beside them in the code.
func fieldTable(t *testing.T, name string) string {
	t.Helper()
	typ, known := byName[name]
	require.True(t, known, "docs/messages.md has a table of %s, which is no message", name)
	folder := ""
	for _, m := range messages {
		if reflect.TypeOf(m.value) == typ {
			folder = m.folder
		}
	}
	words := fieldWords(t, folder, name)
	var b bytes.Buffer
	b.WriteString("| field | type | there | |\n|---|---|---|---|\n")
	for f := range typ.Fields() {
		tag, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && tag == "" {
			fmt.Fprintf(&b, "| all of %s | | | |\n", f.Type.Name())
			continue
		}
		there := "always"
		if options != "" {
			there = "where set"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", tag, jsonType(f.Type), there, words[f.Name])
	}
	return b.String()
}

// jsonType is what a Go type is in JSON.
func jsonType(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return "time"
	case t == reflect.TypeFor[json.RawMessage]():
		return "any JSON"
	case t.Kind() == reflect.Pointer:
		return jsonType(t.Elem())
	case t.Kind() == reflect.Slice:
		return "list of " + jsonType(t.Elem())
	case t.Kind() == reflect.Map:
		return "object of " + jsonType(t.Elem()) + ", by " + jsonType(t.Key())
	case t.Kind() == reflect.Struct:
		return t.Name()
	case t.Kind() == reflect.Bool:
		return "boolean"
	case t.Kind() == reflect.String:
		return "string"
	}
	return "number"
}

// fieldWords are the comments at the ends of the lines of a type's fields.
func fieldWords(t *testing.T, folder, name string) map[string]string {
	t.Helper()
	words := map[string]string{}
	files, err := filepath.Glob(filepath.Join("..", "..", folder, "*.go"))
	require.NoError(t, err)
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		require.NoError(t, err)
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok || spec.Name.Name != name {
				return true
			}
			if s, ok := spec.Type.(*ast.StructType); ok {
				for _, field := range s.Fields.List {
					for _, id := range field.Names {
						words[id.Name] = strings.ReplaceAll(strings.TrimSpace(field.Comment.Text()), "|", `\|`)
					}
				}
			}
			return false
		})
	}
	return words
}
