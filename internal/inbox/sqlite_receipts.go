package inbox

import (
	"context"
	"fmt"
)

// mostRepetitions is how many receipts of the same bytes are remembered per notification.
const mostRepetitions = 50

// repeated remembers that a notification came again.
func (t *tx) repeated(id int64, n Notification) error {
	_, err := t.exec(`INSERT INTO repetitions (notification_id, received_at)
		SELECT ?1, ?2 WHERE (SELECT COUNT(*) FROM repetitions WHERE notification_id = ?1) < ?3`, id, micros(n.ReceivedAt), mostRepetitions)
	return err
}

// receipts lists the receipts of a call: each notification once, and each repetition or variant of it.
const receipts = `SELECT n.event_key, n.received_at AS at, 0 AS again, n.state, n.reason, COALESCE(n.dead_id, ''), b.body, COALESCE(b.sealed_with, ''), n.body_hash, n.id
	FROM notifications n LEFT JOIN bodies b ON b.id = n.id WHERE n.state IN (0, 1, 2) AND n.call_key = ?1
UNION ALL SELECT n.event_key, r.received_at, 1, n.state, '', '', b.body, COALESCE(b.sealed_with, ''), n.body_hash, n.id
	FROM notifications n JOIN repetitions r ON r.notification_id = n.id LEFT JOIN bodies b ON b.id = n.id WHERE n.state IN (0, 1, 2) AND n.call_key = ?1
UNION ALL SELECT n.event_key, v.received_at, 1, n.state, '', '', v.body, v.sealed_with, v.body_hash, n.id
	FROM notifications n JOIN variants v ON v.notification_id = n.id WHERE n.state IN (0, 1, 2) AND n.call_key = ?1
ORDER BY at, again, 10 LIMIT ?2 OFFSET ?3`

// Receipts implements Inbox.
func (s *sqlite) Receipts(ctx context.Context, callKey string, skip, limit int) ([]Received, error) {
	list := []Received{}
	err := s.read(ctx, func(h *handles) error {
		rows, err := h.read.QueryContext(ctx, receipts, callKey, limit, skip)
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
				r.Body, _ = s.open(b) // a body whose key is missing is as good as gone
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
