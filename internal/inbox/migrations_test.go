package inbox_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/inbox"
	"github.com/aftercall/aftercall/internal/inbox/postgrestest"
)

// TestMigrationsWithRows migrates down by each version and up again, with rows in all tables. Acknowledged data is kept,
// except what the older version cannot store.
func TestMigrationsWithRows(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "inbox.db")
		testMigrations(t, "sqlite:"+path, 4, func(to int64) error { return inbox.MigrateSQLite(t.Context(), meddle(t, path), to) })
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		url := postgrestest.URL(t)
		testMigrations(t, url, 3, func(to int64) error { return inbox.MigratePostgreSQL(t.Context(), url, to) })
	})
}

func testMigrations(t *testing.T, url string, newest int64, migrate func(to int64) error) {
	in, err := inbox.Open(t.Context(), url, inbox.Options{})
	require.NoError(t, err)
	fill(t, in)
	for _, key := range []string{"done", "done", "dead", "pending"} {
		n := notification(key)
		if key == "pending" {
			n.CallKey = "call-done"
		}
		_, err := in.Append(t.Context(), n)
		require.NoError(t, err)
	}
	items, err := in.Claim(t.Context(), 10, time.Minute)
	require.NoError(t, err)
	for _, it := range items {
		switch it.EventKey {
		case "done":
			require.NoError(t, in.Done(t.Context(), it.ID))
		case "dead":
			require.NoError(t, in.Bury(t.Context(), it.ID, inbox.ReasonLate, ""))
		}
	}
	require.NoError(t, in.Close())

	for version := newest - 1; version > 0; version-- {
		require.NoError(t, migrate(version), "down to %d", version)
		require.NoError(t, migrate(newest), "up from %d", version)
		in, err := inbox.Open(t.Context(), url, inbox.Options{})
		require.NoError(t, err)
		st, err := in.Stats(t.Context())
		require.NoError(t, err)
		require.Equal(t, 2, st.Pending)
		require.Equal(t, 2, st.DeadLetters)
		require.Equal(t, 1, st.Variants)
		for _, key := range []string{"done", "dead", "pending"} {
			r, err := in.Append(t.Context(), notification(key))
			require.NoError(t, err)
			require.Equal(t, inbox.Receipt{Duplicate: true}, r)
		}
		items, err := in.ClaimBegun(t.Context(), 10, time.Minute)
		require.NoError(t, err)
		require.Len(t, items, 1)
		require.Equal(t, "pending", items[0].EventKey)
		items, err = in.Claim(t.Context(), 10, time.Minute)
		require.NoError(t, err)
		require.Len(t, items, 1)
		require.Contains(t, string(items[0].Body), number)
		require.NoError(t, in.Close())
	}
}
