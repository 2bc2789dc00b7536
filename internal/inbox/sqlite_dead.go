package inbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

const defaultLimit = 100

// AppendDeadLetter implements Inbox.
func (s *sqlite) AppendDeadLetter(ctx context.Context, r Refused) (string, bool, error) {
	b, err := s.seal(r.Body)
	if err != nil {
		return "", false, fmt.Errorf("append dead letter: %w", err)
	}
	var added bool
	id := DeadLetterID(r.Body)
	if err := s.write(ctx, func(t *tx) (err error) {
		if err := t.room(); err != nil {
			return err
		}
		received := r.ReceivedAt
		if received.IsZero() {
			received = t.now
		}
		added, err = t.insert(b, `INSERT INTO notifications (body_hash, received_at, state, finished_at, dead_id, reason, detail)
			VALUES (?, ?, 2, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			b.hash, micros(received), micros(t.now), id, string(r.Reason), r.Detail)
		return err
	}); err != nil {
		return "", false, fmt.Errorf("append dead letter: %w", err)
	}
	return id, !added, nil
}

const (
	deadColumns = `dead_id, COALESCE(event_key, ''), COALESCE(call_key, ''), reason, detail, received_at, finished_at,
		LENGTH(body) - CASE sealed_with WHEN '' THEN 0 ELSE ` + sealOverhead + ` END`
	deadRows = ` FROM notifications JOIN bodies USING (id) WHERE state = 2`
)

type scanner interface{ Scan(dest ...any) error }

func scanDead(row scanner, more ...any) (DeadLetter, error) {
	var d DeadLetter
	var received, died int64
	dest := append([]any{&d.ID, &d.EventKey, &d.CallKey, &d.Reason, &d.Detail, &received, &died, &d.SizeBytes}, more...)
	err := row.Scan(dest...)
	d.ReceivedAt, d.DiedAt = fromMicros(received), fromMicros(died)
	return d, err
}

// DeadLetters implements Inbox.
func (s *sqlite) DeadLetters(ctx context.Context, f Filter) ([]DeadLetter, error) {
	limit := f.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	list := []DeadLetter{}
	err := s.read(ctx, func(h *handles) error {
		after := int64(0)
		if f.After != "" {
			if err := h.read.QueryRowContext(ctx, `SELECT id FROM notifications WHERE dead_id = ? AND state = 2`, f.After).Scan(&after); err != nil {
				return orNotFound(err)
			}
		}
		rows, err := h.read.QueryContext(ctx, `SELECT `+deadColumns+deadRows+`
			AND id > ?1 AND (?2 = '' OR reason = ?2) AND (?4 = '' OR call_key = ?4) ORDER BY id LIMIT ?3`, after, string(f.Reason), limit, f.CallKey)
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
func (s *sqlite) DeadLetter(ctx context.Context, id string) (DeadLetter, error) {
	var d DeadLetter
	err := s.read(ctx, func(h *handles) (err error) {
		var b body
		var row int64
		d, err = scanDead(h.read.QueryRowContext(ctx, `SELECT `+deadColumns+`, body, sealed_with, body_hash, id`+deadRows+` AND dead_id = ?`, id),
			&b.data, &b.sealedWith, &b.hash, &row)
		if err != nil {
			return orNotFound(err)
		}
		if d.Body, err = s.open(b); err != nil {
			return err
		}
		d.Variants, err = s.variants(ctx, h, row)
		return err
	})
	if err != nil {
		return DeadLetter{}, fmt.Errorf("read dead letter: %w", err)
	}
	return d, nil
}

func (s *sqlite) variants(ctx context.Context, h *handles, id int64) ([][]byte, error) {
	rows, err := h.read.QueryContext(ctx, `SELECT body, sealed_with, body_hash FROM variants WHERE notification_id = ? ORDER BY received_at, body_hash`, id)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list [][]byte
	for rows.Next() {
		var b body
		if err := rows.Scan(&b.data, &b.sealedWith, &b.hash); err != nil {
			return nil, err
		}
		text, err := s.open(b)
		if err != nil {
			return nil, err
		}
		list = append(list, text)
	}
	return list, rows.Err()
}

func orNotFound(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	return err
}

// Requeue implements Inbox.
func (s *sqlite) Requeue(ctx context.Context, id string, reparse Reparse) error {
	d, err := s.DeadLetter(ctx, id)
	if err != nil {
		return err
	}
	eventKey, callKey, err := keysOf(d, reparse)
	if err != nil {
		return fmt.Errorf("requeue dead letter: %w", err)
	}
	if err := s.write(ctx, func(t *tx) error { return t.requeue(id, d.EventKey == "", eventKey, callKey) }); err != nil {
		return fmt.Errorf("requeue dead letter: %w", err)
	}
	return nil
}

func keysOf(d DeadLetter, reparse Reparse) (eventKey, callKey string, err error) {
	if d.EventKey != "" {
		return d.EventKey, d.CallKey, nil
	}
	if reparse == nil {
		return "", "", ErrNoKey
	}
	if eventKey, callKey, err = reparse(d.Body); err != nil {
		return "", "", fmt.Errorf("%w: %w", ErrNoKey, err)
	}
	if eventKey == "" || callKey == "" {
		return "", "", ErrNoKey
	}
	return eventKey, callKey, nil
}

func (t *tx) requeue(id string, newKey bool, eventKey, callKey string) error {
	if newKey {
		var one int
		known, err := t.row(`SELECT 1 FROM notifications WHERE event_key = ?`, []any{eventKey}, &one)
		if err != nil {
			return err
		}
		if known {
			return t.forget(id)
		}
	}
	n, err := t.exec(`UPDATE notifications SET state = 0, event_key = ?2, call_key = ?3, attempts = 0, retry_at = 0,
			dead_id = NULL, finished_at = NULL, reason = '', detail = '',
			first = NOT EXISTS (SELECT 1 FROM notifications WHERE call_key = ?3 AND state = 0)
		WHERE id = (SELECT id FROM notifications WHERE dead_id = ?1 AND state = 2)`, id, eventKey, callKey)
	if err == nil && n == 0 {
		return refusal{ErrNotFound}
	}
	return err
}

// Mend implements Inbox.
func (s *sqlite) Mend(ctx context.Context, id string, mended []byte, reparse Reparse) error {
	eventKey, callKey, err := keysOf(DeadLetter{Body: mended}, reparse)
	if err != nil {
		return fmt.Errorf("mend dead letter: %w", err)
	}
	b, err := s.seal(mended)
	if err != nil {
		return fmt.Errorf("mend dead letter: %w", err)
	}
	if err := s.write(ctx, func(t *tx) error { return t.mend(id, eventKey, callKey, b) }); err != nil {
		return fmt.Errorf("mend dead letter: %w", err)
	}
	return nil
}

func (t *tx) mend(id, eventKey, callKey string, b body) error {
	var row, other int64
	var came []byte
	found, err := t.row(`SELECT id, body_hash FROM notifications WHERE dead_id = ? AND state = 2`, []any{id}, &row, &came)
	if err == nil && !found {
		err = refusal{ErrNotFound}
	}
	if err != nil {
		return err
	}
	known, err := t.row(`SELECT id FROM notifications WHERE event_key = ? AND id <> ?`, []any{eventKey, row}, &other)
	if err == nil && known {
		err = refusal{ErrKnown}
	}
	if err != nil {
		return err
	}
	if _, err := t.exec(`INSERT INTO variants (notification_id, body_hash, body, sealed_with, received_at)
		SELECT n.id, n.body_hash, b.body, b.sealed_with, n.received_at FROM notifications n JOIN bodies b USING (id)
		WHERE n.id = ? AND n.body_hash <> ? ON CONFLICT DO NOTHING`, row, b.hash); err != nil {
		return err
	}
	if _, err := t.exec(`UPDATE bodies SET body = ?, sealed_with = ? WHERE id = ?`, b.data, b.sealedWith, row); err != nil {
		return err
	}
	if err := t.requeue(id, false, eventKey, callKey); err != nil {
		return err
	}
	_, err = t.exec(`UPDATE notifications SET body_hash = ? WHERE id = ?`, b.hash, row)
	return err
}

// forget removes a dead letter that has no key.
func (t *tx) forget(id string) error {
	n, err := t.exec(`DELETE FROM notifications WHERE dead_id = ? AND state = 2 AND event_key IS NULL`, id)
	if err == nil && n == 0 {
		return refusal{ErrNotFound}
	}
	t.grown -= n
	return err
}

// Drop implements Inbox.
func (s *sqlite) Drop(ctx context.Context, id string) error {
	if err := s.write(ctx, func(t *tx) error { return t.drop(id) }); err != nil {
		return fmt.Errorf("drop dead letter: %w", err)
	}
	return nil
}

func (t *tx) drop(id string) error {
	var row int64
	found, err := t.row(`UPDATE notifications SET state = 1, has_body = 0, dead_id = NULL, detail = '', finished_at = ?
		WHERE dead_id = ? AND state = 2 AND event_key IS NOT NULL RETURNING id`, []any{micros(t.now), id}, &row)
	if err != nil {
		return err
	}
	if !found {
		return t.forget(id)
	}
	t.grown--
	if _, err := t.exec(`DELETE FROM bodies WHERE id = ?`, row); err != nil {
		return err
	}
	_, err = t.exec(`DELETE FROM variants WHERE notification_id = ?`, row)
	return err
}
