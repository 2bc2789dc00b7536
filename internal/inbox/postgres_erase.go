package inbox

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Erase implements Inbox.
func (p *postgres) Erase(ctx context.Context, dry bool, matches func(callKey string, body []byte) bool) (Erased, error) {
	var e Erased
	for after, more := int64(0), true; more; {
		rows, err := p.kept(ctx, &after)
		if err != nil {
			return e, fmt.Errorf("erase from inbox: %w", err)
		}
		more = len(rows) > 0
		for _, k := range matchingBodies(p.opts.Keys, rows, &e, matches) {
			if err := p.eraseOne(ctx, k, dry, &e); err != nil {
				return e, fmt.Errorf("erase from inbox: %w", err)
			}
		}
	}
	return e, nil
}

// kept reads the next notifications with all their bodies, and moves after to the last of them.
func (p *postgres) kept(ctx context.Context, after *int64) ([]keptBody, error) {
	var out []keptBody
	err := p.read(ctx, func(ctx context.Context, db *pgxpool.Pool) error {
		rows, err := db.Query(ctx, `WITH page AS MATERIALIZED (
				SELECT id FROM (SELECT id FROM inbox_bodies WHERE id > $1 UNION SELECT notification_id FROM inbox_variants WHERE notification_id > $1) ids ORDER BY id LIMIT $2)
			SELECT n.id, n.state, COALESCE(n.dead_id, ''), COALESCE(n.call_key, ''), b.body, b.sealed_with, n.body_hash
				FROM page JOIN inbox_notifications n USING (id) JOIN inbox_bodies b USING (id)
			UNION ALL SELECT n.id, n.state, COALESCE(n.dead_id, ''), COALESCE(n.call_key, ''), v.body, v.sealed_with, v.body_hash
				FROM page JOIN inbox_notifications n USING (id) JOIN inbox_variants v ON v.notification_id = n.id`, *after, eraseRows)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var k keptBody
			if err := rows.Scan(&k.id, &k.state, &k.deadID, &k.callKey, &k.body.data, &k.body.sealedWith, &k.body.hash); err != nil {
				return err
			}
			*after = max(*after, k.id)
			out = append(out, k)
		}
		return rows.Err()
	})
	return out, err
}

// eraseOne removes the bodies of a delivered notification, or a whole dead letter.
func (p *postgres) eraseOne(ctx context.Context, k keptBody, dry bool, e *Erased) error {
	var erase func(*pgTx) error
	count := &e.Bodies
	switch k.state {
	case statePending:
		e.Pending++
		return nil
	case stateDone:
		erase = func(t *pgTx) error { return t.blank(k.id) }
	default:
		count = &e.DeadLetters
		erase = func(t *pgTx) error { return t.drop(k.deadID) }
	}
	if dry {
		*count++
		return nil
	}
	err := p.write(ctx, &pgWrite{do: erase})
	if errors.Is(err, ErrNotFound) { // requeued or dropped meanwhile
		return nil
	}
	if err == nil {
		*count++
	}
	return err
}

// blank removes the bodies of a delivered notification.
func (t *pgTx) blank(id int64) error {
	n, err := t.exec(`UPDATE inbox_notifications SET has_body = false WHERE id = $1 AND state = 1`, id)
	if err == nil && n == 0 {
		err = refusal{ErrNotFound}
	}
	if err != nil {
		return err
	}
	return t.deleteBodies(id)
}
