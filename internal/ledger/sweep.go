package ledger

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Lifetime is how long claims, dials of persons and idempotency keys are kept: longer than a request lives, and longer than
// Temporal keeps anything that it could be restored to.
const Lifetime = 35 * 24 * time.Hour

// draftLifetime is the age at which a temporary file counts as a killed writer's. Sweep removes it then, like a probe object.
const draftLifetime = time.Hour

// Sweep removes what is older than Lifetime, except suppressions and notes, and returns how many objects that was.
func (l *Ledger) Sweep(ctx context.Context, now time.Time) (removed int, err error) {
	for _, dir := range []string{dials, persons, suppressed, requests, notes, probes} {
		err := l.objects.list(ctx, dir, func(o object) error {
			limit := Lifetime
			switch {
			case isDraft(o.name), dir == probes:
				limit = draftLifetime
			case dir == suppressed, dir == notes:
				return nil
			}
			if now.Sub(o.written) <= limit {
				return nil
			}
			err := l.objects.remove(ctx, o.name)
			if errors.Is(err, errMissing) {
				return nil // another worker was faster
			}
			if err == nil {
				removed++
			}
			return err
		})
		if err != nil {
			return removed, fmt.Errorf("sweep the dial ledger: %w", err)
		}
	}
	return removed, nil
}

// ErrNotExclusive says that the ledger's place lets an object be created twice: then nothing may be dialled.
var ErrNotExclusive = errors.New("the dial ledger is in a place where a second write does not fail: it must know If-None-Match")

// Probe proves that posts can be claimed now, and only once, by writing a small object twice. It removes the object.
func (l *Ledger) Probe(ctx context.Context) error {
	name := probes + "/" + strings.ToLower(rand.Text())
	if err := l.bounded(ctx, func(ctx context.Context) error { return l.objects.create(ctx, name, []byte("{}")) }); err != nil {
		return fmt.Errorf("write to the dial ledger: %w", err)
	}
	err := l.bounded(ctx, func(ctx context.Context) error { return l.objects.create(ctx, name, []byte("{}")) })
	switch {
	case err == nil:
		return ErrNotExclusive
	case !errors.Is(err, errExists):
		return fmt.Errorf("write to the dial ledger: %w", err)
	}
	if err := l.bounded(ctx, func(ctx context.Context) error { return l.objects.remove(ctx, name) }); err != nil {
		return fmt.Errorf("remove from the dial ledger: %w", err)
	}
	return nil
}

// bounded runs f within the time that a write may take.
func (l *Ledger) bounded(ctx context.Context, f func(context.Context) error) error {
	return within(ctx, writeLimit, f)
}
