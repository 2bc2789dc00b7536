package inbox

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

//go:embed migrations/postgres/*.sql
var postgresMigrations embed.FS

const (
	postgresVersions = "inbox_schema_version" // table of goose
	postgresWrites   = 2                      // connections of a process: one that commits, one that tells others
	postgresReads    = 4
	postgresPatience = 30 * time.Second // for one transaction; a database that takes longer counts as away
)

// postgres is the driver for any number of processes and one database. All writes of a process go through one goroutine,
// which commits waiting writes together (postgres_writer.go). A change to which notifications of a call are pending holds
// the call's advisory lock until its commit; so exactly one of them is the first, and only the first may be claimed. Leases
// are columns, by the database's clock: those of a killed process expire.
type postgres struct {
	opts  Options
	now   func() time.Time // nil: the database's clock
	owner string           // of the leases of this process

	writes *pgxpool.Pool
	reads  *pgxpool.Pool

	handover[*pgWrite]
	closing sync.Once
	down    atomic.Bool // the last commit failed and no other has succeeded yet

	arrivals chan struct{} // another process has appended
	fresh    chan struct{} // this process has appended, and has not told the others yet
	parts    sync.WaitGroup
	end      context.CancelFunc // of the parts

	resealedWith atomic.Value // string: the key that seals all bodies by now

	live    int64     // pending ones and dead letters of all processes; only the writer looks at it
	counted time.Time // when they were counted last
}

func openPostgres(ctx context.Context, url string, opts Options, now func() time.Time) (*postgres, error) {
	p, err := preparePostgres(ctx, url, opts, now)
	if err != nil {
		return nil, err
	}
	config := p.writes.Config().ConnConfig
	parts, end := context.WithCancel(context.WithoutCancel(ctx))
	p.end = end
	p.parts.Go(func() { p.listen(parts, config) })
	p.parts.Go(func() { p.tell(parts) })
	return p, nil
}

// preparePostgres opens an inbox without telling other processes, or hearing them.
func preparePostgres(ctx context.Context, url string, opts Options, now func() time.Time) (_ *postgres, err error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errNoPostgresURL
	}
	prepareConfig(config)
	if err := migratePostgres(ctx, config.ConnConfig); err != nil {
		return nil, err
	}
	p := &postgres{
		opts: opts, now: now, owner: uuid.NewString(),
		handover: newHandover[*pgWrite](opts.QueueSize),
		arrivals: make(chan struct{}, 1), fresh: make(chan struct{}, 1), end: func() {},
	}
	defer func() {
		if err != nil {
			p.closePools()
		}
	}()
	if p.writes, err = newPool(ctx, config, postgresWrites); err != nil {
		return nil, err
	}
	if p.reads, err = newPool(ctx, config, postgresReads); err != nil {
		return nil, err
	}
	if err = p.commit([]*pgWrite{{ctx: ctx, do: func(t *pgTx) error { return errors.Join(t.probe(), t.recount()) }}}); err != nil {
		return nil, fmt.Errorf("open inbox: %w", err)
	}
	go p.run()
	return p, nil
}

// prepareConfig sets what every connection needs.
func prepareConfig(c *pgxpool.Config) {
	if c.ConnConfig.ConnectTimeout == 0 {
		c.ConnConfig.ConnectTimeout = 5 * time.Second
	}
	if c.ConnConfig.RuntimeParams["application_name"] == "" {
		c.ConnConfig.RuntimeParams["application_name"] = "aftercall inbox"
	}
	c.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		return errors.Join(limit(ctx, conn), durable(ctx, conn))
	}
	c.MaxConnLifetimeJitter = c.MaxConnLifetime / 10
}

// limit keeps a connection from waiting for ever, and from making others wait. It sets no startup parameters, since a
// pooler between us and the server would refuse them.
func limit(ctx context.Context, c *pgx.Conn) error {
	for name, value := range map[string]string{
		"lock_timeout":                        "15s", // a process that holds a call for longer is broken
		"idle_in_transaction_session_timeout": "20s", // a process that has stopped loses its locks
		"statement_timeout":                   "60s",
	} {
		if _, given := c.Config().RuntimeParams[name]; given {
			continue
		}
		if _, err := c.Exec(ctx, `SELECT set_config($1, $2, false)`, name, value); err != nil {
			return fmt.Errorf("set %s: %w", name, err)
		}
	}
	return nil
}

// durable makes commits on a connection wait for the disk. It fails if the server does not write to the disk at all.
func durable(ctx context.Context, c *pgx.Conn) error {
	var fsync, level string
	if err := c.QueryRow(ctx, `SELECT current_setting('fsync'), current_setting('synchronous_commit')`).Scan(&fsync, &level); err != nil {
		return fmt.Errorf("ask PostgreSQL for its settings: %w", err)
	}
	if fsync != "on" {
		return errors.New("PostgreSQL runs with fsync = off: what it commits may be lost, and nothing is acknowledged on it")
	}
	if level == "on" || level == "remote_apply" {
		return nil
	}
	if err := c.QueryRow(ctx, `SELECT set_config('synchronous_commit', 'on', false)`).Scan(&level); err != nil || level != "on" {
		return fmt.Errorf("set synchronous_commit: it is %q: %w", level, err)
	}
	return nil
}

func newPool(ctx context.Context, config *pgxpool.Config, size int32) (*pgxpool.Pool, error) {
	config = config.Copy()
	config.MaxConns, config.MinConns = size, 0
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to the inbox: %w", err)
	}
	return pool, nil
}

// postgresProvider returns the migrations; one process at a time runs them.
func postgresProvider(config *pgx.ConnConfig) (_ *goose.Provider, end func() error, err error) {
	files, err := fs.Sub(postgresMigrations, "migrations/postgres")
	if err != nil {
		return nil, nil, fmt.Errorf("read inbox migrations: %w", err)
	}
	db := stdlib.OpenDB(*config)
	p, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithDisableGlobalRegistry(true),
		goose.WithTableName(postgresVersions), goose.WithSessionLocker(oneMigration{}))
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("read inbox migrations: %w", err), db.Close())
	}
	return p, db.Close, nil
}

// oneMigration lets one process at a time migrate this schema of this database. The others wait.
type oneMigration struct{}

const pgMigration = `hashtextextended('aftercall inbox migration: ' || current_schema(), 16)`

// SessionLock implements goose's SessionLocker.
func (oneMigration) SessionLock(ctx context.Context, c *sql.Conn) error {
	_, err := c.ExecContext(ctx, `SELECT pg_advisory_lock(`+pgMigration+`)`)
	return err
}

// SessionUnlock implements goose's SessionLocker.
func (oneMigration) SessionUnlock(ctx context.Context, c *sql.Conn) error {
	_, err := c.ExecContext(ctx, `SELECT pg_advisory_unlock(`+pgMigration+`)`)
	return err
}

func migratePostgres(ctx context.Context, config *pgx.ConnConfig) (err error) {
	p, end, err := postgresProvider(config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	pending, err := p.HasPending(ctx)
	if err == nil && pending {
		_, err = p.Up(ctx)
	}
	if err != nil {
		return fmt.Errorf("migrate inbox: %w", err)
	}
	return nil
}

// ErrNotMade says that there is no inbox where Probe looks.
var ErrNotMade = errors.New("the database has no inbox yet")

// Probe does the same write as Ready to an inbox on PostgreSQL; it creates and migrates nothing. Errors: ErrNotMade; why a
// commit there is not durable or not possible. None contains a password.
func Probe(ctx context.Context, url string) error {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return errNoPostgresURL
	}
	prepareConfig(config)
	c, err := pgx.ConnectConfig(ctx, config.ConnConfig)
	if err != nil {
		return oneLine(fmt.Errorf("connect to the inbox: %w", err))
	}
	defer func() { _ = c.Close(context.WithoutCancel(ctx)) }()
	if err := durable(ctx, c); err != nil {
		return err
	}
	var made bool
	if err := c.QueryRow(ctx, `SELECT to_regclass('inbox_probe') IS NOT NULL`).Scan(&made); err != nil {
		return fmt.Errorf("look at the inbox: %w", err)
	}
	if !made {
		return ErrNotMade
	}
	if _, err := c.Exec(ctx, pgProbe, micros(time.Now())); err != nil {
		return fmt.Errorf("write to inbox: %w", err)
	}
	return nil
}

const pgProbe = `INSERT INTO inbox_probe (id, at) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET at = excluded.at`

var errNoPostgresURL = errors.New("open inbox: the URL is none that PostgreSQL knows, write postgres://user@host/database")

// Close implements Inbox.
func (p *postgres) Close() error {
	var err error
	p.closing.Do(func() {
		close(p.stop)
		<-p.stopped
		p.end()
		p.parts.Wait()
		err = p.endLeases()
		p.closePools()
	})
	return err
}

// endLeases ends the leases of this process, so that others need not wait until they expire. If the database is away, they
// expire by its clock.
func (p *postgres) endLeases() error {
	if p.down.Load() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if _, err := p.writes.Exec(ctx, `UPDATE inbox_notifications SET owner = '', wait_from = 0, wait_until = 0 WHERE first AND owner = $1`, p.owner); err != nil {
		p.opts.Log.Warn("leases of the inbox end by their time: they could not be given back", "error", err)
	}
	return nil
}

func (p *postgres) closePools() {
	for _, pool := range []*pgxpool.Pool{p.writes, p.reads} {
		if pool != nil {
			pool.Close()
		}
	}
}

// Arrivals implements Inbox.
func (p *postgres) Arrivals() <-chan struct{} { return p.arrivals }

// read runs a query. An error of the connection becomes ErrUnavailable, or ErrClosed if the inbox was closed.
func (p *postgres) read(ctx context.Context, do func(context.Context, *pgxpool.Pool) error) error {
	select {
	case <-p.stop:
		return ErrClosed
	default:
	}
	if p.down.Load() {
		return ErrUnavailable
	}
	limited, cancel := context.WithTimeout(ctx, postgresPatience)
	defer cancel()
	err := do(limited, p.reads)
	switch {
	case err == nil, errors.Is(err, ErrNotFound):
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	}
	select {
	case <-p.stop:
		return ErrClosed
	default:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
}

// clock returns the time as a statement's argument: NULL for the database's own.
func (p *postgres) clock() *int64 {
	if p.now == nil {
		return nil
	}
	now := micros(p.now())
	return &now
}

// pgNow is the current time in a statement whose first argument comes from clock.
const pgNow = `COALESCE($1::bigint, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)`
