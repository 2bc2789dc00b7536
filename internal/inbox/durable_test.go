package inbox_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/inbox"
)

// What is acknowledged survives a power cut only where each commit waits for the disk.
func TestCommitsWaitForTheDisk(t *testing.T) {
	in := open(t, filepath.Join(t.TempDir(), "inbox.db"), inbox.Options{})
	for range 2 {
		level, err := inbox.Durability(t.Context(), in)
		require.NoError(t, err)
		require.GreaterOrEqual(t, level, 2, "FULL")
		require.Error(t, inbox.Write(t.Context(), in, func() error { return errors.New("disk I/O error") })) // it is opened anew
		require.Eventually(t, func() bool { return in.Ready(t.Context()) == nil }, 10*time.Second, 5*time.Millisecond)
	}
}

// A disk that fails once may have lost what it took before: trying again would succeed, and lie.
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
	require.Eventually(t, func() bool { return in.Ready(t.Context()) == nil }, 10*time.Second, 5*time.Millisecond)
}
