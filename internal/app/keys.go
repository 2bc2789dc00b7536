package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/aftercall/aftercall/handlers"
	"github.com/aftercall/aftercall/internal/config"
	"github.com/aftercall/aftercall/internal/keys"
	"github.com/aftercall/aftercall/internal/temporalclient"
)

// How long to wait for Temporal before making keys without checking whose the namespace is, and how often to retry noting
// them there.
const (
	noteWait  = 2 * time.Second
	noteEvery = 10 * time.Second
)

// Keys returns the keys of the settings or, if they name none, of the file beside the inbox. Without that file the ring is
// empty.
func Keys(cfg config.Config) (*keys.Ring, error) {
	text, err := keysText(cfg)
	if err != nil {
		return nil, err
	}
	return text.Ring()
}

func keysText(cfg config.Config) (keys.Text, error) {
	if _, err := cfg.ReadKeys(); err != nil {
		return keys.Text{}, err
	}
	path := keys.Beside(cfg.InboxURL)
	if path == "" || named(cfg) {
		return keys.Text{Encryption: cfg.EncryptionKeys, Hash: cfg.HashKey}, nil
	}
	kept, err := keys.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return keys.Text{}, fmt.Errorf("AFTERCALL_INBOX_URL: beside it: %w", err)
	}
	return kept, nil
}

// replaceKeys installs the encryption keys of changed settings. Settings without keys change nothing, so that encrypted
// data stays readable. The hash key never changes.
func (a *App) replaceKeys(cfg config.Config) error {
	text, err := keysText(cfg)
	if err != nil || len(text.Encryption) == 0 {
		return err
	}
	return a.Keys.Replace(text.Encryption)
}

// named reports whether the settings name keys.
func named(cfg config.Config) bool { return len(cfg.EncryptionKeys) > 0 || cfg.HashKey != "" }

// EnsureKeys is Keys for a deployment of one process. If there are no keys, it makes them in a file beside the inbox, and
// logs it. If the namespace belongs to an aftercall with keys, it makes none, since neither could read the other's data,
// and logs what to do; the webhook still serves.
func EnsureKeys(ctx context.Context, cfg config.Config, target client.Options, log *slog.Logger) (*keys.Ring, error) {
	ring, err := Keys(cfg)
	path := keys.Beside(cfg.InboxURL)
	if err != nil || ring.CanSeal() || named(cfg) || path == "" {
		return ring, err
	}
	c, err := temporalclient.New(target, nil, nil, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, noteWait)
	defer cancel()
	other, err := temporalclient.KeysFingerprint(ctx, c, target.Namespace)
	if err != nil {
		log.Debug("the namespace could not be asked for its keys", "error", err)
	}
	if other != "" {
		log.Error("no keys were made: the namespace belongs to an aftercall with keys; set its AFTERCALL_ENCRYPTION_KEYS and AFTERCALL_HASH_KEY here too, or copy its file of keys beside the inbox",
			"namespace", target.Namespace, "file", path)
		return ring, nil
	}
	if err := keys.WriteFile(path, keys.New(time.Now())); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("AFTERCALL_INBOX_URL: beside it: %w", err)
	}
	log.Info("keys made: what Temporal and the inbox keep is encrypted with them; keep a copy apart from the data", "file", path)
	if ring, err = Keys(cfg); err != nil {
		return nil, err
	}
	if err := temporalclient.NoteKeys(ctx, c, target.Namespace, ring.Hash().Fingerprint()); err != nil {
		log.Debug("keys were not noted in the namespace", "error", err)
	}
	return ring, nil
}

// openKeys returns the keys of the roles, and logs missing ones.
func (a *App) openKeys(ctx context.Context, roles []Role) error {
	if a.Keys == nil {
		open := func() (*keys.Ring, error) { return Keys(a.Config) }
		if slices.Contains(roles, Serve) && slices.Contains(roles, Worker) {
			open = func() (*keys.Ring, error) { return EnsureKeys(ctx, a.Config, a.Temporal, a.Log) }
		}
		ring, err := open()
		if err != nil && a.Config.RequireEncryption {
			return fmt.Errorf("AFTERCALL_REQUIRE_ENCRYPTION: %w", err)
		}
		if err != nil {
			a.doWithoutKeys(err)
			ring = &keys.Ring{}
		}
		a.Keys = ring
	}
	a.onReload("encryption keys", a.replaceKeys)
	missing := a.Keys.Missing()
	if missing == nil || a.noKeys != nil {
		return nil
	}
	if a.Config.RequireEncryption {
		return fmt.Errorf("AFTERCALL_REQUIRE_ENCRYPTION: %w", missing)
	}
	a.Log.Warn("numbers, codes, texts and URLs are kept in clear", "error", missing, "advice", "aftercall keys new makes keys")
	return nil
}

// doWithoutKeys keeps the webhook open although the named keys are unreadable, because the provider does not repeat a
// refused notification. A missing file counts as no keys. Otherwise there are keys, and without them a known call would
// look new and a repeated request would dial again. So only the webhook works, and notifications wait in the inbox, until
// the keys are readable and the process is restarted.
func (a *App) doWithoutKeys(err error) {
	if errors.Is(err, os.ErrNotExist) {
		a.Log.Warn("the named keys do not exist", "error", err)
		return
	}
	a.noKeys = err
	a.checks = append(a.checks, handlers.Check{Name: "keys", Run: func(context.Context) error { return err }})
	a.Log.Error("keys are unreadable: aftercall only accepts notifications until you correct the keys and restart it", "error", err)
}

// noteKeys notes the hash key's fingerprint in the namespace, once Temporal answers, and warns if it has another.
func (a *App) noteKeys(ctx context.Context) {
	for ; ctx.Err() == nil; pause(ctx, noteEvery) {
		ours := a.Keys.Hash().Fingerprint()
		there, err := temporalclient.KeysFingerprint(ctx, a.temporal, a.Temporal.Namespace)
		switch {
		case err != nil:
			continue
		case there == "":
			switch err := temporalclient.NoteKeys(ctx, a.temporal, a.Temporal.Namespace, ours); {
			case temporalclient.NotAllowed(err):
				a.Log.Info("a right is refused by Temporal", "right", "UpdateNamespace", "effect", "another aftercall that makes its own keys is not detected", "error", err)
			case err != nil:
				a.Log.Debug("keys were not noted in the namespace", "error", err)
			}
		case there != ours:
			a.Log.Error("another aftercall with another AFTERCALL_HASH_KEY uses this namespace: neither finds what the other hashed",
				"namespace", a.Temporal.Namespace, "theirs", there, "ours", ours)
		}
		return
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// KeysStatus describes the keys that a process uses: ids and a fingerprint, never a key.
type KeysStatus struct {
	Encrypts string   `json:"encrypts,omitempty"` // id of the key that encrypts
	Decrypt  []string `json:"decrypt"`            // ids of those that only decrypt
	HashKey  string   `json:"hashKey,omitempty"`  // fingerprint
	// Held counts, by key id, what is encrypted, also with keys that the settings lack; "" means in clear. Uncounted says
	// why a part was not counted.
	Held      map[string]KeyHolds `json:"held,omitempty"`
	Uncounted []string            `json:"uncounted,omitempty"`
}

// KeyHolds counts what is encrypted with a key.
type KeyHolds struct {
	temporalclient.KeyUse
	Bodies int `json:"bodies"` // in the inbox
}

// Unneeded reports whether a key that only decrypts is no longer needed: everything was counted, and it holds nothing.
func (s KeysStatus) Unneeded(id string) bool {
	return len(s.Uncounted) == 0 && s.Held[id] == KeyHolds{} && slices.Contains(s.Decrypt, id)
}

// KeysOf returns the status of the keys that a process with these settings uses.
func KeysOf(cfg config.Config) (KeysStatus, error) {
	ring, err := Keys(cfg)
	if err != nil {
		return KeysStatus{}, err
	}
	s := KeysStatus{HashKey: ring.Hash().Fingerprint(), Decrypt: []string{}}
	if ids := ring.IDs(); len(ids) > 0 {
		s.Encrypts, s.Decrypt = ids[0], ids[1:]
	}
	return s, nil
}

// CountHeld counts what is encrypted with each key: in Temporal by reading all histories, in the inbox by calling inbox.
func (s *KeysStatus) CountHeld(ctx context.Context, target client.Options, inbox func(context.Context) (map[string]int, error)) {
	s.Held = map[string]KeyHolds{}
	uses, err := countTemporal(ctx, target)
	if err != nil {
		s.Uncounted = append(s.Uncounted, "Temporal: "+err.Error())
	}
	for id, use := range uses {
		s.Held[id] = KeyHolds{KeyUse: use}
	}
	bodies, err := inbox(ctx)
	if err != nil {
		s.Uncounted = append(s.Uncounted, "inbox: "+err.Error())
	}
	for id, n := range bodies {
		h := s.Held[id]
		h.Bodies = n
		s.Held[id] = h
	}
}

func countTemporal(ctx context.Context, target client.Options) (map[string]temporalclient.KeyUse, error) {
	c, err := temporalclient.New(target, nil, nil, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return temporalclient.CountKeys(ctx, c, target.Namespace)
}
