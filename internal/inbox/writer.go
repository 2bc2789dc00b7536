package inbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"time"
)

const (
	maxBatch      = 512 // writes in one commit
	reopenAtFirst = 50 * time.Millisecond
	reopenAtMost  = 5 * time.Second
)

// write is one change that waits for its commit. do runs in the writer's transaction; the results it leaves may be
// read once the write has returned nil.
type write struct {
	ctx  context.Context
	do   func(*tx) error
	err  error
	done chan error
}

// refusal is an error of do for its caller alone: do changed nothing and the commit continues. Any other error means that
// the disk has failed.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

// write hands a change to the writer and waits until it is durable.
func (s *sqlite) write(ctx context.Context, do func(*tx) error) error {
	w := &write{ctx: ctx, do: do, done: make(chan error, 1)}
	return s.submit(ctx, w, w.done, s.handles.Load() == nil)
}

// run is the only goroutine that writes.
func (s *sqlite) run() {
	defer close(s.stopped)
	for {
		select {
		case <-s.stop:
			return
		case w := <-s.queue:
			batch, err := s.commit(w)
			if err != nil {
				s.poison(err)
			}
			for _, w := range batch {
				w.done <- answer(w, err)
			}
			if err != nil && !s.reopen() {
				return
			}
		}
	}
}

func answer(w *write, err error) error {
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return w.err
}

// commit makes the first write and all that arrive meanwhile durable, or none of them. It returns these writes.
func (s *sqlite) commit(first *write) (batch []*write, err error) {
	t := &tx{s: s, h: s.handles.Load(), now: s.opts.Now()}
	if _, err := t.exec("BEGIN IMMEDIATE"); err != nil {
		return []*write{first}, err
	}
	defer func() { s.company.went(len(batch)) }()
	for w := first; w != nil; w = s.another(len(batch)) {
		batch = append(batch, w)
		if err := t.do(w); err != nil {
			return batch, err
		}
	}
	if _, err := t.exec("COMMIT"); err != nil {
		return batch, err
	}
	s.live.Add(t.grown)
	if t.flush {
		return batch, t.step("PRAGMA wal_checkpoint(TRUNCATE)")
	}
	return batch, nil
}

// another returns the next write for a batch of n, or nil when the batch should wait no longer.
func (s *sqlite) another(n int) *write {
	for n < maxBatch {
		select {
		case w := <-s.queue:
			return w
		default:
		}
		if runtime.Gosched(); len(s.queue) == 0 { // every goroutine that could hand one over has had the time
			return s.company.wait(n, s.queue)
		}
	}
	return nil
}

// do runs a write. It returns an error only if the disk fails.
func (t *tx) do(w *write) error {
	if w.err = w.ctx.Err(); w.err != nil {
		return nil
	}
	err := w.do(t)
	if r, ok := errors.AsType[refusal](err); ok {
		w.err, err = r.error, nil
	}
	return err
}

// poison stops every acknowledgement. After a failed commit the disk's contents are unknown: repeating the sync would
// succeed and lie, because the kernel has dropped the pages that it could not write.
func (s *sqlite) poison(cause error) {
	s.opts.Log.Error("inbox commit failed: nothing is accepted until the file is reopened and verified", "error", cause)
	if h := s.handles.Swap(nil); h != nil {
		_ = h.close() // rolls back; its error adds nothing to the commit's
	}
}

// reopen tries until the file is open, whole and writable, and refuses queued writes meanwhile. It returns false if the
// inbox was closed first.
func (s *sqlite) reopen() bool {
	wait := reopenAtFirst
	for {
		timer := time.NewTimer(wait)
		if !s.turnAway(timer.C) {
			timer.Stop()
			return false
		}
		h, err := s.recover()
		if err == nil {
			s.handles.Store(h)
			s.opts.Log.Info("inbox reopened and verified")
			return true
		}
		wait = min(2*wait, reopenAtMost)
		s.opts.Log.Warn("inbox not usable yet", "error", err, "nextTry", wait)
	}
}

func (s *sqlite) turnAway(until <-chan time.Time) bool {
	for {
		select {
		case <-s.stop:
			return false
		case w := <-s.queue:
			w.done <- ErrUnavailable
		case <-until:
			return true
		}
	}
}

func (s *sqlite) recover() (*handles, error) {
	h, err := openHandles(context.Background(), s.path, verify)
	if err != nil {
		return nil, err
	}
	t := &tx{s: s, h: h, now: s.opts.Now()}
	if err := t.probe(); err != nil {
		_ = h.close()
		return nil, err
	}
	return h, nil
}

// tx is the writer's transaction, as a change sees it.
type tx struct {
	s     *sqlite
	h     *handles
	now   time.Time
	grown int64 // by how much the count of live rows changes
	flush bool  // the log must be emptied after the commit
	disk  *bool // whether the disk has room; looked up once, when it matters
}

func (t *tx) stmt(query string) (*sql.Stmt, error) {
	if st, ok := t.h.stmts[query]; ok {
		return st, nil
	}
	st, err := t.h.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, fmt.Errorf("prepare inbox statement: %w", err)
	}
	t.h.stmts[query] = st
	return st, nil
}

// exec runs a statement and returns how many rows it changed.
func (t *tx) exec(query string, args ...any) (int64, error) {
	st, err := t.stmt(query)
	if err != nil {
		return 0, err
	}
	res, err := st.ExecContext(context.Background(), args...)
	if err != nil {
		return 0, fmt.Errorf("write inbox: %w", err)
	}
	return res.RowsAffected()
}

// step runs a statement to its end; it does a little work for each row it returns.
func (t *tx) step(query string) error {
	st, err := t.stmt(query)
	if err != nil {
		return err
	}
	rows, err := st.QueryContext(context.Background())
	if err != nil {
		return fmt.Errorf("write inbox: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
	}
	return rows.Err()
}

// row reads one row; found is false if there is none.
func (t *tx) row(query string, args []any, dest ...any) (found bool, err error) {
	st, err := t.stmt(query)
	if err != nil {
		return false, err
	}
	err = st.QueryRowContext(context.Background(), args...).Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read inbox: %w", err)
	}
	return true, nil
}

// room refuses growth before the disk is full, so that deliveries and deletes still have space.
func (t *tx) room() error {
	if t.s.live.Load()+t.grown >= int64(t.s.opts.MaxRows) || !t.diskRoom() {
		return refusal{ErrFull}
	}
	return nil
}

func (t *tx) diskRoom() bool {
	if t.disk == nil {
		room := hasRoom(filepath.Dir(t.s.path), t.s.opts.MinFreeBytes)
		t.disk = &room
	}
	return *t.disk
}

func (t *tx) probe() error {
	_, err := t.exec(`INSERT INTO probe (id, at) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET at = excluded.at`, micros(t.now))
	return err
}
