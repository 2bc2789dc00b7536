package inbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// copyRows is how many notifications one transaction copies.
const copyRows = 200

// Copied counts what Copy has copied; Known counts the notifications that the target had already.
type Copied struct {
	Pending     int
	DeadLetters int
	Delivered   int
	Known       int
}

// Copy copies everything in one inbox to another: pending notifications (leased ones too), dead letters, receipts, and the
// keys by which delivered notifications are known. Bodies stay sealed as they are. A notification that the target knows
// stays as the target has it, so an interrupted copy may be repeated.
//
// Errors: ErrInUse if a process has the source open: the copy would miss or repeat what that process accepts or delivers.
func Copy(ctx context.Context, fromURL, toURL string, log *slog.Logger) (c Copied, err error) {
	if fromURL == toURL {
		return c, errors.New("copy inbox: source and target are the same")
	}
	from, closeSource, err := openSource(ctx, fromURL, log)
	if err != nil {
		return c, fmt.Errorf("copy inbox: source: %w", err)
	}
	defer func() { err = errors.Join(err, closeSource()) }()
	to, err := Open(ctx, toURL, Options{Log: log})
	if err != nil {
		return c, fmt.Errorf("copy inbox: target: %w", err)
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	for after, more := int64(0), true; more; {
		list, err := from.next(ctx, &after)
		if err != nil {
			return c, fmt.Errorf("copy inbox: source: %w", err)
		}
		if more = len(list) > 0; !more {
			break
		}
		if err := to.(copyTarget).take(ctx, list, &c); err != nil {
			return c, fmt.Errorf("copy inbox: target: %w", err)
		}
	}
	return c, nil
}

// copyTarget is implemented by every driver. take stores the notifications that are not known yet, and counts.
type copyTarget interface {
	take(ctx context.Context, list []*copiedRow, c *Copied) error
}

// copiedRow is a notification with all that belongs to it.
type copiedRow struct {
	eventKey, callKey *string
	hash              []byte
	hasBody           bool
	received          int64
	state             int
	begun             bool
	attempts          int
	finished          *int64
	deadID            *string
	reason, detail    string
	body              []byte // nil: no body is kept
	sealedWith        *string
	variants          []copiedBody
	repetitions       []int64
}

type copiedBody struct {
	body
	received int64
}

// copySource reads an inbox that nobody has open.
type copySource struct {
	db   *sql.DB
	text func(query string) string // in the database's dialect
}

// sqliteText turns a statement on PostgreSQL's tables into one on SQLite's.
var sqliteText = strings.NewReplacer("inbox_", "", "$", "?").Replace

func sameText(query string) string { return query }

func openSource(ctx context.Context, url string, log *slog.Logger) (_ *copySource, end func() error, err error) {
	opts := Options{Log: log}.withDefaults()
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		path = strings.TrimPrefix(path, "//")
		if _, err := os.Stat(path); err != nil {
			return nil, nil, err
		}
		s, err := openSQLite(ctx, path, opts)
		if err != nil {
			return nil, nil, err
		}
		return &copySource{s.handles.Load().read, sqliteText}, s.Close, nil
	}
	if !Shared(url) {
		_, err := Open(ctx, url, opts)
		return nil, nil, err
	}
	p, err := preparePostgres(ctx, url, opts, nil)
	if err != nil {
		return nil, nil, err
	}
	alone, err := pgx.ConnectConfig(ctx, p.writes.Config().ConnConfig)
	if err != nil {
		return nil, nil, errors.Join(err, p.Close())
	}
	disconnect := func() error { return errors.Join(alone.Close(context.WithoutCancel(ctx)), p.Close()) }
	var got bool
	if err = alone.QueryRow(ctx, `SELECT pg_try_advisory_lock(`+pgInUse+`)`).Scan(&got); err == nil && !got {
		err = ErrInUse
	}
	if err != nil {
		return nil, nil, errors.Join(err, disconnect())
	}
	db := stdlib.OpenDBFromPool(p.reads)
	return &copySource{db, sameText}, func() error { return errors.Join(db.Close(), disconnect()) }, nil
}

// next reads the next notifications in order of arrival, and moves after to the last of them.
func (s *copySource) next(ctx context.Context, after *int64) (list []*copiedRow, err error) {
	byID, first := map[int64]*copiedRow{}, *after
	err = s.each(ctx, `SELECT n.id, event_key, call_key, body_hash, has_body, received_at, state, begun, attempts, finished_at, dead_id, reason, detail, body, sealed_with
		FROM inbox_notifications n LEFT JOIN inbox_bodies b ON b.id = n.id WHERE n.id > $1 ORDER BY n.id LIMIT $2`, func(rows *sql.Rows) error {
		r := &copiedRow{}
		err := rows.Scan(after, &r.eventKey, &r.callKey, &r.hash, &r.hasBody, &r.received, &r.state, &r.begun, &r.attempts, &r.finished, &r.deadID, &r.reason, &r.detail,
			&r.body, &r.sealedWith)
		byID[*after] = r
		list = append(list, r)
		return err
	}, first, copyRows)
	if err != nil {
		return nil, err
	}
	var id int64
	if err := s.each(ctx, `SELECT notification_id, body_hash, body, sealed_with, received_at FROM inbox_variants
		WHERE notification_id > $1 AND notification_id <= $2`, func(rows *sql.Rows) error {
		var b copiedBody
		err := rows.Scan(&id, &b.hash, &b.data, &b.sealedWith, &b.received)
		byID[id].variants = append(byID[id].variants, b)
		return err
	}, first, *after); err != nil {
		return nil, err
	}
	return list, s.each(ctx, `SELECT notification_id, received_at FROM inbox_repetitions
		WHERE notification_id > $1 AND notification_id <= $2`, func(rows *sql.Rows) error {
		var at int64
		err := rows.Scan(&id, &at)
		byID[id].repetitions = append(byID[id].repetitions, at)
		return err
	}, first, *after)
}

func (s *copySource) each(ctx context.Context, query string, do func(*sql.Rows) error, args ...any) error {
	rows, err := s.db.QueryContext(ctx, s.text(query), args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := do(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// copyTx is a transaction of either driver.
type copyTx interface {
	row(query string, args []any, dest ...any) (found bool, err error)
	exec(query string, args ...any) (int64, error)
}

// insertCopy stores a notification with everything that belongs to it, unless its key is known.
func insertCopy(t copyTx, text func(string) string, r *copiedRow) (added bool, err error) {
	var id int64
	added, err = t.row(text(`INSERT INTO inbox_notifications (event_key, call_key, body_hash, has_body, received_at, state, begun, attempts, finished_at, dead_id, reason, detail)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING RETURNING id`),
		[]any{r.eventKey, r.callKey, r.hash, r.hasBody, r.received, r.state, r.begun, r.attempts, r.finished, r.deadID, r.reason, r.detail}, &id)
	if err != nil || !added {
		return false, err
	}
	if r.sealedWith != nil { // there is a body, which may be empty
		if r.body == nil {
			r.body = []byte{}
		}
		if _, err := t.exec(text(`INSERT INTO inbox_bodies (id, body, sealed_with) VALUES ($1, $2, $3)`), id, r.body, *r.sealedWith); err != nil {
			return false, err
		}
	}
	for _, v := range r.variants {
		if _, err := t.exec(text(`INSERT INTO inbox_variants (notification_id, body_hash, body, sealed_with, received_at) VALUES ($1, $2, $3, $4, $5)`),
			id, v.hash, v.data, v.sealedWith, v.received); err != nil {
			return false, err
		}
	}
	for _, at := range r.repetitions {
		if _, err := t.exec(text(`INSERT INTO inbox_repetitions (notification_id, received_at) VALUES ($1, $2)`), id, at); err != nil {
			return false, err
		}
	}
	return true, nil
}

// count counts a notification as copied or as known.
func (c *Copied) count(r *copiedRow, added bool) {
	switch {
	case !added:
		c.Known++
	case r.state == statePending:
		c.Pending++
	case r.state == stateDead:
		c.DeadLetters++
	default:
		c.Delivered++
	}
}

func (s *sqlite) take(ctx context.Context, list []*copiedRow, c *Copied) error {
	var now Copied
	if err := s.write(ctx, func(t *tx) error {
		if err := t.room(); err != nil {
			return err
		}
		now = *c
		for _, r := range list {
			added, err := insertCopy(t, sqliteText, r)
			if err != nil {
				return err
			}
			now.count(r, added)
			if !added || r.state == stateDone {
				continue
			}
			t.grown++
			if r.state != statePending {
				continue
			}
			if _, err := t.exec(`UPDATE notifications SET first = 1 WHERE id = (SELECT MIN(id) FROM notifications WHERE call_key = ?1 AND state = 0)
				AND NOT EXISTS (SELECT 1 FROM notifications WHERE call_key = ?1 AND first = 1)`, *r.callKey); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	*c = now
	return nil
}

func (p *postgres) take(ctx context.Context, list []*copiedRow, c *Copied) error {
	var calls []string
	for _, r := range list {
		if r.callKey != nil {
			calls = append(calls, *r.callKey)
		} else {
			calls = append(calls, *r.deadID)
		}
	}
	var now Copied
	if err := p.write(ctx, &pgWrite{calls: calls, do: func(t *pgTx) error {
		if err := t.room(); err != nil {
			return err
		}
		now = *c
		for _, r := range list {
			r.detail = pgText(r.detail)
			added, err := insertCopy(t, sameText, r)
			if err != nil {
				return err
			}
			now.count(r, added)
			if added && r.state != stateDone {
				t.grown++
			}
			if added && r.state == statePending {
				t.touched, t.arrived = append(t.touched, *r.callKey), true
			}
		}
		return nil
	}}); err != nil {
		return err
	}
	*c = now
	return nil
}
