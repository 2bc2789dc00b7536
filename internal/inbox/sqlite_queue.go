package inbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aftercall/aftercall/internal/keys"
)

// Append implements Inbox.
func (s *sqlite) Append(ctx context.Context, n Notification) (Receipt, error) {
	if n.EventKey == "" || n.CallKey == "" {
		return Receipt{}, ErrInvalid
	}
	b, err := s.seal(n.Body)
	if err != nil {
		return Receipt{}, fmt.Errorf("append notification: %w", err)
	}
	var r Receipt
	if err := s.write(ctx, func(t *tx) (err error) {
		r, err = t.append(n, b)
		return err
	}); err != nil {
		return Receipt{}, fmt.Errorf("append notification: %w", err)
	}
	return r, nil
}

func (t *tx) append(n Notification, b body) (Receipt, error) {
	if err := t.room(); err != nil {
		return Receipt{}, err
	}
	if n.ReceivedAt.IsZero() {
		n.ReceivedAt = t.now
	}
	added, err := t.insert(b, `INSERT INTO notifications (event_key, call_key, body_hash, received_at, state, first, begun)
		VALUES (?1, ?2, ?3, ?4, 0, NOT EXISTS (SELECT 1 FROM notifications WHERE call_key = ?2 AND state = 0),
			EXISTS (SELECT 1 FROM notifications WHERE call_key = ?2 AND state IN (0, 1)))
		ON CONFLICT (event_key) DO NOTHING`,
		n.EventKey, n.CallKey, b.hash, micros(n.ReceivedAt))
	if err != nil || added {
		return Receipt{}, err
	}
	var id int64
	var known []byte
	if _, err := t.row(`SELECT id, body_hash FROM notifications WHERE event_key = ?`, []any{n.EventKey}, &id, &known); err != nil {
		return Receipt{}, err
	}
	if bytes.Equal(known, b.hash) {
		return Receipt{Duplicate: true}, t.repeated(id, n)
	}
	_, err = t.exec(`INSERT INTO variants (notification_id, body_hash, body, sealed_with, received_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		id, b.hash, b.data, b.sealedWith, micros(n.ReceivedAt))
	return Receipt{Duplicate: true, Variant: true}, err
}

// insert adds a live row and its body; added is false if the row was there already.
func (t *tx) insert(b body, query string, args ...any) (added bool, err error) {
	n, err := t.exec(query, args...)
	if err != nil || n == 0 {
		return false, err
	}
	t.grown++
	_, err = t.exec(`INSERT INTO bodies (id, body, sealed_with) VALUES (last_insert_rowid(), ?, ?)`, b.data, b.sealedWith)
	return true, err
}

// Claim implements Inbox.
func (s *sqlite) Claim(ctx context.Context, n int, lease time.Duration) ([]Item, error) {
	return s.claim(ctx, claimOldest, time.Time{}, n, lease)
}

// ClaimNew implements Inbox.
func (s *sqlite) ClaimNew(ctx context.Context, since time.Time, n int, lease time.Duration) ([]Item, error) {
	return s.claim(ctx, claimNewest, since, n, lease)
}

// ClaimBegun implements Inbox.
func (s *sqlite) ClaimBegun(ctx context.Context, n int, lease time.Duration) ([]Item, error) {
	return s.claim(ctx, claimBegun, time.Time{}, n, lease)
}

func (s *sqlite) claim(ctx context.Context, query string, since time.Time, n int, lease time.Duration) ([]Item, error) {
	if n <= 0 {
		return nil, nil
	}
	if err := s.followClock(ctx); err != nil {
		return nil, fmt.Errorf("claim notifications: %w", err)
	}
	items, damaged, err := s.lease(ctx, query, since, n, lease)
	if err != nil {
		return nil, fmt.Errorf("claim notifications: %w", err)
	}
	for _, id := range damaged {
		if err := s.Bury(ctx, id, ReasonUnreadable, "Its bytes were changed since they were sealed."); err != nil {
			s.opts.Log.Error("damaged notification stays pending in the inbox", "id", id, "error", err)
		}
	}
	return items, nil
}

// followClock makes notifications that wait for a retry claimable if the clock was set back since the last look: they
// would wait longer than their back-off by as much.
func (s *sqlite) followClock(ctx context.Context) error {
	now := micros(s.opts.Now())
	if latest := s.latest.Swap(now); now >= latest {
		return nil
	}
	return s.write(ctx, func(t *tx) error {
		_, err := t.exec(`UPDATE notifications SET retry_at = 0 WHERE state = 0 AND retry_at > ?`, now)
		return err
	})
}

const (
	claimable   = `SELECT id, event_key, call_key, body, sealed_with, body_hash, received_at, attempts FROM notifications JOIN bodies USING (id) WHERE first = 1 AND retry_at <= ?`
	claimOldest = claimable + ` ORDER BY id LIMIT ?`
	claimNewest = claimable + ` ORDER BY id DESC LIMIT ?`
	claimBegun  = claimable + ` AND begun = 1 ORDER BY id LIMIT ?`
)

// lease leases notifications in memory. It holds leaseMu, which also guards the end of every lease, from the read to the
// grant, so that a row whose lease has just ended is never read in its old state.
func (s *sqlite) lease(ctx context.Context, query string, since time.Time, n int, lease time.Duration) (items []Item, damaged []int64, err error) {
	s.leaseMu.Lock()
	defer s.leaseMu.Unlock()
	now := s.opts.Now()
	for id, end := range s.leases {
		if !now.Before(end) {
			delete(s.leases, id)
		}
	}
	unread := map[int64]error{}
	err = s.read(ctx, func(h *handles) error {
		rows, err := h.claims[query].QueryContext(ctx, micros(now), n+len(s.leases))
		if err != nil {
			return err
		}
		defer rows.Close()
		for len(items) < n && rows.Next() {
			var it Item
			var b body
			var received int64
			if err := rows.Scan(&it.ID, &it.EventKey, &it.CallKey, &b.data, &b.sealedWith, &b.hash, &received, &it.Attempts); err != nil {
				return err
			}
			it.ReceivedAt = fromMicros(received)
			if _, leased := s.leases[it.ID]; leased || it.ReceivedAt.Before(since) {
				continue
			}
			if it.Body, err = s.open(b); err != nil {
				unread[it.ID] = err
				continue
			}
			items = append(items, it)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, nil, err
	}
	for _, it := range items {
		s.leases[it.ID] = now.Add(lease)
	}
	for id, err := range unread {
		s.leases[id] = now.Add(unreadPause)
		if errors.Is(err, keys.ErrUnknownKey) {
			s.opts.Log.Error("a notification in the inbox waits for the key that it was sealed with", "id", id, "error", err)
		} else {
			damaged = append(damaged, id)
		}
	}
	return items, damaged, nil
}

func (s *sqlite) endLeases(ids ...int64) {
	s.leaseMu.Lock()
	defer s.leaseMu.Unlock()
	for _, id := range ids {
		delete(s.leases, id)
	}
}

// Arrivals implements Inbox: one process has the file.
func (s *sqlite) Arrivals() <-chan struct{} { return nil }

// Done implements Inbox.
func (s *sqlite) Done(ctx context.Context, ids ...int64) error {
	if err := s.write(ctx, func(t *tx) error {
		for _, id := range ids {
			if err := t.finish(id, stateDone, "", "", ""); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return fmt.Errorf("mark notifications done: %w", err)
	}
	s.endLeases(ids...)
	return nil
}

// Bury implements Inbox.
func (s *sqlite) Bury(ctx context.Context, id int64, reason Reason, detail string) error {
	if err := s.write(ctx, func(t *tx) error {
		var eventKey string
		found, err := t.row(`SELECT event_key FROM notifications WHERE id = ? AND state = 0`, []any{id}, &eventKey)
		if err != nil || !found {
			return err
		}
		return t.finish(id, stateDead, DeadLetterID([]byte(eventKey)), reason, detail)
	}); err != nil {
		return fmt.Errorf("bury notification: %w", err)
	}
	s.endLeases(id)
	return nil
}

// finish ends a pending notification and marks the next of its call key as first.
func (t *tx) finish(id int64, state int, deadID string, reason Reason, detail string) error {
	var callKey string
	found, err := t.row(`UPDATE notifications SET state = ?, first = 0, finished_at = ?, dead_id = NULLIF(?, ''), reason = ?, detail = ?
		WHERE id = ? AND state = 0 RETURNING call_key`,
		[]any{state, micros(t.now), deadID, string(reason), detail, id}, &callKey)
	if err != nil || !found {
		return err
	}
	if state == stateDone {
		t.grown--
	}
	// A later one that is first already stays first, even if an older one was requeued: else both would be claimed at once.
	_, err = t.exec(`UPDATE notifications SET first = 1 WHERE id = (SELECT MIN(id) FROM notifications WHERE call_key = ?1 AND state = 0)
		AND NOT EXISTS (SELECT 1 FROM notifications WHERE call_key = ?1 AND state = 0 AND first = 1)`, callKey)
	return err
}

// Release implements Inbox.
func (s *sqlite) Release(ctx context.Context, id int64, retryAt time.Time) error {
	if err := s.write(ctx, func(t *tx) error {
		_, err := t.exec(`UPDATE notifications SET attempts = attempts + 1, retry_at = ? WHERE id = ? AND state = 0`,
			micros(retryAt), id)
		return err
	}); err != nil {
		return fmt.Errorf("release notification: %w", err)
	}
	s.endLeases(id)
	return nil
}

// Ready implements Inbox.
func (s *sqlite) Ready(ctx context.Context) error {
	if err := s.write(ctx, func(t *tx) error {
		if err := t.room(); err != nil {
			return err
		}
		return t.probe()
	}); err != nil {
		return fmt.Errorf("write to inbox: %w", err)
	}
	return nil
}

// read runs a query. If the file was closed meanwhile, the error says so.
func (s *sqlite) read(ctx context.Context, do func(*handles) error) error {
	h := s.handles.Load()
	if h == nil {
		return s.gone()
	}
	err := do(h)
	if err != nil && ctx.Err() == nil && s.handles.Load() != h {
		return s.gone()
	}
	return err
}

func (s *sqlite) gone() error {
	select {
	case <-s.stop:
		return ErrClosed
	default:
		return ErrUnavailable
	}
}
