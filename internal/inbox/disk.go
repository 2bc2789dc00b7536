package inbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// prepare makes the directory and the file, for the owner alone, and makes their names durable.
func prepare(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make inbox directory: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("make inbox file: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("make inbox file: %w", err)
	}
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := syncDir(d); err != nil {
			return fmt.Errorf("make inbox directory durable: %w", err)
		}
	}
	return nil
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if errors.Is(err, os.ErrPermission) {
		return nil // a parent that we may not read is not ours to keep
	}
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// lock locks the file for this process. The kernel releases the lock when the process ends, however it ends.
func lock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open inbox lock: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		err = stamp(f)
	} else if errors.Is(err, syscall.EWOULDBLOCK) {
		err = fmt.Errorf("%w: %s is held by process %s", ErrInUse, path, holder(path))
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock inbox: %w", err)
	}
	return f, nil
}

// stamp writes the process id for the next process that finds the file locked. A full disk does not prevent a start.
func stamp(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	if _, err := f.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0); err != nil && !errors.Is(err, syscall.ENOSPC) {
		return err
	}
	return nil
}

func holder(path string) string {
	data, err := os.ReadFile(path)
	if pid := strings.TrimSpace(string(data)); err == nil && pid != "" {
		return pid
	}
	return "unknown"
}

// defaultFloor is the free space below which nothing new is accepted: 64 MiB, or an eighth of a small disk.
const (
	defaultFloor = 64 << 20
	floorShare   = 8
)

// hasRoom reports whether the disk of a directory has more free space than the floor; 0 is the default one. A disk that
// does not report its space counts as having room: the write will show.
func hasRoom(dir string, floor int64) bool {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return true
	}
	block := int64(st.Bsize)
	if floor == 0 {
		floor = min(defaultFloor, int64(st.Blocks)*block/floorShare)
	}
	return int64(st.Bavail)*block >= floor
}
