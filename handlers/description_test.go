package handlers_test

import (
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/calls"
	"github.com/aftercall/aftercall/handlers"
	"github.com/aftercall/aftercall/internal/contract"
	"github.com/aftercall/aftercall/internal/erase"
	"github.com/aftercall/aftercall/internal/intake"
	"github.com/aftercall/aftercall/internal/openapitest"
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
	var tags []any
	for _, tag := range doc["tags"].([]any) {
		tags = append(tags, at(t, tag, "name"))
	}
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
			require.NotEmpty(t, at(t, op, "description"), path)
			for _, tag := range at(t, op, "tags").([]any) {
				require.Contains(t, tags, tag, path)
			}
			for _, status := range everyKeyIsAnswered(path) {
				require.Contains(t, at(t, op, "responses"), status, "%s %s", method, path)
			}
		}
	}
	param := regexp.MustCompile(`:(\w+)`)
	for _, r := range newSystem(t).engine.Routes() {
		served = append(served, r.Method+" "+param.ReplaceAllString(r.Path, "{$1}"))
	}
	require.ElementsMatch(t, served, described)
}

// everyKeyIsAnswered are the statuses that every route under /v1 may answer, whatever it does.
func everyKeyIsAnswered(path string) []string {
	if !strings.HasPrefix(path, "/v1/") {
		return nil
	}
	return []string{"401", "403", "429", "500", "503"}
}

func TestExamplesFitTheirSchemas(t *testing.T) {
	t.Parallel()
	doc := document(t)
	count := 0
	walk(doc, "", func(m map[string]any, pointer string) {
		if example, ok := m["example"]; ok && m["schema"] != nil {
			count++
			require.NoError(t, openapitest.Fits(pointer+"/schema", example), pointer)
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
		"SuppressionRequest": intake.Suppression{}, "ErasureRequest": erase.Request{}, "Erasure": erase.Receipt{},
		"CallingHours": calls.CallingHours{}, "Notify": calls.Notify{}, "OutboundCall": calls.OutboundCallState{}, "Attempt": calls.Attempt{},
		"Outcome": calls.Outcome{}, "OutboundOutcome": calls.OutboundOutcome{}, "Notified": calls.Notified{},
		"TrackRequest": intake.TrackRequest{}, "Call": calls.CallState{}, "Leg": calls.Leg{}, "Recording": calls.Recording{}, "RecordingTry": calls.RecordingTry{},
		"MaskingSessionRequest": calls.MaskingSessionRequest{}, "MaskingSession": calls.MaskingSessionState{}, "MaskedCall": calls.MaskedCall{},
		"MaskingTotals": calls.MaskingTotals{}, "Problem": handlers.Problem{}, "ListedCall": handlers.ListedCall{}, "ListedOutboundCall": handlers.ListedOutboundCall{},
		"ListedMaskingSession": handlers.ListedMaskingSession{}, "CallEvent": handlers.Event{}, "StatusEvent": calls.StatusEvent{},
		"RetryRequest": contract.RetryNow{}, "CallList": handlers.List[any]{}, "FieldError": intake.FieldError{},
	} {
		schema := at(t, doc, "components", "schemas", name).(map[string]any)
		always, sometimes := members(reflect.TypeOf(v))
		sometimes = slices.DeleteFunc(sometimes, func(m string) bool {
			return name == "Call" && m == "evidence" || (name == "Call" || name == "StatusEvent") && m == "parties" // never answered
		})
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

// TestAnswersAreHeldToTheDescription: what every other test of this package rests on notices an answer that is not
// described.
func TestAnswersAreHeldToTheDescription(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.workflows.set("call:abc", calls.CallState{
		CallKey: "abc", WorkflowID: "call:abc", Outcome: ended, Legs: []calls.Leg{{Status: calls.StatusCompleted, Source: calls.SourceCallLog}},
		Notified: []calls.Notified{{WorkflowID: "w", At: time.Now().UTC(), Result: "told"}}, Attention: []string{calls.AttentionConflict},
	})
	right := s.do(t, "GET", "/v1/calls/abc", "")
	for name, wrong := range map[string]struct {
		path, kind, body string
		status           int
	}{
		"a member too many":  {"/v1/calls/abc", "application/json", strings.Replace(right.Body.String(), "{", `{"surprise":1,`, 1), 200},
		"a member too few":   {"/v1/calls/abc", "application/json", `{"callKey":"abc"}`, 200},
		"a status":           {"/v1/calls/abc", "application/problem+json", `{}`, 418},
		"a kind of content":  {"/v1/calls/abc", "text/plain", "busy", 503},
		"a kind of problem":  {"/v1/calls/abc", "application/problem+json", `{"type":"/problems/new","title":"t","status":404,"detail":"d"}`, 404},
		"a list of no items": {"/v1/calls", "application/json", `{}`, 200},
	} {
		err := openapitest.Differs(http.MethodGet, wrong.path, wrong.status, http.Header{"Content-Type": {wrong.kind}}, []byte(wrong.body))
		require.Error(t, err, name)
	}
}

// A client that is generated from the description refuses a value that it does not list.
func TestEveryAttentionIsDescribed(t *testing.T) {
	t.Parallel()
	found := 0
	walk(document(t), "", func(m map[string]any, pointer string) {
		values, ok := m["enum"].([]any)
		if !ok || !slices.Contains(values, any(calls.AttentionUnknownStatus)) {
			return
		}
		found++
		var got []string
		for _, v := range values {
			got = append(got, v.(string))
		}
		require.ElementsMatch(t, handlers.Attentions(), got, pointer)
	})
	require.Positive(t, found)
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

// walk visits every object with its JSON pointer.
func walk(v any, pointer string, visit func(m map[string]any, pointer string)) {
	switch v := v.(type) {
	case map[string]any:
		visit(v, pointer)
		for name, child := range v {
			walk(child, pointer+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(name), visit)
		}
	case []any:
		for i, child := range v {
			walk(child, pointer+"/"+strconv.Itoa(i), visit)
		}
	}
}
