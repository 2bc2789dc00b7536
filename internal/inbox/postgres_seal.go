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

func (p *postgres) reseal(ctx context.Context) (int, error) {
	return reseal(ctx, p, pgSealedTables, p.opts.Keys, &p.resealedWith)
}

// replace implements sealedStore.
func (p *postgres) replace(ctx context.Context, table sealedTable, stale, fresh map[int64]body) error {
	return p.write(ctx, &pgWrite{do: func(t *pgTx) error {
		for row, b := range fresh {
			if _, err := t.exec(table.update, b.data, b.sealedWith, row, stale[row].sealedWith); err != nil {
				return err
			}
		}
		return nil
	}})
}

// stale implements sealedStore.
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
