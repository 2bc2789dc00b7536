package dev

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// data is the folder with everything that is kept.
type data struct {
	dir         string
	kept        bool // not removed at the end
	credentials Credentials
	lock        *os.File
}

// openData prepares the requested folder, or one of our own that close removes.
func openData(asked string) (*data, error) {
	if asked == "" {
		dir, err := os.MkdirTemp("", "aftercall-dev-")
		if err != nil {
			return nil, fmt.Errorf("make a folder: %w", err)
		}
		return &data{dir: dir, credentials: NewCredentials()}, nil
	}
	dir, err := fromCaller(asked)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("--data: %w", err)
	}
	d := &data{dir: dir, kept: true}
	if err := d.takeLock(); err != nil {
		return nil, err
	}
	if d.credentials, err = keptCredentials(filepath.Join(dir, "credentials.json")); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

// takeLock makes sure that nobody else writes here. The kernel releases the lock however we end.
func (d *data) takeLock() error {
	lock, err := os.OpenFile(filepath.Join(d.dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("--data: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close()
		return fmt.Errorf("--data: another process uses %s", d.dir)
	}
	d.lock = lock
	return nil
}

// keptCredentials returns the credentials of the first start in this folder, so that saved ones stay valid.
func keptCredentials(file string) (Credentials, error) {
	var c Credentials
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		c = NewCredentials()
		if text, err = json.MarshalIndent(c, "", "  "); err != nil {
			return c, fmt.Errorf("encode credentials: %w", err)
		}
		if err := os.WriteFile(file, append(text, '\n'), 0o600); err != nil {
			return c, fmt.Errorf("keep credentials: %w", err)
		}
		return c, nil
	}
	if err != nil {
		return c, fmt.Errorf("read credentials: %w", err)
	}
	if err := json.Unmarshal(text, &c); err != nil || c.APIKey == "" || c.WebhookUser == "" || c.WebhookPassword == "" {
		return c, fmt.Errorf("read credentials: %s is damaged; delete it and new ones are made", file)
	}
	return c, nil
}

func (d *data) close() error {
	if d.lock != nil {
		return d.lock.Close()
	}
	return os.RemoveAll(d.dir)
}

// fromCaller makes a path absolute, relative to the directory in which the user typed the command. That is not our working
// directory: `go run -C devstack .` changes it. The Makefile names it; without the Makefile PWD does, which `go run` leaves
// unchanged and every shell keeps right.
func fromCaller(path string) (string, error) {
	if filepath.IsAbs(path) {
		return filepath.Clean(path), nil
	}
	if rest, ok := strings.CutPrefix(path, "~/"); ok { // --data=~/x is not expanded by every shell
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("--data: %w", err)
		}
		return filepath.Join(home, rest), nil
	}
	for _, name := range []string{"AFTERCALL_DEV_CWD", "PWD"} {
		if base := os.Getenv(name); filepath.IsAbs(base) {
			return filepath.Join(base, path), nil
		}
	}
	dir, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("--data: %w", err)
	}
	return dir, nil
}
