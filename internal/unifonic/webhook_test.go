package unifonic_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/unifonic"
)

func TestWebhookIsReadInEveryLikelyShape(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		body string
		want unifonic.WebhookSettings
	}{
		{`{"url":"https://h/x","basicAuthNeeded":true,"username":"u","password":"p"}`, unifonic.WebhookSettings{URL: "https://h/x", BasicAuth: new(true), Username: "u"}},
		{`{"url":"https://h/x"}`, unifonic.WebhookSettings{URL: "https://h/x"}},
		{`{"url":" https://h/x ","basicAuthNeeded":"false"}`, unifonic.WebhookSettings{URL: "https://h/x", BasicAuth: new(false)}},
		{`{"url":"https://h/x","basicAuthNeeded":null,"data":null}`, unifonic.WebhookSettings{URL: "https://h/x"}},
		{`[{"url":"https://h/x"}]`, unifonic.WebhookSettings{URL: "https://h/x"}},
		{`[{"url":""},{"url":"https://h/x"}]`, unifonic.WebhookSettings{URL: "https://h/x"}},
		{`{"data":{"url":"https://h/x"}}`, unifonic.WebhookSettings{URL: "https://h/x"}},
		{`{"content":[{"url":"https://h/x","basicAuthNeeded":false}]}`, unifonic.WebhookSettings{URL: "https://h/x", BasicAuth: new(false)}},
		{`{"result":{"data":[{"url":"https://h/x"}]}}`, unifonic.WebhookSettings{URL: "https://h/x"}},
	} {
		got, err := answers(t, 200, tc.body).Webhook(t.Context())
		require.NoError(t, err, tc.body)
		require.Equal(t, tc.want, got, tc.body)
	}
	for _, c := range []*unifonic.Client{
		answers(t, 404, `{}`), answers(t, 204, ``), answers(t, 200, ``), answers(t, 200, " \n"), answers(t, 200, `null`), answers(t, 200, `[]`),
		answers(t, 200, `{}`), answers(t, 200, `{"url":null}`), answers(t, 200, `{"data":[]}`), answers(t, 200, `{"data":null}`),
	} {
		_, err := c.Webhook(t.Context())
		require.ErrorIs(t, err, unifonic.ErrNotFound)
	}
	for _, c := range []*unifonic.Client{answers(t, 200, `<html>`), answers(t, 403, `{}`), answers(t, 500, ``)} {
		_, err := c.Webhook(t.Context())
		var apiErr *unifonic.APIError
		require.ErrorAs(t, err, &apiErr)
	}
}

func TestSetWebhookSendsTheDocumentedBody(t *testing.T) {
	t.Parallel()
	const url = "https://hooks.example.com/webhooks/unifonic"
	for name, r := range map[string]unifonic.WebhookRequest{
		"webhook.json":      {URL: url, Username: "provider", Password: "s3cret-word"},
		"webhook-open.json": {URL: url},
	} {
		var body []byte
		c := provider(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ = io.ReadAll(r.Body)
			w.WriteHeader(http.StatusCreated)
		})
		require.NoError(t, c.SetWebhook(t.Context(), r))
		golden(t, name, body)
	}
}

func TestSetWebhookFails(t *testing.T) {
	t.Parallel()
	c := answers(t, 200, ``)
	require.Error(t, c.SetWebhook(t.Context(), unifonic.WebhookRequest{URL: "https://h", Username: "u"}))
	require.Error(t, c.SetWebhook(t.Context(), unifonic.WebhookRequest{URL: "https://h", Password: "p"}))
	err := answers(t, 409, `{"message":"exists"}`).SetWebhook(t.Context(), unifonic.WebhookRequest{URL: "https://h"})
	require.EqualError(t, err, "set webhook: HTTP 409: exists")
}
