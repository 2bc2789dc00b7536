package inbox

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
)

// AppendDeadLetter implements Inbox.
func (p *postgres) AppendDeadLetter(ctx context.Context, r Refused) (string, bool, error) {
	b, err := sealBody(p.opts.Keys, r.Body)
	if err != nil {
		return "", false, fmt.Errorf("append dead letter: %w", err)
	}
	var added bool
	id := DeadLetterID(r.Body)
	if err := p.write(ctx, &pgWrite{calls: []string{id}, do: func(t *pgTx) error {
		if err := t.room(); err != nil {
			return err
		}
		received := t.now
		if !r.ReceivedAt.IsZero() {
			received = micros(r.ReceivedAt)
		}
		n, err := t.exec(`WITH added AS (
				INSERT INTO inbox_notifications (body_hash, received_at, state, finished_at, dead_id, reason, detail)
				VALUES ($1, $2, 2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING id)
			INSERT INTO inbox_bodies (id, body, sealed_with) SELECT id, $7, $8 FROM added`,
			b.hash, received, t.now, id, string(r.Reason), pgText(r.Detail), b.data, b.sealedWith)
		added = n > 0
		t.grown += n
		return err
	}}); err != nil {
		return "", false, fmt.Errorf("append dead letter: %w", err)
	}
	return id, !added, nil
}

const (
	pgDeadColumns = `dead_id, COALESCE(event_key, ''), COALESCE(call_key, ''), reason, detail, received_at, finished_at,
		length(body) - CASE sealed_with WHEN '' THEN 0 ELSE ` + sealOverhead + ` END`
	pgDeadRows = ` FROM inbox_notifications JOIN inbox_bodies USING (id) WHERE state = 2`
)

// DeadLetters implements Inbox.
func (p *postgres) DeadLetters(ctx context.Context, f Filter) ([]DeadLetter, error) {
	limit := f.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	list := []DeadLetter{}
	err := p.read(ctx, func(ctx context.Context, db *pgxpool.Pool) error {
		after := int64(0)
		if f.After != "" {
			if err := db.QueryRow(ctx, `SELECT id FROM inbox_notifications WHERE dead_id = $1 AND state = 2`, pgText(f.After)).Scan(&after); err != nil {
				return orNotFound(err)
			}
		}
		rows, err := db.Query(ctx, `SELECT `+pgDeadColumns+pgDeadRows+`
			AND id > $1 AND ($2::text = '' OR reason = $2) AND ($3::text = '' OR call_key = $3) ORDER BY id LIMIT $4`,
			after, string(f.Reason), pgText(f.CallKey), limit)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			d, err := scanDead(rows)
			if err != nil {
				return err
			}
			list = append(list, d)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("list dead letters: %w", err)
	}
	return list, nil
}

// DeadLetter implements Inbox.
func (p *postgres) DeadLetter(ctx context.Context, id string) (d DeadLetter, err error) {
	defer func() {
		if err != nil {
			d, err = DeadLetter{}, fmt.Errorf("read dead letter: %w", err)
		}
	}()
	var first body
	var variants []body
	if err := p.read(ctx, func(ctx context.Context, db *pgxpool.Pool) (err error) {
		var row int64
		d, err = scanDead(db.QueryRow(ctx, `SELECT `+pgDeadColumns+`, body, sealed_with, body_hash, id`+pgDeadRows+` AND dead_id = $1`, pgText(id)),
			&first.data, &first.sealedWith, &first.hash, &row)
		if err != nil {
			return orNotFound(err)
		}
		variants, err = pgVariants(ctx, db, row)
		return err
	}); err != nil {
		return d, err
	}
	if d.Body, err = openBody(p.opts.Keys, first); err != nil {
		return d, err
	}
	for _, b := range variants {
		text, err := openBody(p.opts.Keys, b)
		if err != nil {
			return d, err
		}
		d.Variants = append(d.Variants, text)
	}
	return d, nil
}

func pgVariants(ctx context.Context, db *pgxpool.Pool, id int64) ([]body, error) {
	rows, err := db.Query(ctx, `SELECT body, sealed_with, body_hash FROM inbox_variants WHERE notification_id = $1 ORDER BY received_at, body_hash`, id)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []body
	for rows.Next() {
		var b body
		if err := rows.Scan(&b.data, &b.sealedWith, &b.hash); err != nil {
			return nil, err
		}
		list = append(list, b)
	}
	return list, rows.Err()
}

// Requeue implements Inbox.
func (p *postgres) Requeue(ctx context.Context, id string, reparse Reparse) error {
	d, err := p.DeadLetter(ctx, id)
	if err != nil {
		return err
	}
	eventKey, callKey, err := keysOf(d, reparse)
	if err == nil && (!pgKey(eventKey) || !pgKey(callKey)) {
		err = ErrNoKey
	}
	if err != nil {
		return fmt.Errorf("requeue dead letter: %w", err)
	}
	if err := p.write(ctx, &pgWrite{calls: []string{callKey}, do: func(t *pgTx) error {
		return t.requeue(id, d.EventKey == "", eventKey, callKey)
	}}); err != nil {
		return fmt.Errorf("requeue dead letter: %w", err)
	}
	return nil
}

func (t *pgTx) requeue(id string, newKey bool, eventKey, callKey string) error {
	if newKey {
		var one int
		known, err := t.row(`SELECT 1 FROM inbox_notifications WHERE event_key = $1`, []any{eventKey}, &one)
		if err != nil {
			return err
		}
		if known {
			return t.forget(id)
		}
	}
	n, err := t.exec(`UPDATE inbox_notifications SET state = 0, event_key = $2, call_key = $3, attempts = 0, owner = '', wait_from = 0, wait_until = 0,
			dead_id = NULL, finished_at = NULL, reason = '', detail = ''
		WHERE dead_id = $1 AND state = 2`, id, eventKey, callKey)
	if err == nil && n == 0 {
		return refusal{ErrNotFound}
	}
	t.touched, t.arrived = append(t.touched, callKey), true
	return err
}

// Mend implements Inbox.
func (p *postgres) Mend(ctx context.Context, id string, mended []byte, reparse Reparse) error {
	eventKey, callKey, err := keysOf(DeadLetter{Body: mended}, reparse)
	if err == nil && (!pgKey(eventKey) || !pgKey(callKey)) {
		err = ErrNoKey
	}
	if err != nil {
		return fmt.Errorf("mend dead letter: %w", err)
	}
	b, err := sealBody(p.opts.Keys, mended)
	if err != nil {
		return fmt.Errorf("mend dead letter: %w", err)
	}
	if err := p.write(ctx, &pgWrite{calls: []string{callKey}, do: func(t *pgTx) error { return t.mend(pgText(id), eventKey, callKey, b) }}); err != nil {
		return fmt.Errorf("mend dead letter: %w", err)
	}
	return nil
}

func (t *pgTx) mend(id, eventKey, callKey string, b body) error {
	var row, other int64
	found, err := t.row(`SELECT id FROM inbox_notifications WHERE dead_id = $1 AND state = 2 FOR UPDATE`, []any{id}, &row)
	if err == nil && !found {
		err = refusal{ErrNotFound}
	}
	if err != nil {
		return err
	}
	known, err := t.row(`SELECT id FROM inbox_notifications WHERE event_key = $1 AND id <> $2`, []any{eventKey, row}, &other)
	if err == nil && known {
		err = refusal{ErrKnown}
	}
	if err != nil {
		return err
	}
	if _, err := t.exec(`INSERT INTO inbox_variants (notification_id, body_hash, body, sealed_with, received_at)
		SELECT n.id, n.body_hash, b.body, b.sealed_with, n.received_at FROM inbox_notifications n JOIN inbox_bodies b USING (id)
		WHERE n.id = $1 AND n.body_hash <> $2 ON CONFLICT DO NOTHING`, row, b.hash); err != nil {
		return err
	}
	if _, err := t.exec(`UPDATE inbox_bodies SET body = $1, sealed_with = $2 WHERE id = $3`, b.data, b.sealedWith, row); err != nil {
		return err
	}
	if err := t.requeue(id, false, eventKey, callKey); err != nil {
		return err
	}
	_, err = t.exec(`UPDATE inbox_notifications SET body_hash = $1 WHERE id = $2`, b.hash, row)
	return err
}

// forget removes a dead letter that has no key.
func (t *pgTx) forget(id string) error {
	n, err := t.exec(`DELETE FROM inbox_notifications WHERE dead_id = $1 AND state = 2 AND event_key IS NULL`, id)
	if err == nil && n == 0 {
		return refusal{ErrNotFound}
	}
	t.grown -= n
	return err
}

// Drop implements Inbox.
func (p *postgres) Drop(ctx context.Context, id string) error {
	if err := p.write(ctx, &pgWrite{do: func(t *pgTx) error { return t.drop(pgText(id)) }}); err != nil {
		return fmt.Errorf("drop dead letter: %w", err)
	}
	return nil
}

func (t *pgTx) drop(id string) error {
	var row int64
	found, err := t.row(`UPDATE inbox_notifications SET state = 1, has_body = false, dead_id = NULL, detail = '', finished_at = $1
		WHERE dead_id = $2 AND state = 2 AND event_key IS NOT NULL RETURNING id`, []any{t.now, id}, &row)
	if err != nil {
		return err
	}
	if !found {
		return t.forget(id)
	}
	t.grown--
	return t.deleteBodies(row)
}

func (t *pgTx) deleteBodies(row int64) error {
	if _, err := t.exec(`DELETE FROM inbox_bodies WHERE id = $1`, row); err != nil {
		return err
	}
	_, err := t.exec(`DELETE FROM inbox_variants WHERE notification_id = $1`, row)
	return err
}
