package inbox

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
)

var pgSealedTables = []sealedTable{
	{
		`SELECT b.id, body, sealed_with, body_hash FROM inbox_bodies b JOIN inbox_notifications n ON n.id = b.id
			WHERE b.id > $1 AND sealed_with <> $2 ORDER BY b.id LIMIT $3`,
		`UPDATE inbox_bodies SET body = $1, sealed_with = $2 WHERE id = $3 AND sealed_with = $4`,
	},
	{
		`SELECT id, body, sealed_with, body_hash FROM inbox_variants WHERE id > $1 AND sealed_with <> $2 ORDER BY id LIMIT $3`,
		`UPDATE inbox_variants SET body = $1, sealed_with = $2 WHERE id = $3 AND sealed_with = $4`,
	},
}

// reseal seals bodies again that are in clear or not sealed with the ring's first key. It reads the whole table, so it runs
// once for each first key. A body that cannot be read stays as it is. Several processes may run it at once.
func (p *postgres) reseal(ctx context.Context) (int, error) {
	ids := p.opts.Keys.IDs()
	if len(ids) == 0 || p.resealedWith.Load() == ids[0] {
		return 0, nil
	}
	total := 0
	for _, table := range pgSealedTables {
		n, err := p.resealTable(ctx, table, ids[0])
		if total += n; err != nil {
			return total, fmt.Errorf("reseal inbox: %w", err)
		}
	}
	p.resealedWith.Store(ids[0])
	return total, nil
}

func (p *postgres) resealTable(ctx context.Context, table sealedTable, with string) (total int, err error) {
	for after, more := int64(0), true; more; {
		var stale map[int64]body
		if stale, after, err = p.stale(ctx, table, with, after); err != nil {
			return total, err
		}
		more = len(stale) == sweepRows
		fresh := map[int64]body{}
		for row, b := range stale {
			if text, err := openBody(p.opts.Keys, b); err == nil {
				if fresh[row], err = sealBody(p.opts.Keys, text); err != nil {
					return total, err
				}
			}
		}
		if err := p.write(ctx, &pgWrite{do: func(t *pgTx) error {
			for row, b := range fresh {
				if _, err := t.exec(table.update, b.data, b.sealedWith, row, stale[row].sealedWith); err != nil {
					return err
				}
			}
			return nil
		}}); err != nil {
			return total, err
		}
		total += len(fresh)
	}
	return total, nil
}

// stale returns the next bodies that are not sealed with a key, by row, and the last of these rows.
func (p *postgres) stale(ctx context.Context, table sealedTable, with string, after int64) (map[int64]body, int64, error) {
	found := map[int64]body{}
	err := p.read(ctx, func(ctx context.Context, db *pgxpool.Pool) error {
		rows, err := db.Query(ctx, table.list, after, with, sweepRows)
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
func (p *postgres) SealedWith(ctx context.Context) (map[string]int, error) {
	counts := map[string]int{}
	err := p.read(ctx, func(ctx context.Context, db *pgxpool.Pool) error {
		rows, err := db.Query(ctx, `SELECT sealed_with, count(*) FROM
			(SELECT sealed_with FROM inbox_bodies UNION ALL SELECT sealed_with FROM inbox_variants) kept GROUP BY sealed_with`)
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
