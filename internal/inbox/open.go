package inbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/aftercall/aftercall/internal/keys"
)

// Options tunes an inbox. The zero value is right for production.
type Options struct {
	Retention     time.Duration // of the body after delivery; default 24 h
	DeadRetention time.Duration // of dead letters; default 90 days
	KeyRetention  time.Duration // of keys and times after delivery, so for how long duplicates are known; default 7 days
	MaxRows       int           // pending ones and dead letters together; default 1,000,000
	MinFreeBytes  int64         // free-space floor of the disk; default 64 MiB, on a small disk an eighth of it; negative: none
	QueueSize     int           // writes waiting for a commit before ErrBusy; default 1,024
	Keys          *keys.Ring    // seal bodies; without a ring they are kept in clear
	Now           func() time.Time
	Log           *slog.Logger
}

func (o Options) withDefaults() Options {
	o.Retention = cmp.Or(o.Retention, 24*time.Hour)
	o.KeyRetention = max(cmp.Or(o.KeyRetention, 7*24*time.Hour), o.Retention)
	o.DeadRetention = cmp.Or(o.DeadRetention, 90*24*time.Hour)
	o.MaxRows = cmp.Or(o.MaxRows, 1_000_000)
	o.QueueSize = cmp.Or(o.QueueSize, 1024)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Shared reports whether any number of processes may open the inbox that a URL names: a database, unlike a file.
func Shared(url string) bool {
	scheme, _, _ := strings.Cut(url, ":")
	return scheme == "postgres" || scheme == "postgresql"
}

// oneLine puts an error on one line: a failed connection names each address tried on a line of its own, some twice.
func oneLine(err error) error {
	lines := strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\t' })
	return errors.New(strings.Join(slices.Compact(lines), " "))
}

// Open opens the inbox that the URL names, and creates it if there is none. The URL is "sqlite:" and the path of a file,
// whose directory is created; or a PostgreSQL URL, whose database any number of processes may share and whose clock
// counts, unless the options have another.
//
// Errors: ErrInUse when another process has the file open; an unknown scheme; any error of the disk or the database. None
// contains a password.
func Open(ctx context.Context, url string, opts Options) (Inbox, error) {
	if Shared(url) {
		p, err := openPostgres(ctx, url, opts.withDefaults(), opts.Now)
		if err != nil {
			return nil, oneLine(err)
		}
		return p, nil
	}
	scheme, rest, _ := strings.Cut(url, ":")
	switch scheme {
	case "sqlite":
		path := strings.TrimPrefix(rest, "//")
		if path == "" {
			return nil, fmt.Errorf("open inbox: the URL has no path, write sqlite:data/inbox.db")
		}
		return openSQLite(ctx, path, opts.withDefaults())
	default:
		return nil, fmt.Errorf("open inbox: scheme %q is not supported, write sqlite:data/inbox.db or postgres://user@host/database", scheme)
	}
}
