package inbox

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/aftercall/aftercall/internal/keys"
)

// unreadPause is how long a notification whose key is missing is left alone.
const unreadPause = 30 * time.Second

// sealOverhead is keys.Overhead, for SQL.
const sealOverhead = "28"

var _ = [1]struct{}{}[keys.Overhead-28]

// body is a stored body: sealed with the key of that id, or in clear if the id is empty. hash is the hash of the clear
// text; a sealed body can be read under no other.
type body struct {
	data       []byte
	sealedWith string
	hash       []byte
}

func (s *sqlite) seal(text []byte) (body, error) { return sealBody(s.opts.Keys, text) }

// sealBody seals a body with the first key of a ring, or keeps it in clear if there is none.
func sealBody(ring *keys.Ring, text []byte) (body, error) {
	hash := sha256.Sum256(text)
	b := body{data: text, hash: hash[:]}
	if text == nil {
		b.data = []byte{} // the driver would store NULL
	}
	if !ring.CanSeal() {
		return b, nil
	}
	var err error
	b.sealedWith, b.data, err = ring.Seal(text, sealedAs(b.hash))
	return b, err
}

func (s *sqlite) open(b body) ([]byte, error) { return openBody(s.opts.Keys, b) }

// openBody returns the clear text of a body. The error wraps keys.ErrUnknownKey if its key is missing.
func openBody(ring *keys.Ring, b body) ([]byte, error) {
	if b.sealedWith == "" {
		return b.data, nil
	}
	text, err := ring.Open(b.sealedWith, b.data, sealedAs(b.hash))
	if err != nil {
		return nil, fmt.Errorf("read a sealed body: %w", err)
	}
	return text, nil
}

func sealedAs(hash []byte) []byte { return append([]byte("inbox\x00"), hash...) }

// sealedTable is a table with bodies.
type sealedTable struct{ list, update string }

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

// reseal seals bodies again that are in clear or not sealed with the ring's first key. It reads the whole table, so it runs
// once for each first key. A body that cannot be read stays as it is.
func (s *sqlite) reseal(ctx context.Context) (int, error) {
	ids := s.opts.Keys.IDs()
	if len(ids) == 0 || s.resealedWith.Load() == ids[0] {
		return 0, nil
	}
	total := 0
	for _, table := range sealedTables {
		n, err := s.resealTable(ctx, table, ids[0])
		if total += n; err != nil {
			return total, fmt.Errorf("reseal inbox: %w", err)
		}
	}
	s.resealedWith.Store(ids[0])
	return total, nil
}

func (s *sqlite) resealTable(ctx context.Context, table sealedTable, with string) (total int, err error) {
	for after, more := int64(0), true; more; {
		var stale map[int64]body
		if stale, after, err = s.stale(ctx, table, with, after); err != nil {
			return total, err
		}
		more = len(stale) == sweepRows
		fresh := map[int64]body{}
		for row, b := range stale {
			if text, err := s.open(b); err == nil {
				if fresh[row], err = s.seal(text); err != nil {
					return total, err
				}
			}
		}
		if err := s.write(ctx, func(t *tx) error {
			for row, b := range fresh {
				if _, err := t.exec(table.update, b.data, b.sealedWith, row, stale[row].sealedWith); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return total, err
		}
		total += len(fresh)
	}
	return total, nil
}

// stale returns the next bodies that are not sealed with a key, by row, and the last of these rows.
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
