package e2e

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // the driver of Temporal's database and of the inbox

	"github.com/aftercall/aftercall/devstack/stack"
)

// copyDatabase writes the current content of an SQLite database to another file, as a backup does.
func copyDatabase(t *testing.T, from, to string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+from+"?_pragma=busy_timeout(10000)")
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	_, err = db.ExecContext(t.Context(), "VACUUM INTO ?", to)
	require.NoError(t, err)
}

// backup is a copy of a stack's Temporal and inbox: of everything but the dial ledger and the keys.
type backup struct{ temporal, inbox string }

// backUp copies the databases of a running stack into a folder. temporal is the file of Temporal's.
func backUp(t *testing.T, s *stack.Stack, temporal, folder string) backup {
	t.Helper()
	b := backup{filepath.Join(folder, newID("temporal")+".db"), filepath.Join(folder, newID("inbox")+".db")}
	copyDatabase(t, temporal, b.temporal)
	copyDatabase(t, inboxFile(s), b.inbox)
	return b
}

func inboxFile(s *stack.Stack) string { return strings.TrimPrefix(s.Config().InboxURL, "sqlite:") }

// restore starts a stack's Temporal with the copies, as after the loss of a machine. Neither Temporal nor aftercall runs.
func (b backup) restore(t *testing.T, s *stack.Stack) {
	t.Helper()
	file := inboxFile(s)
	for _, name := range []string{file, file + "-wal", file + "-shm"} {
		require.NoError(t, os.RemoveAll(name))
	}
	require.NoError(t, os.Rename(b.inbox, file))
	s.UseTemporalData(b.temporal)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, s.StartTemporal(ctx))
}
