package inbox

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/aftercall/aftercall/internal/keys"
)

// pgAppend is a notification to store, and what was found.
type pgAppend struct {
	n       Notification
	b       body
	receipt Receipt
}

// pgFinish ends a pending notification: it is delivered, or a dead letter.
type pgFinish struct {
	id     int64
	state  int16
	reason Reason
	detail string
}

// pgRelease returns a notification, to be claimed again after a pause at the earliest.
type pgRelease struct {
	id    int64
	pause time.Duration
}

// Append implements Inbox.
func (p *postgres) Append(ctx context.Context, n Notification) (Receipt, error) {
	if !pgKey(n.EventKey) || !pgKey(n.CallKey) {
		return Receipt{}, ErrInvalid
	}
	b, err := sealBody(p.opts.Keys, n.Body)
	if err != nil {
		return Receipt{}, fmt.Errorf("append notification: %w", err)
	}
	w := &pgWrite{append: &pgAppend{n: n, b: b}}
	if err := p.write(ctx, w); err != nil {
		return Receipt{}, fmt.Errorf("append notification: %w", err)
	}
	return w.append.receipt, nil
}

// pgKey reports whether a key is not empty and PostgreSQL can keep it: it has no NUL and is UTF-8.
func pgKey(key string) bool {
	return key != "" && utf8.ValidString(key) && !strings.ContainsRune(key, 0)
}

// pgText returns a text that PostgreSQL can keep.
func pgText(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// appendAll stores the notifications of a batch whose event key is new, and notes the receipt of the others.
func (t *pgTx) appendAll(batch []*pgWrite) error {
	var fresh, known []*pgAppend
	seen := map[string]bool{}
	for _, w := range batch {
		if w.append == nil {
			continue
		}
		if err := t.room(); err != nil {
			var r refusal
			if !errors.As(err, &r) {
				return err
			}
			w.err = r.error
			continue
		}
		a := w.append
		a.receipt = Receipt{}
		if a.n.ReceivedAt.IsZero() {
			a.n.ReceivedAt = fromMicros(t.now)
		}
		if seen[a.n.EventKey] {
			known = append(known, a)
			continue
		}
		seen[a.n.EventKey] = true
		fresh = append(fresh, a)
		t.grown++ // the known ones are subtracted again below
	}
	added, err := t.insert(fresh)
	if err != nil {
		return err
	}
	for _, a := range fresh {
		if !added[a.n.EventKey] {
			t.grown--
			known = append(known, a)
		}
	}
	t.arrived = t.arrived || len(added) > 0
	return t.again(known)
}

// insert stores notifications and returns which event keys were new. The first pending one of a call is marked first.
func (t *pgTx) insert(fresh []*pgAppend) (map[string]bool, error) {
	if len(fresh) == 0 {
		return nil, nil
	}
	var events, calls, sealed []string
	var hashes, bodies [][]byte
	var received []int64
	for _, a := range fresh {
		events, calls, sealed = append(events, a.n.EventKey), append(calls, a.n.CallKey), append(sealed, a.b.sealedWith)
		hashes, bodies, received = append(hashes, a.b.hash), append(bodies, a.b.data), append(received, micros(a.n.ReceivedAt))
	}
	rows, err := t.tx.Query(t.ctx, `WITH new AS MATERIALIZED (
			SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bytea[], $5::text[], $6::bigint[]) WITH ORDINALITY
				AS x (event_key, call_key, body_hash, body, sealed_with, received_at, nr)
			WHERE NOT EXISTS (SELECT 1 FROM inbox_notifications k WHERE k.event_key = x.event_key COLLATE "C")),
		added AS (
			INSERT INTO inbox_notifications (event_key, call_key, body_hash, received_at, state, first, begun)
			SELECT event_key, call_key, body_hash, received_at, 0, row_number() OVER (PARTITION BY call_key ORDER BY nr) = 1
				AND NOT EXISTS (SELECT 1 FROM inbox_notifications p WHERE p.call_key = new.call_key COLLATE "C" AND p.state = 0),
				row_number() OVER (PARTITION BY call_key ORDER BY nr) > 1
				OR EXISTS (SELECT 1 FROM inbox_notifications p WHERE p.call_key = new.call_key COLLATE "C" AND p.state IN (0, 1))
			FROM new ORDER BY nr
			ON CONFLICT (event_key) DO NOTHING RETURNING id, event_key),
		kept AS (INSERT INTO inbox_bodies (id, body, sealed_with) SELECT a.id, new.body, new.sealed_with FROM added a JOIN new ON new.event_key COLLATE "C" = a.event_key)
		SELECT event_key FROM added`, events, calls, hashes, bodies, sealed, received)
	if err != nil {
		return nil, fmt.Errorf("append to inbox: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("append to inbox: %w", err)
	}
	added := make(map[string]bool, len(list))
	for _, key := range list {
		added[key] = true
	}
	if len(added) < len(fresh) { // rare; one that was not added may have been marked first
		t.touched = append(t.touched, calls...)
	}
	return added, nil
}

// again keeps the receipts under known event keys: the time if the bytes are the same, the bytes if not.
func (t *pgTx) again(known []*pgAppend) error {
	if len(known) == 0 {
		return nil
	}
	events := make([]string, len(known))
	for i, a := range known {
		events[i] = a.n.EventKey
	}
	type first struct {
		id   int64
		hash []byte
	}
	firsts := map[string]first{}
	rows, err := t.tx.Query(t.ctx, `SELECT event_key, id, body_hash FROM inbox_notifications WHERE event_key = ANY($1::text[])`, events)
	if err != nil {
		return fmt.Errorf("append to inbox: %w", err)
	}
	var key string
	var f first
	if _, err := pgx.ForEachRow(rows, []any{&key, &f.id, &f.hash}, func() error {
		firsts[key] = first{f.id, slices.Clone(f.hash)}
		return nil
	}); err != nil {
		return fmt.Errorf("append to inbox: %w", err)
	}
	var more pgx.Batch
	for _, a := range known {
		f, ok := firsts[a.n.EventKey]
		if !ok {
			return errors.New("append to inbox: an event key is known and cannot be found")
		}
		a.receipt = Receipt{Duplicate: true, Variant: !bytes.Equal(f.hash, a.b.hash)}
		if a.receipt.Variant {
			more.Queue(`INSERT INTO inbox_variants (notification_id, body_hash, body, sealed_with, received_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
				f.id, a.b.hash, a.b.data, a.b.sealedWith, micros(a.n.ReceivedAt))
		} else {
			more.Queue(`INSERT INTO inbox_repetitions (notification_id, received_at)
				SELECT $1, $2 WHERE (SELECT count(*) FROM inbox_repetitions WHERE notification_id = $1) < $3`, f.id, micros(a.n.ReceivedAt), mostRepetitions)
		}
	}
	if err := t.tx.SendBatch(t.ctx, &more).Close(); err != nil {
		return fmt.Errorf("append to inbox: %w", err)
	}
	return nil
}

// Claim implements Inbox.
func (p *postgres) Claim(ctx context.Context, n int, lease time.Duration) ([]Item, error) {
	return p.claim(ctx, pgClaimOldest, time.Time{}, n, lease)
}

// ClaimNew implements Inbox.
func (p *postgres) ClaimNew(ctx context.Context, since time.Time, n int, lease time.Duration) ([]Item, error) {
	items, err := p.claim(ctx, pgClaimNewest, since, n, lease)
	slices.SortFunc(items, func(a, b Item) int { return cmp.Compare(b.ID, a.ID) })
	return items, err
}

// ClaimBegun implements Inbox.
func (p *postgres) ClaimBegun(ctx context.Context, n int, lease time.Duration) ([]Item, error) {
	return p.claim(ctx, pgClaimBegun, time.Time{}, n, lease)
}

// A row whose wait is not over is skipped; if its wait begins in the future, the clock was set back, and it is claimed.
// A locked row is skipped too: another process is claiming it.
var pgClaimOldest, pgClaimNewest, pgClaimBegun = pgClaim(`ORDER BY n.id`), pgClaim(`ORDER BY n.id DESC`), pgClaim(`AND n.begun ORDER BY n.id`)

func pgClaim(order string) string {
	return `WITH t AS MATERIALIZED (SELECT ` + pgNow + ` AS now),
		c AS MATERIALIZED (
			SELECT n.id FROM inbox_notifications n, t
			WHERE n.first AND NOT (n.wait_from <= t.now AND t.now < n.wait_until) AND n.received_at >= $2 ` + order + ` LIMIT $3
			FOR UPDATE OF n SKIP LOCKED)
		UPDATE inbox_notifications n SET owner = $4, wait_from = t.now, wait_until = t.now + $5::bigint
		FROM c, t, inbox_bodies b WHERE n.id = c.id AND b.id = c.id
		RETURNING n.id, n.event_key, n.call_key, b.body, b.sealed_with, n.body_hash, n.received_at, n.attempts`
}

func (p *postgres) claim(ctx context.Context, query string, since time.Time, n int, lease time.Duration) (items []Item, err error) {
	for len(items) < n {
		want := n - len(items)
		claimed, bodies, err := p.lease(ctx, query, since, want, lease)
		if err != nil {
			return nil, fmt.Errorf("claim notifications: %w", err)
		}
		readable, err := p.readable(ctx, claimed, bodies)
		if err != nil {
			return nil, fmt.Errorf("claim notifications: %w", err)
		}
		items = append(items, readable...)
		if len(claimed) < want || len(readable) == len(claimed) {
			break
		}
	}
	slices.SortFunc(items, func(a, b Item) int { return cmp.Compare(a.ID, b.ID) })
	return items, nil
}

func (p *postgres) lease(ctx context.Context, query string, since time.Time, n int, lease time.Duration) (items []Item, bodies []body, err error) {
	var from int64
	if !since.IsZero() {
		from = micros(since)
	}
	err = p.read(ctx, func(ctx context.Context, db *pgxpool.Pool) error {
		rows, err := db.Query(ctx, query, p.clock(), from, n, p.owner, lease.Microseconds())
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var it Item
			var b body
			var received int64
			if err := rows.Scan(&it.ID, &it.EventKey, &it.CallKey, &b.data, &b.sealedWith, &b.hash, &received, &it.Attempts); err != nil {
				return err
			}
			it.ReceivedAt = fromMicros(received)
			items, bodies = append(items, it), append(bodies, b)
		}
		return rows.Err()
	})
	return items, bodies, err
}

// readable returns the claimed notifications whose bodies can be read. One whose key is missing is left alone for a while;
// one whose bytes were changed becomes a dead letter.
func (p *postgres) readable(ctx context.Context, claimed []Item, bodies []body) ([]Item, error) {
	var items []Item
	for i, it := range claimed {
		text, err := openBody(p.opts.Keys, bodies[i])
		switch {
		case err == nil:
			it.Body = text
			items = append(items, it)
		case errors.Is(err, keys.ErrUnknownKey):
			p.opts.Log.Error("a notification in the inbox waits for the key that it was sealed with", "id", it.ID, "error", err)
			if err := p.write(ctx, &pgWrite{do: func(t *pgTx) error {
				_, err := t.exec(`UPDATE inbox_notifications SET wait_until = $3 WHERE id = $1 AND owner = $2`, it.ID, p.owner, t.now+unreadPause.Microseconds())
				return err
			}}); err != nil {
				return nil, err
			}
		default:
			if err := p.Bury(ctx, it.ID, ReasonUnreadable, "Its bytes were changed since they were sealed."); err != nil {
				p.opts.Log.Error("damaged notification stays pending in the inbox", "id", it.ID, "error", err)
			}
		}
	}
	return items, nil
}

// Done implements Inbox.
func (p *postgres) Done(ctx context.Context, ids ...int64) error {
	w := &pgWrite{}
	for _, id := range ids {
		w.finish = append(w.finish, pgFinish{id: id, state: stateDone})
	}
	if err := p.write(ctx, w); err != nil {
		return fmt.Errorf("mark notifications done: %w", err)
	}
	return nil
}

// Bury implements Inbox.
func (p *postgres) Bury(ctx context.Context, id int64, reason Reason, detail string) error {
	if err := p.write(ctx, &pgWrite{finish: []pgFinish{{id, stateDead, reason, pgText(detail)}}}); err != nil {
		return fmt.Errorf("bury notification: %w", err)
	}
	return nil
}

// finishAll ends all notifications of a batch that are delivered or dead, even if another process has leased them.
func (t *pgTx) finishAll(batch []*pgWrite) error {
	var ids []int64
	var states []int16
	var reasons, details []string
	seen := map[int64]bool{}
	for _, w := range batch {
		for _, f := range w.finish {
			if seen[f.id] {
				continue
			}
			seen[f.id] = true
			ids, states = append(ids, f.id), append(states, f.state)
			reasons, details = append(reasons, string(f.reason)), append(details, f.detail)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	rows, err := t.tx.Query(t.ctx, `UPDATE inbox_notifications n SET state = f.state, first = false, owner = '', wait_from = 0, wait_until = 0,
			finished_at = $1, reason = f.reason, detail = f.detail,
			dead_id = CASE f.state WHEN 2 THEN 'dl-' || encode(substring(sha256(convert_to(n.event_key, 'UTF8')) FOR 8), 'hex') END
		FROM unnest($2::bigint[], $3::smallint[], $4::text[], $5::text[]) AS f (id, state, reason, detail)
		WHERE n.id = f.id AND n.state = 0 RETURNING n.call_key, f.state`, t.now, ids, states, reasons, details)
	if err != nil {
		return fmt.Errorf("write inbox: %w", err)
	}
	var call string
	var state int16
	if _, err := pgx.ForEachRow(rows, []any{&call, &state}, func() error {
		t.touched = append(t.touched, call)
		if state == stateDone {
			t.grown--
		}
		return nil
	}); err != nil {
		return fmt.Errorf("write inbox: %w", err)
	}
	return nil
}

// Release implements Inbox.
func (p *postgres) Release(ctx context.Context, id int64, retryAt time.Time) error {
	r := &pgRelease{id, max(0, retryAt.Sub(p.opts.Now()))} // a pause is the same by any clock
	if err := p.write(ctx, &pgWrite{release: r}); err != nil {
		return fmt.Errorf("release notification: %w", err)
	}
	return nil
}

// releaseAll releases the notifications of a batch, except those that another process has leased meanwhile.
func (t *pgTx) releaseAll(batch []*pgWrite) error {
	var more pgx.Batch
	for _, w := range batch {
		if r := w.release; r != nil {
			more.Queue(`UPDATE inbox_notifications SET attempts = attempts + 1, owner = '', wait_from = $2, wait_until = $3
				WHERE id = $1 AND state = 0 AND (owner IN ('', $4) OR NOT (wait_from <= $2 AND $2 < wait_until))`,
				r.id, t.now, t.now+r.pause.Microseconds(), t.p.owner)
		}
	}
	if more.Len() == 0 {
		return nil
	}
	if err := t.tx.SendBatch(t.ctx, &more).Close(); err != nil {
		return fmt.Errorf("write inbox: %w", err)
	}
	return nil
}

// Ready implements Inbox.
func (p *postgres) Ready(ctx context.Context) error {
	if err := p.write(ctx, &pgWrite{do: func(t *pgTx) error {
		if err := t.room(); err != nil {
			return err
		}
		return t.probe()
	}}); err != nil {
		return fmt.Errorf("write to inbox: %w", err)
	}
	return nil
}
