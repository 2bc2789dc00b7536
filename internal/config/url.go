package config

import (
	"net/url"
	"strings"
)

// HideURL returns a URL without its secrets: the password, and the values of its query, where drivers of stores and
// databases expect keys. A text that is no URL stays as it is.
func HideURL(text string) string {
	if !strings.Contains(text, "://") {
		return text
	}
	u, err := url.Parse(text)
	if err != nil {
		return "(no valid URL)"
	}
	query := u.Query()
	for name := range query {
		if secretName(name) {
			query.Set(name, "xxxxx")
			u.RawQuery = query.Encode()
		}
	}
	return u.Redacted()
}

func secretName(name string) bool {
	name = strings.ToLower(name)
	for _, part := range []string{"secret", "password", "passwd", "pwd", "token", "key", "credential", "sig", "auth"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// WithoutURL returns the text of an error about a URL without the URL's secrets.
func WithoutURL(err error, rawURL string) string {
	text := err.Error()
	hidden := HideURL(rawURL)
	if hidden == rawURL {
		return text
	}
	text = strings.ReplaceAll(text, rawURL, hidden)
	u, parseErr := url.Parse(rawURL)
	if parseErr != nil {
		return "the URL cannot be read"
	}
	secrets := []string{}
	if password, ok := u.User.Password(); ok {
		secrets = append(secrets, password)
	}
	for name, values := range u.Query() {
		if secretName(name) {
			secrets = append(secrets, values...)
		}
	}
	for _, s := range secrets {
		for _, form := range []string{s, url.QueryEscape(s), url.PathEscape(s)} {
			if form != "" {
				text = strings.ReplaceAll(text, form, "xxxxx")
			}
		}
	}
	return text
}
