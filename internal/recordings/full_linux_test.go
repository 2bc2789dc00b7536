package recordings_test

import (
	"bytes"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/aftercall/aftercall/internal/recordings"
)

// smallDisk is a folder on a file system of one MiB.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("NOT TESTED: a full store needs the right to mount a small tmpfs: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, 0)) })
	return dir
}

func TestF33FullStoreLeavesNoPartialObjectAndRecovers(t *testing.T) {
	dir := smallDisk(t)
	s := open(t, "file://"+dir)
	filler := filepath.Join(dir, "filler")
	require.NoError(t, os.WriteFile(filler, make([]byte, 600<<10), 0o600))
	files := func() (names []string) {
		require.NoError(t, filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
			if !e.IsDir() && name != filler {
				names = append(names, name)
			}
			return err
		}))
		return names
	}

	body := wav(500 << 10)
	_, err := s.Put(t.Context(), leg("sid-1"), nil, wavAudio(body), bytes.NewReader(body))
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.Empty(t, files())

	h := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })
	spool, err := s.NewSpool()
	require.NoError(t, err)
	_, err = h.fetcher.Fetch(t.Context(), h.URL, spool.File, nil)
	require.ErrorIs(t, err, syscall.ENOSPC)
	_, blamed := errors.AsType[*recordings.FetchError](err)
	require.False(t, blamed)
	require.NoError(t, spool.Close())
	require.Empty(t, files())

	require.NoError(t, os.Truncate(filler, 1<<20-600<<10))
	full := make([]byte, 2<<20)
	require.Error(t, os.WriteFile(filler, full, 0o600))
	require.Error(t, s.Writable(t.Context()))

	require.NoError(t, os.Remove(filler))
	put(t, s, leg("sid-1"), body)
	require.Len(t, files(), 2)
	require.False(t, strings.HasSuffix(files()[0], ".tmp"))
}
