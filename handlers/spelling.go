package handlers

import (
	"net/http"
	"net/url"
	gopath "path"
	"strings"
)

// webhookPath is what is registered with the provider, behind an address that somebody typed.
const webhookPath = "/webhooks/unifonic"

// withIDs are the routes below which an id stands, and what may follow it.
var (
	withIDs = []string{"/v1/calls/", "/v1/outbound-calls/", "/v1/masking-sessions/", "/v1/recordings/"}
	afterID = []string{"/events", "/audio", "/retry"}
)

// spelled returns the request for the route that another spelling of its path means: with slashes at its end, with an id
// whose escaped slashes a proxy has resolved, or the webhook's in any spelling that names the same place, since what it
// refuses is lost. ok is false where the path has no other spelling.
func spelled(r *http.Request) (again *http.Request, ok bool) {
	path := r.URL.EscapedPath()
	meant := strings.TrimRight(path, "/")
	for _, route := range withIDs {
		if id, found := strings.CutPrefix(meant, route); found {
			meant = route + oneSegment(id)
		}
	}
	if gopath.Clean("/"+r.URL.Path) == webhookPath {
		meant = webhookPath
	}
	if meant == path || meant == "" {
		return nil, false
	}
	decoded, err := url.PathUnescape(meant)
	if err != nil {
		return nil, false
	}
	u := *r.URL
	u.Path, u.RawPath = decoded, meant
	again = r.Clone(r.Context())
	again.URL = &u
	return again, true
}

// oneSegment escapes the slashes of an id, but for the one before what follows it.
func oneSegment(id string) string {
	after := ""
	for _, suffix := range afterID {
		if before, found := strings.CutSuffix(id, suffix); found && before != "" {
			id, after = before, suffix
			break
		}
	}
	return strings.ReplaceAll(id, "/", "%2F") + after
}
