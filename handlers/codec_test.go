package handlers_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/aftercall/aftercall/handlers"
)

// upper decodes by writing in capitals.
type upper struct{}

func (upper) Decode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	out := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		out[i] = &commonpb.Payload{Metadata: p.GetMetadata(), Data: []byte(strings.ToUpper(string(p.GetData())))}
	}
	return out, nil
}

func TestCodecServer(t *testing.T) {
	e, err := handlers.NewEngine(handlers.EngineOptions{Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	logIn := &handlers.LogIn{Log: slog.New(slog.DiscardHandler)}
	handlers.MountCodec(e, handlers.CodecOptions{Decoder: upper{}, Namespace: "default", LogIn: logIn, Token: "s3cret", Origins: []string{"http://localhost:8233"}})
	body, err := protojson.Marshal(&commonpb.Payloads{Payloads: []*commonpb.Payload{{Data: []byte("abc")}, {Data: []byte("d")}}})
	require.NoError(t, err)
	const token, origin = "Bearer s3cret", "http://localhost:8233"
	for name, tc := range map[string]struct {
		method, path, body string
		header             map[string]string
		status             int
		allowed            string // origin
		data               string // of the first payload
	}{
		"the CLI decodes":      {"POST", "/decode", string(body), map[string]string{"Authorization": token, "X-Namespace": "default"}, 200, "", "ABC"},
		"the UI decodes":       {"POST", "/decode", string(body), map[string]string{"Authorization": token, "X-Namespace": "default", "Origin": origin}, 200, origin, "ABC"},
		"encoding is clear":    {"POST", "/encode", string(body), map[string]string{"Authorization": token}, 200, "", "abc"},
		"the UI asks first":    {"OPTIONS", "/decode", "", map[string]string{"Origin": origin, "Access-Control-Request-Method": "POST"}, 204, origin, ""},
		"another page asks":    {"OPTIONS", "/decode", "", map[string]string{"Origin": "http://evil.example"}, 403, "", ""},
		"another page":         {"POST", "/decode", string(body), map[string]string{"Authorization": token, "Origin": "http://evil.example"}, 403, "", ""},
		"a longer origin":      {"POST", "/decode", string(body), map[string]string{"Authorization": token, "Origin": origin + "0"}, 403, "", ""},
		"no origin at all":     {"POST", "/decode", string(body), map[string]string{"Authorization": token, "Origin": "null"}, 403, "", ""},
		"no token":             {"POST", "/decode", string(body), nil, 401, "", ""},
		"wrong token":          {"POST", "/decode", string(body), map[string]string{"Authorization": "Bearer s3cre"}, 401, "", ""},
		"another namespace":    {"POST", "/decode", string(body), map[string]string{"Authorization": token, "X-Namespace": "other"}, 404, "", ""},
		"no JSON":              {"POST", "/decode", "{", map[string]string{"Authorization": token}, 400, "", ""},
		"too much":             {"POST", "/decode", `{"payloads":[{"data":"` + strings.Repeat("A", 33<<20) + `"}]}`, map[string]string{"Authorization": token}, 413, "", ""},
		"not by GET":           {"GET", "/decode", "", map[string]string{"Authorization": token}, 405, "", ""},
		"nothing else is here": {"POST", "/metrics", "", map[string]string{"Authorization": token}, 404, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			req := httptest.NewRequest(tc.method, tc.path, strings.NewReader(tc.body))
			for k, v := range tc.header {
				req.Header.Set(k, v)
			}
			res := httptest.NewRecorder()
			e.ServeHTTP(res, req)
			require.Equal(t, tc.status, res.Code, res.Body.String())
			require.Equal(t, tc.allowed, res.Header().Get("Access-Control-Allow-Origin"))
			if tc.data == "" {
				return
			}
			var p commonpb.Payloads
			require.NoError(t, protojson.Unmarshal(res.Body.Bytes(), &p))
			require.Len(t, p.GetPayloads(), 2)
			require.Equal(t, tc.data, string(p.GetPayloads()[0].GetData()))
			require.Equal(t, "no-store", res.Header().Get("Cache-Control"))
		})
	}
	guess := func() int {
		req := httptest.NewRequest(http.MethodPost, "/decode", strings.NewReader(string(body)))
		req.Header.Set("Authorization", "Bearer guess")
		res := httptest.NewRecorder()
		e.ServeHTTP(res, req)
		return res.Code
	}
	limited := false
	for range 200 {
		limited = limited || guess() == http.StatusTooManyRequests
	}
	require.True(t, limited, "nobody guesses the token")
}
