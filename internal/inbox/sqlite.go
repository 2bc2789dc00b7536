package inbox

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // registers the driver
)

//go:embed migrations/*.sql
var migrations embed.FS

// Values of the column state.
const (
	statePending = 0
	stateDone    = 1
	stateDead    = 2
)

// sqlite is the driver for one process and one file. All writes go through one goroutine, which commits waiting writes
// together (writer.go). Leases live in memory: only one process has the file, so they end with it.
type sqlite struct {
	opts Options
	path string
	lock *os.File

	handles atomic.Pointer[handles] // nil while the last commit failed and the file is not reopened yet
	handover[*write]
	company company // of the goroutine that writes
	closing sync.Once

	resealedWith atomic.Value // string: the key that seals all bodies by now

	live    atomic.Int64 // pending ones and dead letters
	latest  atomic.Int64 // time of the last claim or receipt: an earlier clock was set back
	leaseMu sync.Mutex
	leases  map[int64]time.Time // when each notification's lease expires
}

func openSQLite(ctx context.Context, path string, opts Options) (_ *sqlite, err error) {
	if path, err = filepath.Abs(path); err != nil {
		return nil, fmt.Errorf("open inbox: %w", err)
	}
	if err := prepare(path); err != nil {
		return nil, err
	}
	lock, err := lock(path + ".lock")
	if err != nil {
		return nil, err
	}
	s := &sqlite{
		opts: opts, path: path, lock: lock,
		handover: newHandover[*write](opts.QueueSize),
		leases:   map[int64]time.Time{},
	}
	h, err := s.start(ctx)
	if err != nil {
		_ = lock.Close()
		return nil, err
	}
	s.handles.Store(h)
	go s.run()
	return s, nil
}

// start opens the file, migrates its tables and counts its live rows.
func (s *sqlite) start(ctx context.Context) (*handles, error) {
	h, err := openHandles(ctx, s.path, migrate)
	if err != nil {
		return nil, err
	}
	var live int64
	var latest int64
	const count = `SELECT (SELECT COUNT(*) FROM notifications WHERE state = 0) + (SELECT COUNT(*) FROM notifications WHERE state = 2),
		COALESCE((SELECT received_at FROM notifications ORDER BY id DESC LIMIT 1), 0)`
	if err := h.read.QueryRowContext(ctx, count).Scan(&live, &latest); err != nil {
		_ = h.close()
		return nil, fmt.Errorf("count inbox rows: %w", err)
	}
	s.live.Store(live)
	s.latest.Store(latest)
	return h, nil
}

// Close implements Inbox.
func (s *sqlite) Close() error {
	var err error
	s.closing.Do(func() {
		close(s.stop)
		<-s.stopped
		if h := s.handles.Swap(nil); h != nil {
			err = h.close()
		}
		err = errors.Join(err, s.lock.Close())
	})
	return err
}

// handles are the open connections: one that writes, with its statements, and a few that read.
type handles struct {
	writer *sql.DB
	conn   *sql.Conn
	stmts  map[string]*sql.Stmt
	read   *sql.DB
	claims map[string]*sql.Stmt // of read, by their text: prepared, since they run for every delivery
}

// openHandles opens the file; ready runs first, on the writing side.
func openHandles(ctx context.Context, path string, ready func(context.Context, *sql.DB) error) (_ *handles, err error) {
	h := &handles{stmts: map[string]*sql.Stmt{}, claims: map[string]*sql.Stmt{}}
	defer func() {
		if err != nil {
			_ = h.close()
		}
	}()
	// secure_delete: a deleted body holds phone numbers and must not stay readable in free pages. wal_autocheckpoint: a page
	// that many commits change is written back once for up to 16 MB of log.
	if h.writer, err = sql.Open("sqlite", dsn(path, "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)",
		"secure_delete(1)", "journal_size_limit(67108864)", "wal_autocheckpoint(4000)")); err != nil {
		return nil, fmt.Errorf("open inbox file: %w", err)
	}
	h.writer.SetMaxOpenConns(1)
	if err = ready(ctx, h.writer); err != nil {
		return nil, err
	}
	if h.conn, err = h.writer.Conn(ctx); err != nil {
		return nil, fmt.Errorf("open inbox file: %w", err)
	}
	if h.read, err = sql.Open("sqlite", dsn(path, "query_only(1)")); err != nil {
		return nil, fmt.Errorf("open inbox file: %w", err)
	}
	h.read.SetMaxOpenConns(4)
	for _, query := range []string{claimOldest, claimNewest, claimBegun} {
		if h.claims[query], err = h.read.PrepareContext(ctx, query); err != nil {
			return nil, fmt.Errorf("prepare inbox statement: %w", err)
		}
	}
	return h, nil
}

func dsn(path string, pragmas ...string) string {
	q := url.Values{"_pragma": append([]string{"busy_timeout(5000)", "auto_vacuum(2)"}, pragmas...)}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
}

func (h *handles) close() error {
	var errs []error
	for _, stmts := range []map[string]*sql.Stmt{h.stmts, h.claims} {
		for _, st := range stmts {
			if st != nil {
				errs = append(errs, st.Close())
			}
		}
	}
	if h.read != nil {
		errs = append(errs, h.read.Close())
	}
	if h.conn != nil {
		errs = append(errs, h.conn.Close())
	}
	if h.writer != nil {
		errs = append(errs, h.writer.Close())
	}
	return errors.Join(errs...)
}

func sqliteProvider(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, fmt.Errorf("read inbox migrations: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, fmt.Errorf("read inbox migrations: %w", err)
	}
	return p, nil
}

func migrate(ctx context.Context, db *sql.DB) error {
	p, err := sqliteProvider(db)
	if err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate inbox: %w", err)
	}
	return nil
}

// verify returns an error if the file is not whole.
func verify(ctx context.Context, db *sql.DB) error {
	var result string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&result); err != nil {
		return fmt.Errorf("check inbox file: %w", err)
	}
	if result != "ok" {
		return fmt.Errorf("inbox file is damaged: %s", result)
	}
	return nil
}

func micros(t time.Time) int64 { return t.UnixMicro() }

func fromMicros(us int64) time.Time { return time.UnixMicro(us).UTC() }
