package unifonic

import (
	"context"
	"net/http"
	"strconv"
	"strings"
)

const webhookPath = "providers/webhook"

// WebhookSettings are the registered settings of an application. What the answer leaves out is nil or "": its shape is
// undocumented.
type WebhookSettings struct {
	URL       string
	BasicAuth *bool
	Username  string
}

// WebhookRequest registers URL for all call updates of an application. With a Username and a Password the provider
// authenticates itself by HTTP Basic.
type WebhookRequest struct {
	URL      string
	Username string
	Password string
}

// webhookBody is the request on the wire, as on the provider's webhook page.
type webhookBody struct {
	URL             string `json:"url"`
	BasicAuthNeeded bool   `json:"basicAuthNeeded"`
	Username        string `json:"username,omitempty"`
	Password        string `json:"password,omitempty"`
}

// WebhookOption chooses the application of a webhook operation; the default is that of outgoing calls.
type WebhookOption func(c *Client, r *request)

// ForMasking chooses the number masking application.
func ForMasking() WebhookOption {
	return func(c *Client, r *request) { r.appsID = c.maskingAppsID }
}

// Webhook reads the registered settings. Errors: ErrNotFound if there are none, else *APIError.
func (c *Client) Webhook(ctx context.Context, opts ...WebhookOption) (WebhookSettings, error) {
	const op = "read webhook"
	a := c.do(ctx, c.webhookRequest(http.MethodGet, nil, opts))
	if a.status == http.StatusNotFound {
		return WebhookSettings{}, ErrNotFound
	}
	if !a.ok() {
		return WebhookSettings{}, c.apiError(op, a, "")
	}
	if strings.TrimSpace(string(a.body)) == "" {
		return WebhookSettings{}, ErrNotFound
	}
	v, err := decode(a.body)
	if err != nil {
		return WebhookSettings{}, c.apiError(op, a, "the answer cannot be read: "+err.Error())
	}
	list, _ := objects(v, "url")
	for _, o := range list {
		if s := (WebhookSettings{URL: o.said("url"), BasicAuth: boolOf(o["basicAuthNeeded"]), Username: o.text("username")}); s.URL != "" {
			return s, nil
		}
	}
	return WebhookSettings{}, ErrNotFound
}

// SetWebhook registers a webhook. The effect of a second registration is undocumented: compare with Webhook first, and
// read again afterwards. Errors are *APIError.
func (c *Client) SetWebhook(ctx context.Context, r WebhookRequest, opts ...WebhookOption) error {
	const op = "set webhook"
	if (r.Username == "") != (r.Password == "") {
		return &APIError{Op: op, Message: "a username and a password are needed, or neither"}
	}
	body := webhookBody{URL: r.URL, BasicAuthNeeded: r.Username != "", Username: r.Username, Password: r.Password}
	req := c.webhookRequest(http.MethodPost, body, opts)
	req.secret = r.Password
	a := c.do(ctx, req)
	if a.ok() {
		return nil
	}
	return c.apiError(op, a, "")
}

func (c *Client) webhookRequest(method string, body any, opts []WebhookOption) request {
	r := request{
		method: method, path: webhookPath, body: body, appsID: c.appsID,
		once: method == http.MethodPost, bothHeaders: true,
	}
	for _, opt := range opts {
		opt(c, &r)
	}
	return r
}

// boolOf reads a boolean or its text; nil for anything else.
func boolOf(v any) *bool {
	b, err := strconv.ParseBool(clean(textOf(v)))
	if err != nil {
		return nil
	}
	return &b
}
