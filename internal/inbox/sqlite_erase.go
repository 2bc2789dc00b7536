package inbox

import (
	"context"
	"errors"
	"fmt"

	"github.com/aftercall/aftercall/internal/keys"
)

// eraseRows is how many notifications are read at a time, with their bodies in memory.
const eraseRows = 100

// keptBody is a notification, or one of its variants, with a body.
type keptBody struct {
	id      int64
	state   int
	deadID  string
	callKey string
	body    body
}

// Erase implements Inbox.
func (s *sqlite) Erase(ctx context.Context, dry bool, matches func(callKey string, body []byte) bool) (Erased, error) {
	var e Erased
	for after, more := int64(0), true; more; {
		rows, err := s.kept(ctx, &after)
		if err != nil {
			return e, fmt.Errorf("erase from inbox: %w", err)
		}
		more = len(rows) > 0
		for _, k := range matchingBodies(s.opts.Keys, rows, &e, matches) {
			if err := s.eraseOne(ctx, k, dry, &e); err != nil {
				return e, fmt.Errorf("erase from inbox: %w", err)
			}
		}
	}
	if dry || e.Bodies+e.DeadLetters == 0 {
		return e, nil
	}
	return e, s.shrink(ctx)
}

// kept reads the next notifications with all their bodies, and moves after to the last of them.
func (s *sqlite) kept(ctx context.Context, after *int64) ([]keptBody, error) {
	var out []keptBody
	err := s.read(ctx, func(h *handles) error {
		const page = `(SELECT id FROM bodies WHERE id > ?1 UNION SELECT notification_id FROM variants WHERE notification_id > ?1 ORDER BY 1 LIMIT ?2)`
		rows, err := h.read.QueryContext(ctx, `SELECT n.id, n.state, COALESCE(n.dead_id, ''), COALESCE(n.call_key, ''), b.body, b.sealed_with, n.body_hash
				FROM notifications n JOIN bodies b USING (id) WHERE n.id IN `+page+`
			UNION ALL SELECT n.id, n.state, COALESCE(n.dead_id, ''), COALESCE(n.call_key, ''), v.body, v.sealed_with, v.body_hash
				FROM notifications n JOIN variants v ON v.notification_id = n.id WHERE n.id IN `+page, *after, eraseRows)
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

// matchingBodies returns the notifications with a matching body, each once.
func matchingBodies(ring *keys.Ring, rows []keptBody, e *Erased, matches func(string, []byte) bool) []keptBody {
	var out []keptBody
	seen := map[int64]bool{}
	for _, k := range rows {
		text, err := openBody(ring, k.body)
		if err != nil { // its key is missing, or its bytes were changed
			e.Unread++
			continue
		}
		if matches(k.callKey, text) && !seen[k.id] {
			seen[k.id] = true
			out = append(out, k)
		}
	}
	return out
}

// eraseOne removes the bodies of a delivered notification, or a whole dead letter.
func (s *sqlite) eraseOne(ctx context.Context, k keptBody, dry bool, e *Erased) error {
	var erase func(*tx) error
	count := &e.Bodies
	switch k.state {
	case 0:
		e.Pending++
		return nil
	case 1:
		erase = func(t *tx) error { return t.blank(k.id) }
	default:
		count = &e.DeadLetters
		erase = func(t *tx) error { return t.drop(k.deadID) }
	}
	if dry {
		*count++
		return nil
	}
	err := s.write(ctx, erase)
	if errors.Is(err, ErrNotFound) { // requeued or dropped meanwhile
		return nil
	}
	if err == nil {
		*count++
	}
	return err
}

// blank removes the bodies of a delivered notification.
func (t *tx) blank(id int64) error {
	var one int64
	found, err := t.row(`UPDATE notifications SET has_body = 0 WHERE id = ? AND state = 1 RETURNING id`, []any{id}, &one)
	if err == nil && !found {
		err = refusal{ErrNotFound}
	}
	if err != nil {
		return err
	}
	if _, err := t.exec(`DELETE FROM bodies WHERE id = ?`, id); err != nil {
		return err
	}
	_, err = t.exec(`DELETE FROM variants WHERE notification_id = ?`, id)
	return err
}
