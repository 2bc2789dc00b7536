package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// volumes are the volumes in a backup. The dial ledger is not among them: restore keeps it.
var volumes = []string{"inbox", "recordings", "database"}

// restore backs up the volumes, removes them and starts again from the backup, with the commands of docs/deploy.md.
func (t *test) restore(ctx context.Context) (string, error) {
	folder, err := os.MkdirTemp("", "compose-test-backup")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(folder) }()

	claims, err := t.claims(ctx)
	if err != nil {
		return "", err
	}
	if _, err := t.compose.do(ctx, "stop"); err != nil {
		return "", err
	}
	var size int64
	for _, v := range volumes {
		if err := t.tar(ctx, v+":/volume:ro", folder+":/backup", "-czf", v); err != nil {
			return "", err
		}
		info, err := os.Stat(filepath.Join(folder, v+".tar.gz"))
		if err != nil {
			return "", err
		}
		size += info.Size()
	}
	if _, err := t.compose.do(ctx, "down"); err != nil {
		return "", err
	}
	for _, v := range volumes {
		if _, err := t.compose.docker(ctx, "volume", "rm", t.compose.project+"_"+v); err != nil {
			return "", err
		}
	}
	if _, err := t.compose.do(ctx, "up", "--no-start"); err != nil {
		return "", err
	}
	for _, v := range volumes {
		if err := t.tar(ctx, v+":/volume", folder+":/backup:ro", "-xzf", v); err != nil {
			return "", err
		}
	}
	if err := t.compose.up(ctx); err != nil {
		return "", err
	}
	found, err := t.client.call(ctx, t.recorded, "20s")
	if err != nil || found.Outcome == nil || found.Outcome.Status != "COMPLETED" {
		return "", fmt.Errorf("a call from before: %+v (%v)", found, err)
	}
	if kept, err := t.claims(ctx); err != nil || kept < claims {
		return "", fmt.Errorf("%d of %d claims in the dial ledger (%w)", kept, claims, err)
	}
	return fmt.Sprintf("%.1f MB packed, %d dials still claimed", float64(size)/1e6, claims), t.playsRecording(ctx)
}

func (t *test) tar(ctx context.Context, volume, backup, mode, name string) error {
	_, err := t.compose.docker(ctx, "run", "--rm", "-v", t.compose.project+"_"+volume, "-v", backup, "postgres:17",
		"tar", "-C", "/volume", mode, "/backup/"+name+".tar.gz", ".")
	return err
}
