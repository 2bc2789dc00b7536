package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Suppression says that a person must not be called.
type Suppression struct {
	Scope  string     `json:"scope"` // "all", or a class of calls
	Reason string     `json:"reason,omitempty"`
	Until  *time.Time `json:"until,omitempty"` // absent: for ever
	Since  time.Time  `json:"since"`
}

// ErrNotSuppressed says that a person has no suppression.
var ErrNotSuppressed = errors.New("this person is not suppressed")

// Suppress records a suppression, and replaces an earlier one.
func (l *Ledger) Suppress(ctx context.Context, hash string, s Suppression) error {
	content, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encode a suppression: %w", err)
	}
	if err := l.bounded(ctx, func(ctx context.Context) error { return l.objects.replace(ctx, suppressed+"/"+hash, content) }); err != nil {
		return fmt.Errorf("note a suppression: %w", err)
	}
	return nil
}

// Suppression returns a person's suppression, or ErrNotSuppressed if there is none.
func (l *Ledger) Suppression(ctx context.Context, hash string) (s Suppression, err error) {
	content, err := l.readObject(ctx, suppressed+"/"+hash)
	if errors.Is(err, errMissing) {
		return s, ErrNotSuppressed
	}
	if err == nil {
		err = json.Unmarshal(content, &s)
	}
	if err != nil {
		return s, fmt.Errorf("read a suppression: %w", err)
	}
	return s, nil
}

// Unsuppress removes a suppression; ErrNotSuppressed if there is none.
func (l *Ledger) Unsuppress(ctx context.Context, hash string) error {
	err := l.bounded(ctx, func(ctx context.Context) error { return l.objects.remove(ctx, suppressed+"/"+hash) })
	if errors.Is(err, errMissing) {
		return ErrNotSuppressed
	}
	if err != nil {
		return fmt.Errorf("take a suppression back: %w", err)
	}
	return nil
}

// readObject reads an object within readLimit.
func (l *Ledger) readObject(ctx context.Context, name string) (content []byte, err error) {
	read := make(chan []byte, 1)
	err = within(ctx, readLimit, func(ctx context.Context) error {
		content, err := l.objects.read(ctx, name)
		read <- content
		return err
	})
	if err != nil {
		return nil, err
	}
	return <-read, nil
}
