package inbox

import (
	"context"
	"database/sql"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3"
)

// Durability returns the level of synchronous on the writing connection.
func Durability(ctx context.Context, in Inbox) (level int, err error) {
	err = in.(*sqlite).handles.Load().conn.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&level)
	return level, err
}

// Write runs a function in the writer's transaction.
func Write(ctx context.Context, in Inbox, do func() error) error {
	return in.(*sqlite).write(ctx, func(*tx) error { return do() })
}

// Queued returns how many writes wait for the writer.
func Queued(in Inbox) int { return len(in.(*sqlite).queue) }

// Plan returns the first step of a query's plan.
func Plan(ctx context.Context, in Inbox, query string) (step string, err error) {
	var id, parent, unused int
	err = in.(*sqlite).handles.Load().read.QueryRowContext(ctx, "EXPLAIN QUERY PLAN "+query).Scan(&id, &parent, &unused, &step)
	return step, err
}

// DurabilityOfPostgreSQL returns the value of synchronous_commit on the writing connections.
func DurabilityOfPostgreSQL(ctx context.Context, in Inbox) (level string, err error) {
	err = in.(*postgres).writes.QueryRow(ctx, "SHOW synchronous_commit").Scan(&level)
	return level, err
}

// WriteToPostgreSQL runs a statement in the writer's transaction.
func WriteToPostgreSQL(ctx context.Context, in Inbox, query string) error {
	return in.(*postgres).write(ctx, &pgWrite{do: func(t *pgTx) error {
		_, err := t.exec(query)
		return err
	}})
}

// Kill ends an inbox on PostgreSQL like a killed process: it releases nothing.
func Kill(in Inbox) {
	p := in.(*postgres)
	p.closing.Do(func() {
		close(p.stop)
		<-p.stopped
		p.end()
		p.parts.Wait()
		p.closePools()
	})
}

// MigrateSQLite migrates the tables of a file to a version.
func MigrateSQLite(ctx context.Context, db *sql.DB, to int64) error {
	p, err := sqliteProvider(db)
	if err != nil {
		return err
	}
	return migrateTo(ctx, p, to)
}

// MigratePostgreSQL migrates the tables of a database to a version.
func MigratePostgreSQL(ctx context.Context, url string, to int64) error {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return err
	}
	p, end, err := postgresProvider(config)
	if err != nil {
		return err
	}
	defer func() { _ = end() }()
	return migrateTo(ctx, p, to)
}

func migrateTo(ctx context.Context, p *goose.Provider, to int64) error {
	now, err := p.GetDBVersion(ctx)
	if err != nil {
		return err
	}
	if now < to {
		_, err = p.UpTo(ctx, to)
	} else {
		_, err = p.DownTo(ctx, to)
	}
	return err
}

// Company is a writer that commits nothing, to test what a commit waits for.
type Company struct {
	c     company
	Waits int // in vain
}

// NewCompany returns a Company that has committed nothing yet.
func NewCompany() *Company { return &Company{} }

// Commit makes a commit while come writes arrive one after the other. It returns how many the commit had.
func (c *Company) Commit(come int) (took int) {
	queue := make(chan *write, come)
	for range come - 1 {
		queue <- &write{}
	}
	for took = 1; c.c.wait(took, queue) != nil; took++ {
	}
	if c.c.late {
		c.Waits++
	}
	c.c.went(took)
	return took
}

// Crowd makes a commit of n writes that waited for it together.
func (c *Company) Crowd(n int) { c.c.went(n) }
