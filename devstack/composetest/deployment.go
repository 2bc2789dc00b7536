package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

func (t *test) build(ctx context.Context) (string, error) {
	source := *t.compose
	source.dir = source.root
	_, err := source.do(ctx, "build", "--quiet")
	return "", err
}

func (t *test) start(ctx context.Context) (string, error) {
	if err := t.compose.up(ctx); err != nil {
		return "", err
	}
	found, err := t.compose.containers(ctx)
	if err != nil {
		return "", err
	}
	var seen []string
	for _, c := range found {
		seen = append(seen, c.service()+" "+c.State.Status)
	}
	slices.Sort(seen)
	return strings.Join(seen, ", "), nil
}

// hardened checks the engine's description of the containers, not the file.
func (t *test) hardened(ctx context.Context) (string, error) {
	found, err := t.compose.containers(ctx)
	if err != nil {
		return "", err
	}
	var wrong []error
	for _, c := range found {
		complain := func(what string) { wrong = append(wrong, fmt.Errorf("%s %s", c.service(), what)) }
		if !c.HostConfig.ReadonlyRootfs {
			complain("can write its root file system")
		}
		if !slices.Equal(c.HostConfig.CapDrop, []string{"ALL"}) || len(c.HostConfig.CapAdd) > 0 {
			complain("has capabilities")
		}
		if !slices.Contains(c.HostConfig.SecurityOpt, "no-new-privileges:true") {
			complain("may gain privileges")
		}
		if user, _, _ := strings.Cut(c.Config.User, ":"); user == "" || user == "0" || user == "root" {
			complain("runs as root")
		}
		if c.HostConfig.RestartPolicy.Name == "no" {
			complain("is not restarted")
		}
		for port, bindings := range c.HostConfig.PortBindings {
			for _, b := range bindings {
				if b.HostIP != "127.0.0.1" {
					complain("publishes " + port + " beyond loopback")
				}
			}
		}
	}
	// The test itself publishes the webhook on loopback; a deployer's ports are in the file.
	text, err := t.compose.do(ctx, "config", "--format", "json", "--no-interpolate")
	if err != nil {
		return "", err
	}
	open := regexp.MustCompile(`0\.0\.0\.0:(\d+)}:(\d+)`).FindAllString(text, -1)
	if len(open) != 1 || !strings.HasSuffix(open[0], ":8082") {
		wrong = append(wrong, fmt.Errorf("published beyond loopback: %v", open))
	}
	return fmt.Sprintf("%d containers", len(found)), errors.Join(wrong...)
}

func (t *test) webhookAlone(ctx context.Context) (string, error) {
	if status, _, err := t.client.send(ctx, http.MethodGet, t.client.at.webhook+"/healthz", nil, nil); err != nil || status != http.StatusOK {
		return "", fmt.Errorf("GET /healthz on the webhook's listener: %s", answered(status, err))
	}
	for _, path := range []string{"/v1/calls/x", "/docs", "/openapi.json", "/readyz", "/metrics", "/decode", "/"} {
		status, _, err := t.client.send(ctx, http.MethodGet, t.client.at.webhook+path, nil, nil)
		if err != nil || status != http.StatusNotFound {
			return "", fmt.Errorf("GET %s on the webhook's listener: %s", path, answered(status, err))
		}
	}
	status, _, err := t.client.send(ctx, http.MethodPost, t.client.at.webhook+"/webhooks/unifonic", []byte("{}"), nil)
	if err != nil || status != http.StatusUnauthorized {
		return "", fmt.Errorf("webhook without credentials: %s", answered(status, err))
	}
	return "", nil
}

// secrets starts services with invalid secrets.
func (t *test) secrets(ctx context.Context) (string, error) {
	var seen []string
	for _, c := range []struct{ service, setting, names string }{
		{"serve", "AFTERCALL_WEBHOOK_CREDENTIALS_FILE=/run/secrets/nothing", "AFTERCALL_WEBHOOK_CREDENTIALS_FILE"},
		{"serve", "AFTERCALL_WEBHOOK_CREDENTIALS_FILE=/run/secrets/api_keys_missing", "AFTERCALL_WEBHOOK_CREDENTIALS_FILE"},
		{"serve", "AFTERCALL_API_KEYS_FILE=/etc/hostname", "AFTERCALL_API_KEYS"},
		{"worker", "AFTERCALL_UNIFONIC_APPS_ID_FILE=/dev/null", "AFTERCALL_UNIFONIC_APPS_ID_FILE"},
		{"worker", "AFTERCALL_UNIFONIC_APPS_ID_FILE=", "AFTERCALL_UNIFONIC_APPS_ID"},
	} {
		out, err := t.compose.do(ctx, "run", "--rm", "--no-deps", "-T", "-e", c.setting, c.service)
		if err == nil {
			return "", fmt.Errorf("%s starts with %s", c.service, c.setting)
		}
		var lines []string
		for line := range strings.Lines(out) {
			if strings.Contains(line, "AFTERCALL_") {
				lines = append(lines, strings.TrimSpace(line))
			}
		}
		if len(lines) != 1 || !strings.Contains(lines[0], c.names) {
			return "", fmt.Errorf("%s with %s said %q", c.service, c.setting, out)
		}
		seen = append(seen, lines[0])
	}
	return "e.g. " + seen[0], nil
}

func (t *test) temporalUI(ctx context.Context) (string, error) {
	status, body, err := t.client.send(ctx, http.MethodGet, t.client.at.ui+"/api/v1/namespaces/default/search-attributes", nil, nil)
	if err != nil || status != http.StatusOK {
		return "", errors.New(answered(status, err))
	}
	if !strings.Contains(string(body), "CallId") {
		return "", errors.New("the search attribute CallId is missing")
	}
	return "it knows our search attributes", nil
}

// doctor runs doctor, which fails if one of its checks does.
func (t *test) doctor(ctx context.Context) (string, error) {
	out, err := t.compose.do(ctx, "run", "--rm", "-T", "cli", "doctor")
	return fmt.Sprintf("%d checks", strings.Count(out, "✓")), err
}

func (t *test) down(ctx context.Context) (string, error) {
	if _, err := t.compose.do(ctx, "down", "-v"); err != nil {
		return "", err
	}
	left, err := t.compose.docker(ctx, "volume", "ls", "-q", "--filter", "label=com.docker.compose.project="+t.compose.project)
	if err == nil && strings.TrimSpace(left) != "" {
		err = fmt.Errorf("volumes %s", left)
	}
	return "", err
}
