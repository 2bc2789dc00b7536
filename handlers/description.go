package handlers

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"
)

var (
	//go:embed openapi.json
	openAPI []byte
	//go:embed docs.html
	docsPage string
)

// OpenAPI is the API's description, an OpenAPI 3.1 document in JSON.
func OpenAPI() []byte { return slices.Clone(openAPI) }

// docs renders the description as a page, once. The page loads nothing from other servers.
var docs = sync.OnceValues(renderDocs)

// mountDescription adds GET /openapi.json and GET /docs.
func mountDescription(r gin.IRouter) {
	r.GET("/openapi.json", func(c *gin.Context) { c.Data(http.StatusOK, "application/json", openAPI) })
	r.GET("/docs", func(c *gin.Context) {
		page, err := docs()
		if err != nil {
			fail(c, problemInternal, "The page could not be rendered. GET /openapi.json has the same content.")
			return
		}
		c.Header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'")
		c.Data(http.StatusOK, "text/html; charset=utf-8", page)
	})
}

// description is the part of OpenAPI that the page shows.
type description struct {
	Info struct {
		Title, Version, Description string
	}
	Paths      map[string]map[string]operation
	Components struct {
		Schemas   map[string]json.RawMessage
		Responses map[string]response
	}
}

type response struct {
	Ref         string `json:"$ref"`
	Description string
	Content     map[string]struct{ Example json.RawMessage }
}

type operation struct {
	Summary, Description string
	Tags                 []string
	Security             []map[string][]string
	Parameters           []struct {
		Name, In, Description string
		Required              bool
	}
	RequestBody struct {
		Content map[string]struct{ Example json.RawMessage }
	}
	Responses map[string]response
}

// shown is one operation as the page shows it.
type shown struct {
	operation
	Method, Path string
}

func renderDocs() ([]byte, error) {
	var d description
	if err := json.Unmarshal(openAPI, &d); err != nil {
		return nil, err
	}
	page, err := template.New("docs").Funcs(template.FuncMap{"pretty": pretty, "keys": sortedKeys}).Parse(docsPage)
	if err != nil {
		return nil, err
	}
	var operations []shown
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		for _, method := range []string{"post", "put", "get", "delete"} {
			if o, ok := d.Paths[path][method]; ok {
				for status, r := range o.Responses {
					if _, name, ok := strings.Cut(r.Ref, "#/components/responses/"); ok {
						o.Responses[status] = d.Components.Responses[name]
					}
				}
				operations = append(operations, shown{o, strings.ToUpper(method), path})
			}
		}
	}
	var out bytes.Buffer
	err = page.Execute(&out, map[string]any{"Info": d.Info, "Operations": operations, "Schemas": d.Components.Schemas})
	return out.Bytes(), err
}

func pretty(raw json.RawMessage) string {
	var out bytes.Buffer
	if err := json.Indent(&out, raw, "", "  "); err != nil {
		return string(raw)
	}
	return out.String()
}

func sortedKeys(m map[string]json.RawMessage) []string { return slices.Sorted(maps.Keys(m)) }
