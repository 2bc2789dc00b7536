package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// highlyAvailable moves the running deployment to the profile ha, and ends each of its containers while notifications and
// requests come through the load balancer.
func (t *test) highlyAvailable(ctx context.Context, check func(string, func(context.Context) (string, error))) {
	const profile = "profile ha: "
	const begins = profile + "two serve, two workers and a load balancer take over, the inbox is copied"
	if !t.only.MatchString(begins) {
		return
	}
	over := false
	check(begins, func(ctx context.Context) (string, error) {
		seen, err := t.goOver(ctx)
		over = err == nil
		return seen, err
	})
	if !over {
		return
	}
	t.traffic.start(ctx)
	for _, service := range []string{"serve", "serve-2", "worker", "worker-2", "postgres", "balancer"} {
		check(profile+"kill "+service+" under traffic", func(ctx context.Context) (string, error) { return t.killOne(ctx, service) })
	}
	t.traffic.stop()
	check(profile+"every request has its outcome", t.outcomes)
	check(profile+"nothing acknowledged was lost", t.nothingLost)
	check(profile+"nobody was dialled twice", t.nobodyTwice)
	check(profile+"doctor", t.doctor)
}

// goOver follows docs/deploy.md.
func (t *test) goOver(ctx context.Context) (string, error) {
	if err := t.remember(ctx); err != nil { // the simulator is created again
		return "", err
	}
	c := t.compose
	if _, err := c.do(ctx, "stop", "serve"); err != nil {
		return "", err
	}
	c.profile = "ha"
	c.env = append(c.env, "AFTERCALL_INBOX_URL=", "AFTERCALL_INBOX_URL_FILE=/run/inbox/url", "AFTERCALL_TRUSTED_PROXIES=172.16.0.0/12,10.0.0.0/8",
		"SIMULATOR_WEBHOOK_URL=http://balancer:8082/webhooks/unifonic")
	if _, err := c.do(ctx, "up", "-d", "--wait", "postgres"); err != nil { // on the inbox's network
		return "", err
	}
	if _, err := c.do(ctx, "run", "--rm", "-T", "inbox-database"); err != nil {
		return "", err
	}
	out, err := c.do(ctx, "run", "--rm", "-T", "--no-deps", "serve", "inbox", "copy", "sqlite:/data/inbox/inbox.db", "@/run/inbox/url")
	if err != nil {
		return "", err
	}
	copied := ""
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "copied") {
			copied = strings.TrimSpace(line)
		}
	}
	if copied == "" {
		return "", fmt.Errorf("inbox copy said %q", out)
	}
	if err := c.up(ctx); err != nil {
		return "", err
	}
	t.client.at.api, t.client.at.webhook = t.client.at.balancedAPI, t.client.at.balancedWebhook
	t.traffic = newTraffic(t.client)
	return copied, eventually(ctx, time.Minute, func() error {
		status, _, err := t.client.send(ctx, http.MethodGet, t.client.at.webhook+"/healthz", nil, nil)
		if err == nil && status != http.StatusOK {
			err = errors.New(answered(status, err))
		}
		return err
	})
}

// killOne ends a container for some seconds, during which the others continue.
func (t *test) killOne(ctx context.Context, service string) (string, error) {
	wait(ctx, 3*time.Second) // traffic before
	before, refused := t.traffic.count()
	began := time.Now()
	if _, err := t.compose.do(ctx, "kill", service); err != nil {
		return "", err
	}
	wait(ctx, 6*time.Second)
	taken, turned := t.traffic.count()
	if _, err := t.compose.do(ctx, "up", "-d", "--no-deps", "--wait", "--wait-timeout", "120", service); err != nil {
		return "", err
	}
	without := service == "postgres" || service == "balancer" // there is only one of these
	if taken == before && !without {
		return "", errors.New("nothing was acknowledged while it was away")
	}
	err := eventually(ctx, 2*time.Minute, func() error {
		_, err := t.compose.do(ctx, "up", "-d", "--no-deps", "--no-recreate", "--wait", "--wait-timeout", "60",
			"serve", "serve-2", "worker", "worker-2", "temporal", "balancer")
		return err
	})
	return fmt.Sprintf("%d notifications acknowledged and %d tries not while it was away, all healthy after %.1f s",
		taken-before, turned-refused, time.Since(began).Seconds()), err
}
