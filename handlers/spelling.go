package handlers

import (
	"net/http"
	"net/url"
	gopath "path"
	"strings"
)

// webhookPath is the path registered with the provider, in a URL that somebody typed.
const webhookPath = "/webhooks/unifonic"

// withIDs lists the routes whose path continues with an id, and the segments that may follow it.
var (
	withIDs = []string{"/v1/calls/", "/v1/outbound-calls/", "/v1/masking-sessions/", "/v1/recordings/", "/v1/callbacks/"}
	afterID = []string{"/events", "/audio", "/retry"}
)

// spelled returns the request with the path that its sender meant. It accepts slashes at the end, an id whose escaped
// slashes a proxy has decoded, and any equivalent spelling of the webhook's path, since a refused notification is lost. ok
// is false if the path has no other spelling.
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

// oneSegment escapes the slashes of an id, but not the one before a segment that follows it.
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
