package inbox

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	pgBatch      = 256 // writes in one commit: each may hold a lock, and PostgreSQL has room for some thousands
	pgRetries    = 3   // tries of a write that failed only because of other locks
	recountAfter = 10 * time.Second
	recountFull  = time.Second // when the count says that the inbox is full
)

// pgWrite is one change that waits for its commit. The appends, ends and releases of a batch take one statement each; do
// is for rare changes. The results may be read once the write has returned nil.
type pgWrite struct {
	ctx     context.Context
	append  *pgAppend
	finish  []pgFinish
	release *pgRelease
	do      func(*pgTx) error
	calls   []string // whose pending notifications do changes, if known beforehand

	err  error
	done chan error
}

// write hands a change to the writer and waits until it is durable.
func (p *postgres) write(ctx context.Context, w *pgWrite) error {
	w.ctx, w.done = ctx, make(chan error, 1)
	return p.submit(ctx, w, w.done, p.down.Load())
}

// run is the only goroutine that commits.
func (p *postgres) run() {
	defer close(p.stopped)
	for {
		select {
		case <-p.stop:
			return
		case w := <-p.queue:
			batch := p.gather(w)
			err := p.settle(batch)
			for _, w := range batch {
				if err != nil && w.err == nil {
					w.err = fmt.Errorf("%w: %w", ErrUnavailable, err)
				}
				w.done <- w.err
			}
			if err != nil && !p.recover(err) {
				return
			}
		}
	}
}

func (p *postgres) gather(first *pgWrite) []*pgWrite {
	batch := []*pgWrite{first}
	for len(batch) < pgBatch {
		select {
		case w := <-p.queue:
			batch = append(batch, w)
		default:
			return batch
		}
	}
	return batch
}

// settle commits a batch. If PostgreSQL refuses the batch, settle tries each write by itself, so that a write that will
// never be accepted fails alone. An error means that the database is away.
func (p *postgres) settle(batch []*pgWrite) error {
	err := p.commit(batch)
	if err == nil || away(err) {
		return err
	}
	for i, w := range batch {
		for try := 1; ; try++ {
			w.err = nil
			if err = p.commit([]*pgWrite{w}); err == nil || away(err) || try == pgRetries || !inTheWay(err) {
				break
			}
		}
		if away(err) {
			for _, w := range batch[i:] {
				w.err = fmt.Errorf("%w: %w", ErrUnavailable, err)
			}
			return err
		}
		if err != nil {
			p.opts.Log.Error("a write of the inbox is refused by its database", "error", err)
			w.err = fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
	}
	return nil
}

// away reports whether an error is not about the write: the connection is lost, or the server cannot do its work.
func away(err error) bool {
	var pgErr *pgconn.PgError
	if errors.Is(err, errAway) || !errors.As(err, &pgErr) {
		return err != nil
	}
	switch pgErr.Code[:2] {
	case "08", "25", "53", "57", "58", "XX":
		return pgErr.Code != "57014" // one statement was cancelled
	default:
		return false
	}
}

// inTheWay reports whether a transaction was undone because of another one.
func inTheWay(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && (pgErr.Code[:2] == "40" || pgErr.Code == "55P03" || pgErr.Code == "57014")
}

// recover waits until the database accepts a write again, and refuses queued writes meanwhile. It returns false if the
// inbox was closed first. The result of the failed commit is unknown: its writers get an error, and repeat the write.
func (p *postgres) recover(cause error) bool {
	p.down.Store(true)
	p.opts.Log.Error("inbox commit failed: nothing is accepted until PostgreSQL takes one again", "error", cause)
	wait := reopenAtFirst
	for {
		timer := time.NewTimer(wait)
		if !p.turnAway(timer.C) {
			timer.Stop()
			return false
		}
		p.writes.Reset()
		p.reads.Reset()
		err := p.commit([]*pgWrite{{ctx: context.Background(), do: func(t *pgTx) error { return errors.Join(t.probe(), t.recount()) }}})
		if err == nil {
			p.down.Store(false)
			p.opts.Log.Info("inbox works again")
			return true
		}
		wait = min(2*wait, recoverAtMost)
		p.opts.Log.Warn("inbox not usable yet", "error", err, "nextTry", wait)
	}
}

const recoverAtMost = time.Second

func (p *postgres) turnAway(until <-chan time.Time) bool {
	for {
		select {
		case <-p.stop:
			return false
		case w := <-p.queue:
			w.done <- ErrUnavailable
		case <-until:
			return true
		}
	}
}

// commit makes all changes of a batch durable, or none.
func (p *postgres) commit(batch []*pgWrite) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), postgresPatience)
	defer cancel()
	batch = slices.DeleteFunc(slices.Clone(batch), func(w *pgWrite) bool {
		w.err = w.ctx.Err()
		return w.err != nil
	})
	if len(batch) == 0 {
		return nil
	}
	tx, err := p.writes.Begin(ctx)
	if err != nil {
		return fmt.Errorf("write inbox: %w", err)
	}
	t := &pgTx{p: p, ctx: ctx, tx: tx}
	if err := t.apply(batch); err != nil {
		if tx.Rollback(ctx) != nil { // the connection is lost, and with it the transaction
			return errors.Join(errAway, err)
		}
		return err
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("commit inbox: %w", err)
	}
	p.live += t.grown
	if t.arrived {
		raise(p.fresh)
	}
	return nil
}

var errAway = errors.New("connection to PostgreSQL is lost")

// raise sets a flag that a goroutine waits for.
func raise(flag chan struct{}) {
	select {
	case flag <- struct{}{}:
	default:
	}
}

// pgTx is the writer's transaction, as a change sees it.
type pgTx struct {
	p       *postgres
	ctx     context.Context
	tx      pgx.Tx
	now     int64
	grown   int64    // by how much the count of live rows changes
	touched []string // calls whose first notification may have changed
	arrived bool     // there is something new to claim
}

func (t *pgTx) apply(batch []*pgWrite) error {
	if err := t.lock(batch); err != nil {
		return err
	}
	if time.Since(t.p.counted) > recountAfter {
		if err := t.recount(); err != nil {
			return err
		}
	}
	for _, step := range []func([]*pgWrite) error{t.finishAll, t.releaseAll, t.appendAll, t.doAll} {
		if err := step(batch); err != nil {
			return err
		}
	}
	return t.promote()
}

// lock locks all calls that the batch changes, of this schema, in one order for all processes, and reads the clock. Later
// statements see everything that other processes committed before they released these calls.
func (t *pgTx) lock(batch []*pgWrite) error {
	var names []string
	var ids []int64
	for _, w := range batch {
		names = append(names, w.calls...)
		if w.append != nil {
			names = append(names, w.append.n.CallKey)
		}
		for _, f := range w.finish {
			ids = append(ids, f.id)
		}
	}
	// The subquery fixes the order in which the locks are acquired.
	err := t.tx.QueryRow(t.ctx, `WITH taken AS MATERIALIZED (SELECT pg_advisory_xact_lock(k) FROM (
			SELECT hashtextextended(name, hashtext(current_schema())) AS k FROM (SELECT unnest($2::text[]) COLLATE "C" AS name
				UNION SELECT call_key FROM inbox_notifications WHERE id = ANY($3::bigint[]) AND call_key IS NOT NULL) names
			GROUP BY 1 ORDER BY 1) ordered)
		SELECT (SELECT count(*) FROM taken), `+pgNow, t.p.clock(), names, ids).Scan(new(int64), &t.now)
	if err != nil {
		return fmt.Errorf("lock calls of the inbox: %w", err)
	}
	return nil
}

// promote marks the earliest pending notification of each touched call as first, if none is.
func (t *pgTx) promote() error {
	if len(t.touched) == 0 {
		return nil
	}
	slices.Sort(t.touched)
	n, err := t.exec(`UPDATE inbox_notifications n SET first = true
		FROM (SELECT DISTINCT unnest($1::text[]) COLLATE "C" AS call_key) c
		CROSS JOIN LATERAL (SELECT id FROM inbox_notifications p WHERE p.call_key = c.call_key AND p.state = 0 ORDER BY id LIMIT 1) earliest
		WHERE n.id = earliest.id AND NOT EXISTS (SELECT 1 FROM inbox_notifications f WHERE f.call_key = c.call_key AND f.first)`,
		slices.Compact(t.touched))
	t.arrived = t.arrived || n > 0
	return err
}

func (t *pgTx) doAll(batch []*pgWrite) error {
	for _, w := range batch {
		if w.do == nil {
			continue
		}
		err := w.do(t)
		var r refusal
		switch {
		case errors.As(err, &r):
			w.err = r.error
		case err != nil:
			return err
		}
	}
	return nil
}

// exec runs a statement and returns how many rows it changed.
func (t *pgTx) exec(query string, args ...any) (int64, error) {
	tag, err := t.tx.Exec(t.ctx, query, args...)
	if err != nil {
		return 0, fmt.Errorf("write inbox: %w", err)
	}
	return tag.RowsAffected(), nil
}

// row reads one row; found is false if there is none.
func (t *pgTx) row(query string, args []any, dest ...any) (found bool, err error) {
	err = t.tx.QueryRow(t.ctx, query, args...).Scan(dest...)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read inbox: %w", err)
	}
	return true, nil
}

// room refuses growth while the inbox has its most rows. Other processes add rows too, so they are recounted at times.
func (t *pgTx) room() error {
	most := int64(t.p.opts.MaxRows)
	if t.p.live+t.grown >= most && time.Since(t.p.counted) > recountFull {
		if err := t.recount(); err != nil {
			return err
		}
	}
	if t.p.live+t.grown >= most {
		return refusal{ErrFull}
	}
	return nil
}

// recount counts the live rows of all processes, including those of this transaction.
func (t *pgTx) recount() error {
	var live int64
	if _, err := t.row(`SELECT (SELECT count(*) FROM inbox_notifications WHERE state = 0) + (SELECT count(*) FROM inbox_notifications WHERE state = 2)`, nil, &live); err != nil {
		return err
	}
	t.p.live, t.p.counted = live-t.grown, time.Now()
	return nil
}

func (t *pgTx) probe() error {
	_, err := t.exec(pgProbe, t.now)
	return err
}
