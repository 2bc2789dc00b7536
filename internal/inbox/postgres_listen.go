package inbox

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	pgChannel = "aftercall_inbox"
	tellEvery = 25 * time.Millisecond // at most: other transactions that commit a NOTIFY wait for each one
	hearAgain = 250 * time.Millisecond
)

// tell announces arrivals to other processes. It does so after the commit, once for all that came meanwhile: it is a hint,
// and a process that misses one finds the notification by asking, as dispatchers do each second.
func (p *postgres) tell(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.fresh:
		}
		limited, cancel := context.WithTimeout(ctx, postgresPatience)
		if _, err := p.writes.Exec(limited, `SELECT pg_notify($1, $2)`, pgChannel, p.owner); err != nil {
			p.opts.Log.Debug("other processes were not told of arrivals in the inbox", "error", err)
		}
		cancel()
		wait(ctx, tellEvery)
	}
}

// listen waits for announcements of other processes. Each time it begins to listen, first and after a lost connection, it
// assumes that it has missed some.
func (p *postgres) listen(ctx context.Context, config *pgx.ConnConfig) {
	for ctx.Err() == nil {
		if err := p.hear(ctx, config); err != nil && ctx.Err() == nil {
			p.opts.Log.Debug("arrivals in the inbox are not heard of", "error", err)
		}
		wait(ctx, hearAgain)
	}
}

func (p *postgres) hear(ctx context.Context, config *pgx.ConnConfig) error {
	c, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	defer func() { _ = c.Close(context.WithoutCancel(ctx)) }()
	// While this connection lives, it marks the database as in use, for Copy.
	if _, err := c.Exec(ctx, `SELECT pg_advisory_lock_shared(`+pgInUse+`)`); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	if _, err := c.Exec(ctx, `LISTEN `+pgChannel); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	raise(p.arrivals)
	for {
		n, err := c.WaitForNotification(ctx)
		if err != nil {
			return fmt.Errorf("listen: %w", err)
		}
		if n.Payload != p.owner {
			raise(p.arrivals)
		}
	}
}

// pgInUse is the advisory lock that every open inbox shares, for this schema of this database.
const pgInUse = `hashtextextended('aftercall inbox in use: ' || current_schema(), 16)`

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
