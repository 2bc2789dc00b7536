package handlers_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/handlers"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/intake"
)

// document is the served OpenAPI description as plain JSON.
func document(t *testing.T) map[string]any {
	t.Helper()
	rec := newSystem(t).do(t, http.MethodGet, "/openapi.json", "", "Authorization", "")
	require.Equal(t, 200, rec.Code)
	require.Equal(t, "application/json", rec.Header().Get("Content-Type"))
	return decodeBody[map[string]any](t, rec)
}

func at(t *testing.T, v any, path ...string) any {
	t.Helper()
	for _, p := range path {
		m, ok := v.(map[string]any)
		require.True(t, ok, path)
		v, ok = m[p]
		require.True(t, ok, "%v has no %s", path, p)
	}
	return v
}

func TestEveryRouteIsDescribed(t *testing.T) {
	t.Parallel()
	doc := document(t)
	require.Equal(t, "3.1.0", doc["openapi"])
	described, served := []string{}, []string{}
	ids := map[string]bool{}
	for path, item := range at(t, doc, "paths").(map[string]any) {
		for method, op := range item.(map[string]any) {
			described = append(described, strings.ToUpper(method)+" "+path)
			id := at(t, op, "operationId").(string)
			require.False(t, ids[id], id)
			ids[id] = true
			params := regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(path, -1)
			declared := 0
			if list, ok := op.(map[string]any)["parameters"].([]any); ok {
				for _, p := range list {
					if at(t, p, "in") == "path" {
						declared++
					}
				}
			}
			require.Equal(t, len(params), declared, path)
		}
	}
	param := regexp.MustCompile(`:(\w+)`)
	for _, r := range newSystem(t).engine.Routes() {
		served = append(served, r.Method+" "+param.ReplaceAllString(r.Path, "{$1}"))
	}
	require.ElementsMatch(t, served, described)
}

func TestExamplesFitTheirSchemas(t *testing.T) {
	t.Parallel()
	doc := document(t)
	count := 0
	walk(doc, func(m map[string]any) {
		example, ok := m["example"]
		if schema, has := m["schema"].(map[string]any); ok && has {
			count++
			require.Empty(t, misfits(doc, schema, example, "$"))
		}
		if pointer, ok := m["$ref"].(string); ok {
			require.NotNil(t, resolve(doc, pointer), pointer)
		}
	})
	require.Greater(t, count, 20)
}

// TestSchemasFitTheTypes holds the description to the Go types behind it: the same members, of which those that are
// always there are required in answers.
func TestSchemasFitTheTypes(t *testing.T) {
	t.Parallel()
	doc := document(t)
	for name, v := range map[string]any{
		"OutboundCallRequest": calls.OutboundCallRequest{}, "TTS": calls.TTS{}, "OTP": calls.OTP{}, "Failover": calls.Failover{}, "Retry": calls.Retry{},
		"SuppressionRequest": intake.Suppression{},
		"CallingHours":       calls.CallingHours{}, "Notify": calls.Notify{}, "OutboundCall": calls.OutboundCallState{}, "Attempt": calls.Attempt{},
		"Outcome": calls.Outcome{}, "OutboundOutcome": calls.OutboundOutcome{}, "Notified": calls.Notified{},
		"TrackRequest": intake.TrackRequest{}, "Call": calls.CallState{}, "Leg": calls.Leg{}, "Recording": calls.Recording{}, "RecordingTry": calls.RecordingTry{},
		"MaskingSessionRequest": calls.MaskingSessionRequest{}, "MaskingSession": calls.MaskingSessionState{}, "MaskedCall": calls.MaskedCall{},
		"MaskingTotals": calls.MaskingTotals{}, "Problem": handlers.Problem{}, "ListedCall": handlers.ListedCall{}, "ListedOutboundCall": handlers.ListedOutboundCall{},
		"ListedMaskingSession": handlers.ListedMaskingSession{}, "CallEvent": handlers.Event{}, "StatusEvent": calls.StatusEvent{},
		"RetryRequest": contract.RetryNow{}, "CallList": handlers.List[any]{}, "FieldError": intake.FieldError{},
	} {
		schema := at(t, doc, "components", "schemas", name).(map[string]any)
		always, sometimes := members(reflect.TypeOf(v))
		sometimes = slices.DeleteFunc(sometimes, func(m string) bool { return name == "Call" && m == "evidence" })
		got := slices.Sorted(maps.Keys(schema["properties"].(map[string]any)))
		require.ElementsMatch(t, append(slices.Clone(always), sometimes...), got, name)
		required, _ := schema["required"].([]any)
		require.ElementsMatch(t, always, required, name)
	}
}

func members(t reflect.Type) (always, sometimes []string) {
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous:
			a, s := members(f.Type)
			always, sometimes = append(always, a...), append(sometimes, s...)
		case !f.IsExported():
		case options == "":
			always = append(always, name)
		default:
			sometimes = append(sometimes, name)
		}
	}
	return always, sometimes
}

func TestEveryProblemIsDescribed(t *testing.T) {
	t.Parallel()
	types := at(t, document(t), "components", "schemas", "Problem", "properties", "type", "enum").([]any)
	described := make([]string, len(types))
	for i, v := range types {
		described[i] = v.(string)
	}
	require.ElementsMatch(t, handlers.ProblemTypes(), described)
}

func TestRealAnswersFitTheirSchemas(t *testing.T) {
	t.Parallel()
	s, doc := newSystem(t), document(t)
	at1 := time.Now().UTC()
	s.workflows.set("call:abc", calls.CallState{
		CallKey: "abc", WorkflowID: "call:abc", Outcome: ended, Legs: []calls.Leg{{Status: calls.StatusCompleted, Source: calls.SourceCallLog}},
		Notified: []calls.Notified{{WorkflowID: "w", At: at1, Result: "told"}}, Attention: []string{calls.AttentionConflict},
	})
	s.workflows.set("mask:77", calls.MaskingSessionState{MaskID: "77", State: calls.MaskingOpen})
	for path, name := range map[string]string{"/v1/calls/abc": "Call", "/v1/masking-sessions/77": "MaskingSession", "/v1/calls/none": "Problem"} {
		var answer any
		require.NoError(t, json.Unmarshal(s.do(t, "GET", path, "").Body.Bytes(), &answer))
		require.Empty(t, misfits(doc, map[string]any{"$ref": "#/components/schemas/" + name}, answer, path))
	}
}

func TestDocsPage(t *testing.T) {
	t.Parallel()
	rec := newSystem(t).do(t, http.MethodGet, "/docs", "", "Authorization", "")
	require.Equal(t, 200, rec.Code)
	page := rec.Body.String()
	require.Contains(t, page, "/v1/outbound-calls/{referenceId}")
	require.Contains(t, page, "aftercall inbox show")
	require.Contains(t, page, "Credentials are missing or wrong", "shared answers are shown too")
	require.NotRegexp(t, `(?i)<script|src=|https?://|@import`, regexp.MustCompile(`(?s)<pre>.*?</pre>`).ReplaceAllString(page, ""))
	require.Contains(t, rec.Header().Get("Content-Security-Policy"), "default-src 'none'")
}

func walk(v any, visit func(map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		visit(v)
		for _, child := range v {
			walk(child, visit)
		}
	case []any:
		for _, child := range v {
			walk(child, visit)
		}
	}
}

func resolve(doc any, pointer string) map[string]any {
	v := doc
	for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "#/"), "/") {
		m, _ := v.(map[string]any)
		v = m[part]
	}
	m, _ := v.(map[string]any)
	return m
}

// misfits lists where a value breaks a schema, as far as the description uses JSON Schema.
func misfits(doc map[string]any, schema map[string]any, v any, path string) []string {
	if pointer, ok := schema["$ref"].(string); ok {
		schema = resolve(doc, pointer)
	}
	if enum, ok := schema["enum"].([]any); ok && !slices.Contains(enum, v) {
		return []string{fmt.Sprintf("%s: %v is none of %v", path, v, enum)}
	}
	switch schema["type"] {
	case "object":
		return objectMisfits(doc, schema, v, path)
	case "array":
		list, ok := v.([]any)
		if !ok {
			return []string{path + ": no array"}
		}
		var found []string
		for i, item := range list {
			found = append(found, misfits(doc, schema["items"].(map[string]any), item, fmt.Sprintf("%s[%d]", path, i))...)
		}
		return found
	case "string":
		s, ok := v.(string)
		pattern, _ := schema["pattern"].(string)
		_, timeErr := time.Parse(time.RFC3339, s)
		if !ok || pattern != "" && !regexp.MustCompile(pattern).MatchString(s) || schema["format"] == "date-time" && timeErr != nil {
			return []string{fmt.Sprintf("%s: %v is not the string it should be", path, v)}
		}
	case "integer":
		if n, ok := v.(float64); !ok || n != float64(int64(n)) {
			return []string{path + ": no integer"}
		}
	case "boolean":
		if _, ok := v.(bool); !ok {
			return []string{path + ": no boolean"}
		}
	}
	return nil
}

func objectMisfits(doc, schema map[string]any, v any, path string) []string {
	object, ok := v.(map[string]any)
	if !ok {
		return []string{path + ": no object"}
	}
	var found []string
	required, _ := schema["required"].([]any)
	for _, name := range required {
		if _, ok := object[name.(string)]; !ok {
			found = append(found, fmt.Sprintf("%s: %v is missing", path, name))
		}
	}
	properties, _ := schema["properties"].(map[string]any)
	for name, member := range object {
		property, known := properties[name].(map[string]any)
		switch {
		case known:
			found = append(found, misfits(doc, property, member, path+"."+name)...)
		case schema["additionalProperties"] == false:
			found = append(found, path+"."+name+": not described")
		}
	}
	return found
}
