package inbox_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/inbox"
)

// TestWritesWaitForCompany holds that a commit waits for as many writes as come together, rarely waits in vain, and does
// not wait when a write comes alone.
func TestWritesWaitForCompany(t *testing.T) {
	c := inbox.NewCompany()
	require.Equal(t, 1, c.Commit(1), "alone")
	require.Zero(t, c.Waits)
	require.Equal(t, 1, c.Commit(5), "nobody was expected")
	require.Zero(t, c.Waits)

	c.Crowd(2) // two wait already when the commit begins
	for n := 3; n <= 20; n++ {
		require.Equal(t, n, c.Commit(20), "one more each time")
	}
	require.Zero(t, c.Waits, "all came")
	require.Equal(t, 20, c.Commit(20))
	require.Equal(t, 1, c.Waits, "one more was waited for")
	for range 30 {
		require.Equal(t, 20, c.Commit(20))
	}
	require.Equal(t, 1, c.Waits, "and then not for long")
	require.Equal(t, 1, c.Commit(1))
	require.Equal(t, 2, c.Waits)
	require.Equal(t, 1, c.Commit(1))
	require.Equal(t, 2, c.Waits, "alone again")
}

// TestManyWritersOfOneInbox holds that each writer is answered while commits wait for company.
func TestManyWritersOfOneInbox(t *testing.T) {
	in := open(t, filepath.Join(t.TempDir(), "inbox.db"), inbox.Options{})
	done := make(chan error)
	for range 16 {
		go func() {
			var err error
			for range 50 {
				if err = inbox.Write(t.Context(), in, func() error { return nil }); err != nil {
					break
				}
			}
			done <- err
		}()
	}
	for range 16 {
		require.NoError(t, <-done)
	}
}
