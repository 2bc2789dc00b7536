package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// bound is the content of an object in requests.
type bound struct {
	ReferenceID string    `json:"referenceId"`
	At          time.Time `json:"at"`
}

// Bind records the request of an idempotency key, under a name that stands for the key. It returns the referenceId that
// was recorded first.
func (l *Ledger) Bind(ctx context.Context, key, referenceID string) (string, error) {
	content, err := json.Marshal(bound{ReferenceID: referenceID, At: time.Now().UTC()})
	if err != nil {
		return "", fmt.Errorf("encode an idempotency key: %w", err)
	}
	first, err := l.first(ctx, requests+"/"+key, content)
	var b bound
	if err == nil {
		err = json.Unmarshal(first, &b)
	}
	if err != nil {
		return "", fmt.Errorf("note an idempotency key: %w", err)
	}
	return b.ReferenceID, nil
}

// Since returns when a note was first made under a name. If there is none, it makes one and returns now. Notes stay.
func (l *Ledger) Since(ctx context.Context, name string, now time.Time) (at time.Time, err error) {
	first, err := l.first(ctx, notes+"/"+name, []byte(now.UTC().Format(time.RFC3339)))
	if err == nil {
		at, err = time.Parse(time.RFC3339, string(first))
	}
	if err != nil {
		return at, fmt.Errorf("note in the dial ledger: %w", err)
	}
	return at, nil
}

// noteMade names the note of when the ledger was made.
const noteMade = "made"

// Made returns since when the ledger is there: now, if nothing has been recorded in it. It returns the zero time for a
// ledger of a release that did not note it.
func (l *Ledger) Made(ctx context.Context, now time.Time) (time.Time, error) {
	noted, err := l.Noted(ctx, noteMade)
	if err != nil {
		return time.Time{}, err
	}
	for _, part := range []string{dials, suppressed} {
		if noted {
			break
		}
		err := l.bounded(ctx, func(ctx context.Context) error {
			return l.objects.list(ctx, part, func(object) error { return errExists })
		})
		switch {
		case errors.Is(err, errExists):
			noted, now = true, time.Time{}
		case err != nil:
			return time.Time{}, fmt.Errorf("look into the dial ledger: %w", err)
		}
	}
	return l.Since(ctx, noteMade, now)
}

// Noted reports whether there is a note under a name.
func (l *Ledger) Noted(ctx context.Context, name string) (bool, error) {
	_, err := l.readObject(ctx, notes+"/"+name)
	if errors.Is(err, errMissing) {
		return false, nil
	}
	if err != nil {
		err = fmt.Errorf("read a note of the dial ledger: %w", err)
	}
	return err == nil, err
}

// first writes an object if there is none, and returns the content of the object that exists then.
func (l *Ledger) first(ctx context.Context, name string, content []byte) ([]byte, error) {
	failed := l.bounded(ctx, func(ctx context.Context) error { return l.objects.create(ctx, name, content) })
	if failed == nil {
		return content, nil
	}
	there, err := l.readObject(ctx, name)
	if err != nil && !errors.Is(failed, errExists) {
		err = fmt.Errorf("%w (read back: %w)", failed, err)
	}
	return there, err
}
