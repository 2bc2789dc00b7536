package inbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

const (
	sweepRows  = 500  // in one transaction, so that appends need not wait long
	sweepPages = 1000 // returned to the disk in one transaction
)

// Sweep implements Inbox.
func (s *sqlite) Sweep(ctx context.Context, now time.Time) (Swept, error) {
	const blank = ` IN (SELECT id FROM notifications WHERE state = 1 AND has_body = 1 AND finished_at <= ? ORDER BY finished_at, id LIMIT ?)`
	keepBodies, keepKeys := now.Add(-s.opts.Retention), now.Add(-s.opts.KeyRetention)
	var swept Swept
	var err error
	if swept.Dropped, err = s.repeat(ctx, func(t *tx) (int64, error) {
		n, err := t.exec(`DELETE FROM notifications WHERE id IN (SELECT id FROM notifications WHERE state = 2 AND finished_at <= ? LIMIT ?)`,
			micros(now.Add(-s.opts.DeadRetention)), sweepRows)
		t.grown -= n
		return n, err
	}); err != nil {
		return swept, err
	}
	if swept.Resealed, err = s.reseal(ctx); err != nil {
		return swept, err
	}
	if swept.Blanked, err = s.sweep(ctx, keepBodies,
		`DELETE FROM bodies WHERE id`+blank, `UPDATE notifications SET has_body = 0 WHERE id`+blank); err != nil {
		return swept, err
	}
	if _, err = s.sweep(ctx, keepBodies, `DELETE FROM variants WHERE (notification_id, body_hash) IN (
		SELECT v.notification_id, v.body_hash FROM variants v JOIN notifications n ON n.id = v.notification_id
		WHERE n.state = 1 AND v.received_at <= ? LIMIT ?)`); err != nil {
		return swept, err
	}
	if swept.Forgotten, err = s.sweep(ctx, keepKeys, `DELETE FROM notifications WHERE id IN (
		SELECT id FROM notifications INDEXED BY done_in_order WHERE state = 1 AND finished_at <= ? LIMIT ?)`); err != nil {
		return swept, err
	}
	return swept, s.shrink(ctx)
}

// sweep repeats statements, with a time and a limit as arguments, until the last one finds no more.
func (s *sqlite) sweep(ctx context.Context, before time.Time, queries ...string) (int, error) {
	return s.repeat(ctx, func(t *tx) (n int64, err error) {
		for _, q := range queries {
			if n, err = t.exec(q, micros(before), sweepRows); err != nil {
				return 0, err
			}
		}
		return n, nil
	})
}

// repeat repeats a step, each time in a transaction of its own, until it changes fewer than sweepRows rows.
func (s *sqlite) repeat(ctx context.Context, step func(*tx) (int64, error)) (int, error) {
	total := 0
	for {
		var n int64
		if err := s.write(ctx, func(t *tx) (err error) {
			n, err = step(t)
			return err
		}); err != nil {
			return total, fmt.Errorf("sweep inbox: %w", err)
		}
		total += int(n)
		if n < sweepRows {
			return total, nil
		}
	}
}

// shrink returns free pages to the disk, so that an outage's backlog does not keep the file large, and empties the log,
// which still holds what was erased.
func (s *sqlite) shrink(ctx context.Context) error {
	for free := int64(-1); free != 0; {
		before := free
		if err := s.write(ctx, func(t *tx) (err error) {
			if err = t.step(fmt.Sprintf(`PRAGMA incremental_vacuum(%d)`, sweepPages)); err != nil {
				return err
			}
			_, err = t.row(`PRAGMA freelist_count`, nil, &free)
			t.flush = free == 0
			return err
		}); err != nil {
			return fmt.Errorf("shrink inbox: %w", err)
		}
		if free == before {
			return nil
		}
	}
	return nil
}

// Stats implements Inbox.
func (s *sqlite) Stats(ctx context.Context) (Stats, error) {
	st := Stats{ByReason: map[Reason]int{}, Leased: s.leased()}
	err := s.read(ctx, func(h *handles) error { return s.count(ctx, h.read, &st) })
	if errors.Is(err, ErrUnavailable) {
		return Stats{Unavailable: true, ByReason: map[Reason]int{}}, nil
	}
	if err != nil {
		return Stats{}, fmt.Errorf("count inbox: %w", err)
	}
	return st, nil
}

func (s *sqlite) leased() int {
	s.leaseMu.Lock()
	defer s.leaseMu.Unlock()
	n, now := 0, s.opts.Now()
	for _, end := range s.leases {
		if now.Before(end) {
			n++
		}
	}
	return n
}

func (s *sqlite) count(ctx context.Context, db *sql.DB, st *Stats) error {
	var oldest sql.NullInt64
	if err := db.QueryRowContext(ctx, `SELECT (SELECT COUNT(*) FROM notifications WHERE state = 0),
		(SELECT received_at FROM notifications WHERE first = 1 ORDER BY id LIMIT 1),
		(SELECT COUNT(*) FROM variants)`).Scan(&st.Pending, &oldest, &st.Variants); err != nil {
		return err
	}
	if oldest.Valid {
		st.OldestPending = max(0, s.opts.Now().Sub(fromMicros(oldest.Int64)))
	}
	rows, err := db.QueryContext(ctx, `SELECT reason, COUNT(*) FROM notifications WHERE state = 2 GROUP BY reason`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var reason Reason
		var n int
		if err := rows.Scan(&reason, &n); err != nil {
			return err
		}
		st.ByReason[reason] = n
		st.DeadLetters += n
	}
	return rows.Err()
}
