package inbox

import "context"

// Durability is the level of synchronous that the connection which writes has.
func Durability(ctx context.Context, in Inbox) (level int, err error) {
	err = in.(*sqlite).handles.Load().conn.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&level)
	return level, err
}

// Write has the writer do something in its transaction.
func Write(ctx context.Context, in Inbox, do func() error) error {
	return in.(*sqlite).write(ctx, func(*tx) error { return do() })
}

// Queued is how many writes wait for the writer.
func Queued(in Inbox) int { return len(in.(*sqlite).queue) }

// Plan is the first step of how a query is answered.
func Plan(ctx context.Context, in Inbox, query string) (step string, err error) {
	var id, parent, unused int
	err = in.(*sqlite).handles.Load().read.QueryRowContext(ctx, "EXPLAIN QUERY PLAN "+query).Scan(&id, &parent, &unused, &step)
	return step, err
}
