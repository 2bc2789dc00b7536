// Package openapitest holds answers of the API to its description, in tests: whatever a test asks, the answer has to be one
// that the description has, member by member.
package openapitest

import (
	"bytes"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/aftercall/aftercall/handlers"
)

// Check fails the test where an answer is not as described.
func Check(t testing.TB, method, target string, status int, header http.Header, body []byte) {
	t.Helper()
	if err := Differs(method, target, status, header, body); err != nil {
		t.Errorf("%s %s answered %d, not as openapi.json says: %v", method, target, status, err)
	}
}

// Differs returns in what an answer is not as described. Paths and methods that are not described are not looked at: that
// all routes are is a test of package handlers.
func Differs(method, target string, status int, header http.Header, body []byte) error {
	d, err := described()
	if err != nil {
		return err
	}
	path, _, _ := strings.Cut(target, "?")
	return d.differs(method, path, status, header.Get("Content-Type"), body)
}

// Fits returns in what a value, as encoding/json decodes it, breaks the schema at a JSON pointer of the description.
func Fits(pointer string, value any) error {
	d, err := described()
	if err != nil {
		return err
	}
	s, err := d.schema(pointer)
	if err != nil {
		return err
	}
	return s.Validate(value)
}

// description is openapi.json, whose schemas are those of JSON Schema 2020-12.
type description struct {
	doc      map[string]any
	compiler *jsonschema.Compiler
	mu       sync.Mutex
}

const root = "aftercall:///openapi.json"

var described = sync.OnceValues(func() (*description, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(handlers.OpenAPI()))
	if err != nil {
		return nil, fmt.Errorf("read openapi.json: %w", err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	object, _ := doc.(map[string]any)
	return &description{doc: object, compiler: c}, c.AddResource(root, doc)
})

func (d *description) schema(pointer string) (*jsonschema.Schema, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.compiler.Compile(root + "#" + pointer)
}

func (d *description) differs(method, path string, status int, contentType string, body []byte) error {
	pointer := d.operation(method, path)
	if pointer == "" {
		return nil
	}
	pointer += "/responses/"
	responses := member(d.doc, pointer)
	code := strconv.Itoa(status)
	if responses[code] == nil {
		if code = "default"; responses[code] == nil {
			return fmt.Errorf("it has only %v", slices.Sorted(maps.Keys(responses)))
		}
	}
	pointer += code
	if shared, ok := member(d.doc, pointer)["$ref"].(string); ok {
		pointer = strings.TrimPrefix(shared, "#")
	}
	content := member(d.doc, pointer+"/content")
	kind, _, _ := mime.ParseMediaType(contentType)
	switch {
	case method == http.MethodHead || len(body) == 0 && len(content) == 0:
		return nil
	case content[kind] == nil && content[family(kind)] == nil:
		return fmt.Errorf("it has %v, not %q", slices.Sorted(maps.Keys(content)), contentType)
	case !strings.HasSuffix(kind, "json"):
		return nil
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return err
	}
	s, err := d.schema(pointer + "/content/" + escaped(kind) + "/schema")
	if err != nil {
		return err
	}
	return s.Validate(value)
}

func family(kind string) string {
	major, _, _ := strings.Cut(kind, "/")
	return major + "/*"
}

// operation is where the description has a route; empty where it has none.
func (d *description) operation(method, path string) string {
	for template, item := range member(d.doc, "/paths") {
		if !matches(template, path) {
			continue
		}
		if operations, _ := item.(map[string]any); operations[strings.ToLower(method)] != nil {
			return "/paths/" + escaped(template) + "/" + strings.ToLower(method)
		}
	}
	return ""
}

func matches(template, path string) bool {
	want, got := strings.Split(template, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return false
	}
	for i, part := range want {
		if got[i] != part && (!strings.HasPrefix(part, "{") || got[i] == "") {
			return false
		}
	}
	return true
}

var escape = strings.NewReplacer("~", "~0", "/", "~1")

func escaped(name string) string { return escape.Replace(name) }

// member is the object at a JSON pointer; nil where there is none.
func member(v any, pointer string) map[string]any {
	for part := range strings.SplitSeq(strings.Trim(pointer, "/"), "/") {
		m, _ := v.(map[string]any)
		v = m[strings.NewReplacer("~1", "/", "~0", "~").Replace(part)]
	}
	m, _ := v.(map[string]any)
	return m
}
