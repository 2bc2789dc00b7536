package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// upgrade starts the deployment from settings, secrets and volumes of the time before keys and a dial ledger. If a release
// is named, it runs first and makes them.
func (t *test) upgrade(ctx context.Context) (seen string, err error) {
	defer func() {
		_, down := t.compose.do(ctx, "down", "-v")
		t.recorded = ""
		err = errors.Join(err, down, t.compose.makeSecrets(ctx))
	}()
	if err := os.RemoveAll(filepath.Join(t.compose.dir, "secrets", "keys")); err != nil {
		return "", err
	}
	if t.from != "" {
		if err := t.release(ctx); err != nil {
			return "", fmt.Errorf("release %s: %w", t.from, err)
		}
	}
	if err := t.compose.up(ctx); err != nil {
		return "", err
	}
	if t.recorded != "" {
		if err := t.playsRecording(ctx); err != nil {
			return "", fmt.Errorf("of the call before: %w", err)
		}
		if r, err := t.client.request(ctx, "is-recorded", "1s"); err != nil || r.Outcome == nil || len(r.Attempts) != 1 {
			return "", fmt.Errorf("of the request before: %+v (%w)", r, err)
		}
	}
	if err := t.client.place(ctx, "without-keys", "+966500000104"); err != nil {
		return "", err
	}
	r, err := t.outcome(ctx, "without-keys", time.Minute)
	if err != nil || r.Outcome.Status != "COMPLETED" {
		return "", fmt.Errorf("a call without keys: %+v (%w)", r, err)
	}
	text, err := t.compose.do(ctx, "logs", "--no-color", "serve", "worker")
	if err != nil || strings.Count(text, "kept in clear") < 2 {
		return "", fmt.Errorf("nobody says that it goes on in clear (%w)", err)
	}
	found, err := t.compose.do(ctx, "run", "--rm", "-T", "cli", "doctor")
	if err == nil || strings.Count(found, "✗") != 1 || !strings.Contains(found, "AFTERCALL_ENCRYPTION_KEYS") {
		return "", fmt.Errorf("doctor says %s (%w)", found, err)
	}
	return "in clear, and doctor says so", nil
}

// release runs an earlier release on the same volumes and secrets, places and records a call with it, and ends it.
func (t *test) release(ctx context.Context) error {
	tree, err := os.MkdirTemp("", "compose-test-release")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(tree) }()
	archive := exec.CommandContext(ctx, "sh", "-c", `git archive "$1" | tar -x -C "$2"`, "sh", t.from, tree)
	archive.Dir = t.compose.root
	if out, err := archive.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	if err := os.CopyFS(filepath.Join(tree, "secrets"), os.DirFS(filepath.Join(t.compose.dir, "secrets"))); err != nil {
		return err
	}
	old := *t.compose
	old.root, old.dir, old.env = tree, tree, append(old.env, "AFTERCALL_IMAGE_TAG="+t.from)
	if _, err := old.do(ctx, "build", "--quiet"); err != nil {
		return err
	}
	if err := old.up(ctx); err != nil {
		return err
	}
	if _, err := t.keepsRecording(ctx); err != nil {
		return err
	}
	_, err = old.do(ctx, "down")
	return err
}
