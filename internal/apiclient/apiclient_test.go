package apiclient_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/apiclient"
)

func TestDo(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/echo":
			b, _ := io.ReadAll(r.Body)
			w.Header().Set("X-Auth", r.Header.Get("Authorization"))
			if r.Header.Get("Authorization") != "Bearer k" || r.Header.Get("Content-Type") != "application/json" {
				w.WriteHeader(500)
			}
			_, _ = w.Write(b)
		case "/bytes":
			_, _ = w.Write([]byte("not json"))
		case "/invalid":
			w.WriteHeader(422)
			_, _ = w.Write([]byte(`{"title":"T","status":422,"detail":"D.","errors":[{"field":"to","message":"is needed"}]}`))
		default:
			w.WriteHeader(404)
			_, _ = w.Write([]byte("<html>"))
		}
	}))
	defer server.Close()
	c, err := apiclient.New(server.URL+"/", "k")
	require.NoError(t, err)
	raw, err := c.Do(t.Context(), "POST", "/echo", map[string]int{"a": 1})
	require.NoError(t, err)
	require.JSONEq(t, `{"a":1}`, string(raw))

	_, err = c.Do(t.Context(), "GET", "/invalid", nil)
	require.EqualError(t, err, "T (422). D.\n  to is needed")
	require.False(t, apiclient.NotFound(err))
	_, err = c.Do(t.Context(), "GET", "/none", nil)
	require.True(t, apiclient.NotFound(err))
	_, err = c.Do(t.Context(), "GET", "/bytes", nil)
	require.ErrorContains(t, err, "is this an aftercall server?")

	var got bytes.Buffer
	require.NoError(t, c.Download(t.Context(), "/bytes", &got))
	require.Equal(t, "not json", got.String())
	require.Error(t, c.Download(t.Context(), "/none", &got))
}

func TestNoAnswer(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	c, err := apiclient.New(server.URL, "")
	require.NoError(t, err)
	_, err = c.Do(t.Context(), "GET", "/v1/calls/+966500000005", nil)
	require.ErrorContains(t, err, "no answer from "+server.URL)
	require.NotContains(t, err.Error(), "500000005")
	for _, base := range []string{"", "127.0.0.1:8080", "ftp://a", "http://"} {
		_, err := apiclient.New(base, "")
		require.Error(t, err, base)
	}
}
