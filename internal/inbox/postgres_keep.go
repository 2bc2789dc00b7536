package inbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Sweep implements Inbox. Several processes may sweep at once: each skips the rows that another has locked.
func (p *postgres) Sweep(ctx context.Context, now time.Time) (Swept, error) {
	keepBodies, keepKeys := micros(now.Add(-p.opts.Retention)), micros(now.Add(-p.opts.KeyRetention))
	var swept Swept
	var err error
	if swept.Dropped, err = p.repeat(ctx, func(t *pgTx) (int64, error) {
		n, err := t.exec(`DELETE FROM inbox_notifications WHERE id IN (
			SELECT id FROM inbox_notifications WHERE state = 2 AND finished_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)`,
			micros(now.Add(-p.opts.DeadRetention)), sweepRows)
		t.grown -= n
		return n, err
	}); err != nil {
		return swept, err
	}
	if swept.Resealed, err = p.reseal(ctx); err != nil {
		return swept, err
	}
	if swept.Blanked, err = p.sweep(ctx, keepBodies, `WITH old AS (
			SELECT id FROM inbox_notifications WHERE state = 1 AND has_body AND finished_at <= $1 ORDER BY finished_at, id LIMIT $2 FOR UPDATE SKIP LOCKED),
		blank AS (DELETE FROM inbox_bodies WHERE id IN (SELECT id FROM old))
		UPDATE inbox_notifications SET has_body = false WHERE id IN (SELECT id FROM old)`); err != nil {
		return swept, err
	}
	if _, err = p.sweep(ctx, keepBodies, `DELETE FROM inbox_variants WHERE id IN (
		SELECT v.id FROM inbox_variants v JOIN inbox_notifications n ON n.id = v.notification_id
		WHERE n.state = 1 AND v.received_at <= $1 LIMIT $2 FOR UPDATE OF v SKIP LOCKED)`); err != nil {
		return swept, err
	}
	swept.Forgotten, err = p.sweep(ctx, keepKeys, `DELETE FROM inbox_notifications WHERE id IN (
		SELECT id FROM inbox_notifications WHERE state = 1 AND finished_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)`)
	return swept, err
}

// sweep repeats a statement, with a time and a limit as arguments, until it finds no more.
func (p *postgres) sweep(ctx context.Context, before int64, query string) (int, error) {
	return p.repeat(ctx, func(t *pgTx) (int64, error) { return t.exec(query, before, sweepRows) })
}

// repeat repeats a step, each time in a transaction of its own, until it changes fewer than sweepRows rows.
func (p *postgres) repeat(ctx context.Context, step func(*pgTx) (int64, error)) (int, error) {
	total := 0
	for {
		var n int64
		if err := p.write(ctx, &pgWrite{do: func(t *pgTx) (err error) {
			n, err = step(t)
			return err
		}}); err != nil {
			return total, fmt.Errorf("sweep inbox: %w", err)
		}
		total += int(n)
		if n < sweepRows {
			return total, nil
		}
	}
}

// Stats implements Inbox.
func (p *postgres) Stats(ctx context.Context) (Stats, error) {
	st := Stats{ByReason: map[Reason]int{}}
	err := p.read(ctx, func(ctx context.Context, db *pgxpool.Pool) error { return p.count(ctx, db, &st) })
	if errors.Is(err, ErrUnavailable) {
		return Stats{Unavailable: true, ByReason: map[Reason]int{}}, nil
	}
	if err != nil {
		return Stats{}, fmt.Errorf("count inbox: %w", err)
	}
	return st, nil
}

func (p *postgres) count(ctx context.Context, db *pgxpool.Pool, st *Stats) error {
	var oldest *int64
	var now int64
	if err := db.QueryRow(ctx, `WITH t AS MATERIALIZED (SELECT `+pgNow+` AS now)
		SELECT now, (SELECT count(*) FROM inbox_notifications WHERE state = 0),
		(SELECT count(*) FROM inbox_notifications WHERE first AND owner <> '' AND wait_from <= now AND now < wait_until),
		(SELECT received_at FROM inbox_notifications WHERE first ORDER BY id LIMIT 1),
		(SELECT count(*) FROM inbox_variants) FROM t`, p.clock()).Scan(&now, &st.Pending, &st.Leased, &oldest, &st.Variants); err != nil {
		return err
	}
	if oldest != nil {
		st.OldestPending = max(0, fromMicros(now).Sub(fromMicros(*oldest)))
	}
	rows, err := db.Query(ctx, `SELECT reason, count(*) FROM inbox_notifications WHERE state = 2 GROUP BY reason`)
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

// pgReceipts lists the receipts of a call: each notification once, and each repetition or variant of it.
const pgReceipts = `SELECT n.event_key, n.received_at AS at, false AS again, n.state, n.reason, COALESCE(n.dead_id, ''), b.body, COALESCE(b.sealed_with, ''), n.body_hash, n.id AS nr
	FROM inbox_notifications n LEFT JOIN inbox_bodies b ON b.id = n.id WHERE n.call_key = $1
UNION ALL SELECT n.event_key, r.received_at, true, n.state, '', '', b.body, COALESCE(b.sealed_with, ''), n.body_hash, n.id
	FROM inbox_notifications n JOIN inbox_repetitions r ON r.notification_id = n.id LEFT JOIN inbox_bodies b ON b.id = n.id WHERE n.call_key = $1
UNION ALL SELECT n.event_key, v.received_at, true, n.state, '', '', v.body, v.sealed_with, v.body_hash, n.id
	FROM inbox_notifications n JOIN inbox_variants v ON v.notification_id = n.id WHERE n.call_key = $1
ORDER BY at, again, nr LIMIT $2 OFFSET $3`

// Receipts implements Inbox.
func (p *postgres) Receipts(ctx context.Context, callKey string, skip, limit int) ([]Received, error) {
	list := []Received{}
	err := p.read(ctx, func(ctx context.Context, db *pgxpool.Pool) error {
		rows, err := db.Query(ctx, pgReceipts, pgText(callKey), limit, skip)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var r Received
			var b body
			var at, id int64
			var state int
			if err := rows.Scan(&r.EventKey, &at, &r.Duplicate, &state, &r.Reason, &r.DeadLetterID, &b.data, &b.sealedWith, &b.hash, &id); err != nil {
				return err
			}
			r.At, r.Pending = fromMicros(at), state == statePending
			if b.data != nil {
				r.Body, _ = openBody(p.opts.Keys, b) // a body whose key is missing is as good as gone
			}
			list = append(list, r)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("list receipts: %w", err)
	}
	return list, nil
}
