package inbox_test

import (
	"errors"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/inbox"
)

// Acknowledged notifications survive a power cut only if each commit waits for the disk.
func TestCommitsWaitForTheDisk(t *testing.T) {
	in := open(t, filepath.Join(t.TempDir(), "inbox.db"), inbox.Options{})
	for range 2 {
		level, err := inbox.Durability(t.Context(), in)
		require.NoError(t, err)
		require.GreaterOrEqual(t, level, 2, "FULL")
		require.Error(t, inbox.Write(t.Context(), in, func() error { return errors.New("disk I/O error") })) // then it is reopened
		require.Eventually(t, func() bool { return in.Ready(t.Context()) == nil }, 30*time.Second, 5*time.Millisecond)
	}
}

// A disk that fails once may have lost earlier writes: another try would succeed, and lie.
func TestACommitThatFailedOnceIsNotTriedAgain(t *testing.T) {
	in := open(t, filepath.Join(t.TempDir(), "inbox.db"), inbox.Options{})
	tries := 0
	err := inbox.Write(t.Context(), in, func() error {
		if tries++; tries == 1 {
			return errors.New("disk I/O error")
		}
		return nil
	})
	require.ErrorIs(t, err, inbox.ErrUnavailable)
	require.Equal(t, 1, tries)
	require.Eventually(t, func() bool { return in.Ready(t.Context()) == nil }, 30*time.Second, 5*time.Millisecond)
}

// TestACommitTakesWhatComesMeanwhile holds that a write joins the commit that is being assembled when it comes, and fails
// with it.
func TestACommitTakesWhatComesMeanwhile(t *testing.T) {
	in := open(t, filepath.Join(t.TempDir(), "inbox.db"), inbox.Options{})
	second := make(chan error, 1)
	require.ErrorIs(t, inbox.Write(t.Context(), in, func() error {
		go func() {
			second <- inbox.Write(t.Context(), in, func() error { return errors.New("disk I/O error") })
		}()
		for inbox.Queued(in) == 0 {
			runtime.Gosched()
		}
		return nil
	}), inbox.ErrUnavailable)
	require.ErrorIs(t, <-second, inbox.ErrUnavailable)
}

// TestNothingReadsAllThatWasDelivered holds that neither a start nor a notification reads rows delivered long ago.
func TestNothingReadsAllThatWasDelivered(t *testing.T) {
	in := open(t, filepath.Join(t.TempDir(), "inbox.db"), inbox.Options{})
	for query, step := range map[string]string{
		`SELECT COUNT(*) FROM notifications WHERE state = 0`:                                  "SEARCH notifications USING COVERING INDEX by_call (state=?)",
		`SELECT 1 FROM notifications WHERE call_key = '' AND state = 0`:                       "SEARCH notifications USING COVERING INDEX by_call (state=? AND call_key=?)",
		`SELECT received_at FROM notifications WHERE first = 1 AND retry_at <= 0 ORDER BY id`: "SCAN notifications USING INDEX claimable",
	} {
		plan, err := inbox.Plan(t.Context(), in, query)
		require.NoError(t, err)
		require.Equal(t, step, plan, query)
	}
}
