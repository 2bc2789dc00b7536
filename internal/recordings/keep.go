package recordings

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"gocloud.dev/gcerrors"

	"github.com/aftercall/aftercall/calls"
)

// Kept is a recording of the store, or the note of a deleted one.
type Kept struct {
	calls.Recording
	Parties []string // keyed hashes of the call's numbers; empty for a recording from before they were kept
}

// Walk visits all recordings written before a time. It skips and counts those that it cannot read.
func (s *Store) Walk(ctx context.Context, before time.Time, visit func(Kept) error) (unread int, err error) {
	for it := s.bucket.List(nil); ; {
		o, err := it.Next(ctx)
		if errors.Is(err, io.EOF) {
			return unread, nil
		}
		if err != nil {
			return unread, fmt.Errorf("list recordings: %w", err)
		}
		if !strings.HasSuffix(o.Key, sidecarExtension) || !o.ModTime.Before(before) {
			continue
		}
		m, err := s.sidecar(ctx, o.Key)
		switch {
		case errors.Is(err, ErrNotStored): // removed meanwhile
		case errors.Is(err, ErrDamaged):
			unread++
		case err != nil:
			return unread, err
		default:
			if err := visit(Kept{m.recording(), m.Parties}); err != nil {
				return unread, err
			}
		}
	}
}

// leastNote is the least time for which the note of a deleted recording is kept. After it no workflow could fetch it again.
const leastNote = 35 * 24 * time.Hour

// Sweep removes the bytes of recordings that are older than the retention, and keeps a note of each for as long again, at
// least 35 days. It returns how many recordings it removed.
func (s *Store) Sweep(ctx context.Context, now time.Time, retention time.Duration) (removed int, err error) {
	unread, err := s.Walk(ctx, now.Add(-retention), func(k Kept) error {
		switch {
		case k.DeletedAt == nil && k.StoredAt.Before(now.Add(-retention)):
			if _, err := s.Remove(ctx, k.CallKey, k.LegHash); err != nil {
				return err
			}
			removed++
		case k.DeletedAt != nil && k.DeletedAt.Before(now.Add(-max(retention, leastNote))):
			return s.forget(ctx, k.CallKey, k.LegHash)
		}
		return nil
	})
	if err == nil && unread > 0 {
		err = fmt.Errorf("%w: what is known of %d recordings cannot be read, and they are kept", ErrDamaged, unread)
	}
	return removed, err
}

func (s *Store) forget(ctx context.Context, callKey, legHash string) error {
	for _, prefix := range s.prefixes(callKey) {
		name := sidecarName(prefix, legHash)
		switch err := s.bucket.Delete(ctx, name); {
		case gcerrors.Code(err) == gcerrors.NotFound:
		case err != nil:
			return fmt.Errorf("forget a deleted recording: %w", err)
		default:
			if err := s.syncFolder(name); err != nil {
				return err
			}
		}
	}
	return nil
}
