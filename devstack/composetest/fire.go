package main

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// disturb ends a container and waits until the deployment is healthy again.
func (t *test) disturb(ctx context.Context, how, service string) (string, error) {
	if service == "simulator" { // it remembers nothing: its calls are read before, with no call in progress
		t.traffic.stopDialling()
		if _, err := t.outcomes(ctx); err != nil {
			return "", err
		}
		if err := t.remember(ctx); err != nil {
			return "", err
		}
		defer t.traffic.startDialling(ctx)
	}
	wait(ctx, 3*time.Second) // traffic before
	began := time.Now()
	if _, err := t.compose.do(ctx, how, service); err != nil {
		return "", err
	}
	down := time.Since(began)
	if _, err := t.compose.do(ctx, "up", "-d", "--no-deps", "--wait", "--wait-timeout", "120", service); err != nil {
		return "", err
	}
	healthy := time.Since(began)
	err := eventually(ctx, 2*time.Minute, func() error {
		_, err := t.compose.do(ctx, "up", "-d", "--no-deps", "--no-recreate", "--wait", "--wait-timeout", "60", "serve", "worker", "temporal")
		return err
	})
	return fmt.Sprintf("%s took %.1f s, healthy after %.1f s", how, down.Seconds(), healthy.Seconds()), err
}

// killServeAlone kills serve while only the inbox holds the notifications.
func (t *test) killServeAlone(ctx context.Context) (string, error) {
	if _, err := t.compose.do(ctx, "stop", "temporal"); err != nil {
		return "", err
	}
	wait(ctx, 4*time.Second)
	if _, err := t.compose.do(ctx, "kill", "serve"); err != nil {
		return "", err
	}
	return "", t.compose.up(ctx)
}

// remember adds the calls that the simulator has accepted to those from before its restart.
func (t *test) remember(ctx context.Context) error {
	list, err := t.client.dialled(ctx)
	for _, d := range list {
		t.placed[d.CallID] = d
	}
	return err
}

// outcomes waits until every request is settled. A request whose dial was interrupted before anybody could know whether the
// provider accepted it ends as UNKNOWN, and is not dialled again.
func (t *test) outcomes(ctx context.Context) (string, error) {
	count := map[string]int{}
	for reference := range t.traffic.requests {
		r, err := t.outcome(ctx, reference, 4*time.Minute)
		if err != nil {
			return "", fmt.Errorf("%s: %w: %+v", reference, err, r)
		}
		count[r.Outcome.Status]++
	}
	if count["COMPLETED"]+count["UNKNOWN"] != len(t.traffic.requests) {
		return "", fmt.Errorf("outcomes %v", count)
	}
	return fmt.Sprintf("%d requests: %v", len(t.traffic.requests), count), nil
}

// nothingLost looks up every call with an acknowledged notification.
func (t *test) nothingLost(ctx context.Context) (string, error) {
	dead, err := t.compose.do(ctx, "exec", "-T", "serve", "/usr/local/bin/aftercall", "inbox", "list", "--output", "json")
	if err != nil {
		return "", err
	}
	for key, status := range t.traffic.acked {
		err := eventually(ctx, 2*time.Minute, func() error {
			found, err := t.client.call(ctx, key, "1s")
			if err != nil {
				return err
			}
			if len(found.Legs) != 1 || found.Legs[0].Status != status {
				return fmt.Errorf("%s is known as %+v, not %s", key, found.Legs, status)
			}
			return nil
		})
		if err != nil && !strings.Contains(dead, key) {
			return "", err
		}
	}
	var letters struct{ DeadLetters []json.RawMessage }
	if err := json.Unmarshal([]byte(dead), &letters); err != nil {
		return "", fmt.Errorf("read dead letters: %w", err)
	}
	return fmt.Sprintf("%d notifications of %d calls, %d tries not answered 2xx, at most %.1f s until one was, %d dead letters",
		t.traffic.answers, len(t.traffic.acked), t.traffic.refused, t.traffic.worst.Seconds(), len(letters.DeadLetters)), nil
}

// nobodyTwice compares the calls that the simulator accepted with the requests.
func (t *test) nobodyTwice(ctx context.Context) (string, error) {
	if err := t.remember(ctx); err != nil {
		return "", err
	}
	attempts, people := map[string]int{}, map[string]int{}
	for _, d := range t.placed {
		attempts[d.ReferenceID]++
		people[d.To]++
	}
	for reference, n := range attempts {
		if n > 1 {
			return "", fmt.Errorf("attempt %s was dialled %d times", reference, n)
		}
	}
	for to, n := range people {
		if allowed := map[bool]int{true: 2, false: 1}[strings.HasSuffix(to, "04")]; n > allowed {
			return "", fmt.Errorf("a number ending in %s was dialled %d times", to[len(to)-2:], n)
		}
	}
	return fmt.Sprintf("%d attempts to %d numbers", len(attempts), len(people)), nil
}

func (t *test) noNumbers(ctx context.Context) (string, error) {
	text, err := t.compose.logs(ctx)
	if err != nil {
		return "", err
	}
	if found := regexp.MustCompile(`9665\d{8}|96611000000\d`).FindString(text); found != "" {
		at := strings.Index(text, found)
		return "", fmt.Errorf("…%s…", text[max(0, at-120):min(len(text), at+60)])
	}
	return fmt.Sprintf("%d lines", strings.Count(text, "\n")), nil
}
