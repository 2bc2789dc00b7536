package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aftercall/aftercall/internal/desk"
	"github.com/aftercall/aftercall/internal/ledger"
)

// openLedger opens the dial ledger; a worker also sweeps it. A worker does not start with an invalid place. It starts with
// an unavailable one: nothing is dialled until it is back, and everything else works. A serve alone uses it only for
// suppressions.
func (a *App) openLedger(ctx context.Context, roles []Role) error {
	dials := slices.Contains(roles, Worker)
	l, err := ledger.Open(ctx, a.Config.DialLedgerURL)
	if err != nil && !dials {
		a.Log.Warn("the dial ledger cannot be opened: this serve cannot suppress numbers", "setting", "AFTERCALL_DIAL_LEDGER_URL", "error", err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("AFTERCALL_DIAL_LEDGER_URL: %w", err)
	}
	a.onStop("dial ledger", func(context.Context) error { return l.Close() })
	a.ledger = l
	if slices.Contains(roles, Serve) {
		a.background("names of recordings", a.noteObjects)
	}
	if !dials {
		return nil
	}
	switch err := l.Probe(ctx); {
	case errors.Is(err, ledger.ErrNotExclusive):
		return fmt.Errorf("AFTERCALL_DIAL_LEDGER_URL: %w", err)
	case err != nil:
		a.Log.Error("the dial ledger cannot be written: nothing is dialled until it is writable", "where", l.Where(), "error", err)
	}
	if r := a.Config.DialRules(); r.PersonRules() && !a.Keys.Hash().Ready() {
		return errors.New("AFTERCALL_PERSON_DAILY and AFTERCALL_PERSON_GAP need AFTERCALL_HASH_KEY: set it to the output of aftercall keys new")
	}
	a.background("age of the dial ledger", a.sayLedgerIsNew)
	a.background("dial ledger sweep", func(ctx context.Context) { a.sweepLedger(ctx, l) })
	return nil
}

// sayLedgerIsNew says so where the namespace has requests from before the ledger was made: a volume that is not mounted
// looks like an empty ledger.
func (a *App) sayLedgerIsNew(ctx context.Context) {
	for ; ctx.Err() == nil; pause(ctx, noteEvery) {
		made, err := a.ledger.Made(ctx, a.clock.Now())
		if err != nil {
			continue
		}
		older, err := desk.OlderRequests(ctx, a.temporal, a.Temporal.Namespace, made)
		switch {
		case desk.Means(err, desk.ErrRefused):
		case err != nil:
			continue
		case older > 0:
			a.Log.Error("the dial ledger is newer than requests of this namespace: what was dialled and who was suppressed before is not in it. "+
				"If it should be, run aftercall dial stop, then mount or restore it", "where", a.ledger.Where(), "made", made, "requests", older)
		}
		return
	}
}

// noteKeyed names the note of when keyed hashes first replaced idempotency keys.
const noteKeyed = "keyed-idempotency-keys"

// noteObjects names the note that a serve finds recordings by keyed names.
const noteObjects = "keyed-recordings"

// keyedObjects reports whether recordings may be stored under names that a serve of an earlier release does not look for:
// one of this release has noted in the ledger that it is there.
func (a *App) keyedObjects() bool {
	if a.keyedNames.Load() || a.ledger == nil {
		return a.keyedNames.Load()
	}
	noted, err := a.ledger.Noted(context.Background(), noteObjects)
	if err != nil {
		a.Log.Warn("the dial ledger could not be asked how recordings are named", "error", err)
	}
	a.keyedNames.Store(noted)
	return noted
}

// noteObjects notes that this serve finds recordings by keyed names, once the ledger takes it.
func (a *App) noteObjects(ctx context.Context) {
	for ; ctx.Err() == nil; pause(ctx, noteEvery) {
		if _, err := a.ledger.Since(ctx, noteObjects, time.Now()); err == nil {
			a.keyedNames.Store(true)
			return
		}
	}
}

// former says how far releases are to be minded that knew no keyed hashes of idempotency keys. What they dialled counts for
// as long as the ledger keeps it.
func (a *App) former() desk.Former {
	switch {
	case !a.gate.Minded():
		return desk.FormerWorks
	case a.ledger == nil:
		return desk.FormerRemembers
	}
	since := a.keyedSince.Load()
	if since == nil {
		at, err := a.ledger.Since(context.Background(), noteKeyed, time.Now())
		if err != nil {
			a.Log.Warn("the dial ledger could not be asked since when idempotency keys stand as keyed hashes", "error", err)
			return desk.FormerRemembers
		}
		since = &at
		a.keyedSince.Store(since)
	}
	if time.Since(*since) < ledger.Lifetime {
		return desk.FormerRemembers
	}
	return desk.FormerGone
}

// sweepLedger forgets what the dial ledger need no longer keep, once a day.
func (a *App) sweepLedger(ctx context.Context, l *ledger.Ledger) {
	tick := time.NewTicker(24 * time.Hour)
	defer tick.Stop()
	for {
		removed, err := l.Sweep(ctx, time.Now())
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			a.Log.Warn("dial ledger was not swept", "error", err)
		default:
			a.Log.Debug("dial ledger swept", "removed", removed)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
