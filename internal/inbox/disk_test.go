package inbox_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/inbox"
)

// tmpfs mounts a small disk for the test.
func tmpfs(t *testing.T, size string) string {
	t.Helper()
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		t.Skip("SKIPPED, THE DISK-FULL PROMISE IS NOT TESTED HERE: mounting a small tmpfs needs Linux and root")
	}
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size="+size, "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED, THE DISK-FULL PROMISE IS NOT TESTED HERE: mount tmpfs: %v: %s", err, out)
	}
	t.Cleanup(func() {
		out, err := exec.Command("umount", dir).CombinedOutput()
		require.NoError(t, err, string(out))
	})
	return dir
}

func TestFullDiskIsSurvived(t *testing.T) {
	dir := tmpfs(t, "6m")
	path := filepath.Join(dir, "inbox.db")
	in, err := inbox.Open(t.Context(), "sqlite:"+path, inbox.Options{MinFreeBytes: -1})
	require.NoError(t, err)
	defer func() { require.NoError(t, in.Close()) }()
	big := func(i int) inbox.Notification {
		return inbox.Notification{EventKey: fmt.Sprint("e", i), CallKey: fmt.Sprint("c", i), Body: bytes.Repeat([]byte("x"), 8<<10)}
	}
	ballast := filepath.Join(dir, "ballast")
	require.NoError(t, os.WriteFile(ballast, make([]byte, 3<<20), 0o600))

	acked := 0
	for ; acked < 10_000; acked++ {
		if _, err = in.Append(t.Context(), big(acked)); err != nil {
			break
		}
	}
	require.ErrorIs(t, err, inbox.ErrUnavailable)
	require.Positive(t, acked)
	require.Error(t, in.Ready(t.Context()))

	require.NoError(t, os.Remove(ballast))
	require.Eventually(t, func() bool { return in.Ready(t.Context()) == nil }, 30*time.Second, 10*time.Millisecond)
	for i := range 20 {
		_, err = in.Append(t.Context(), big(20_000+i))
		require.NoError(t, err)
	}
	items, err := in.Claim(t.Context(), 100_000, time.Minute)
	require.NoError(t, err)
	require.Len(t, items, acked+20)
}

func TestFloorKeepsRoomForDeletes(t *testing.T) {
	dir := tmpfs(t, "8m")
	path := filepath.Join(dir, "inbox.db")
	in, err := inbox.Open(t.Context(), "sqlite:"+path, inbox.Options{MinFreeBytes: 5 << 20})
	require.NoError(t, err)
	defer func() { require.NoError(t, in.Close()) }()
	require.Eventually(t, func() bool {
		_, err = in.Append(t.Context(), inbox.Notification{
			EventKey: fmt.Sprint("e", time.Now().UnixNano()), CallKey: "c", Body: bytes.Repeat([]byte("x"), 8<<10),
		})
		return err != nil
	}, time.Minute, time.Microsecond)
	require.ErrorIs(t, err, inbox.ErrFull)

	ids := []int64{}
	for {
		items, err := in.Claim(t.Context(), 1000, time.Minute)
		require.NoError(t, err)
		if len(items) == 0 {
			break
		}
		for _, it := range items {
			require.NoError(t, in.Done(t.Context(), it.ID))
			ids = append(ids, it.ID)
		}
	}
	swept, err := in.Sweep(t.Context(), time.Now().Add(25*time.Hour))
	require.NoError(t, err)
	require.Equal(t, len(ids), swept.Blanked)
	require.Eventually(t, func() bool { return in.Ready(t.Context()) == nil }, 30*time.Second, 50*time.Millisecond, "the space came back")
}

func TestASmallDiskIsUsedToo(t *testing.T) {
	in, err := inbox.Open(t.Context(), "sqlite:"+filepath.Join(tmpfs(t, "6m"), "inbox.db"), inbox.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, in.Close()) }()
	_, err = in.Append(t.Context(), inbox.Notification{EventKey: "e", CallKey: "c", Body: []byte("{}")})
	require.NoError(t, err)
}
