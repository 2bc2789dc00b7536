package inbox

import (
	"context"
	"fmt"
)

var sealedTables = []sealedTable{
	{
		`SELECT b.rowid, body, sealed_with, body_hash FROM bodies b JOIN notifications n ON n.id = b.id
			WHERE b.rowid > ? AND sealed_with <> ? ORDER BY b.rowid LIMIT ?`,
		`UPDATE bodies SET body = ?, sealed_with = ? WHERE rowid = ? AND sealed_with = ?`,
	},
	{
		`SELECT rowid, body, sealed_with, body_hash FROM variants WHERE rowid > ? AND sealed_with <> ? ORDER BY rowid LIMIT ?`,
		`UPDATE variants SET body = ?, sealed_with = ? WHERE rowid = ? AND sealed_with = ?`,
	},
}

func (s *sqlite) seal(text []byte) (body, error) { return sealBody(s.opts.Keys, text) }

func (s *sqlite) open(b body) ([]byte, error) { return openBody(s.opts.Keys, b) }

func (s *sqlite) reseal(ctx context.Context) (int, error) {
	return reseal(ctx, s, sealedTables, s.opts.Keys, &s.resealedWith)
}

// replace implements sealedStore.
func (s *sqlite) replace(ctx context.Context, table sealedTable, stale, fresh map[int64]body) error {
	return s.write(ctx, func(t *tx) error {
		for row, b := range fresh {
			if _, err := t.exec(table.update, b.data, b.sealedWith, row, stale[row].sealedWith); err != nil {
				return err
			}
		}
		return nil
	})
}

// stale implements sealedStore.
func (s *sqlite) stale(ctx context.Context, table sealedTable, with string, after int64) (map[int64]body, int64, error) {
	found := map[int64]body{}
	err := s.read(ctx, func(h *handles) error {
		rows, err := h.read.QueryContext(ctx, table.list, after, with, sweepRows)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var b body
			if err := rows.Scan(&after, &b.data, &b.sealedWith, &b.hash); err != nil {
				return err
			}
			found[after] = b
		}
		return rows.Err()
	})
	return found, after, err
}

// SealedWith implements Inbox.
func (s *sqlite) SealedWith(ctx context.Context) (map[string]int, error) {
	counts := map[string]int{}
	err := s.read(ctx, func(h *handles) error {
		rows, err := h.read.QueryContext(ctx, `SELECT sealed_with, COUNT(*) FROM
			(SELECT sealed_with FROM bodies UNION ALL SELECT sealed_with FROM variants) GROUP BY sealed_with`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id string
			var n int
			if err := rows.Scan(&id, &n); err != nil {
				return err
			}
			counts[id] = n
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("count sealed bodies: %w", err)
	}
	return counts, nil
}
