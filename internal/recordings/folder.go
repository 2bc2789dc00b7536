package recordings

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"gocloud.dev/blob/fileblob"

	"github.com/aftercall/aftercall/internal/folder"
)

// openFolder opens a store in a local folder. The Go CDK writes beside the final name and renames. The rest is done here
// and in Store.write: files and folders are flushed to the disk, and only we may read them.
func openFolder(rawURL string) (*Store, error) {
	dir, err := folder.Path(rawURL)
	if err != nil {
		return nil, fmt.Errorf("open recordings store: %w", err)
	}
	bucket, err := fileblob.OpenBucket(dir, &fileblob.Options{
		CreateDir: true, DirFileMode: 0o700, NoTempDir: true, Metadata: fileblob.MetadataDontWrite,
	})
	if err != nil {
		return nil, fmt.Errorf("open recordings store: %w", err)
	}
	s := &Store{bucket: bucket, dir: dir}
	if err := errors.Join(folder.Sync(filepath.Dir(dir)), sweep(dir)); err != nil {
		return nil, fmt.Errorf("open recordings store: %w", err)
	}
	return s, nil
}

// leftoverAge is the age at which the writer of a temporary file is presumed killed.
const leftoverAge = time.Hour

// sweep removes the files of killed writers.
func sweep(dir string) error {
	return filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, ".tmp") {
			return err
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && time.Since(info.ModTime()) > leftoverAge {
			err = os.Remove(name) //nolint:gosec // nobody else makes links in our folder
		}
		return err
	})
}

// syncFolder flushes the names in the folder of an object, and the name of that folder, to the disk.
func (s *Store) syncFolder(object string) error {
	if s.dir == "" {
		return nil
	}
	return errors.Join(folder.Sync(filepath.Join(s.dir, filepath.FromSlash(path.Dir(object)))), folder.Sync(s.dir))
}

// Spool is a file that is gone once it is closed, or the process is killed.
type Spool struct{ *os.File }

// NewSpool creates an empty file to fetch a recording into: on the disk of a store in a local folder, else in the system's
// folder for temporary files. The caller closes it.
func (s *Store) NewSpool() (*Spool, error) {
	f, err := os.CreateTemp(s.dir, ".fetch-*.tmp")
	if err != nil {
		return nil, fmt.Errorf("make a file to fetch into: %w", err)
	}
	_ = os.Remove(f.Name()) // its bytes live while it is open; if the system forbids this, Close removes it
	return &Spool{f}, nil
}

// Close releases the bytes.
func (s *Spool) Close() error {
	err := s.File.Close()
	_ = os.Remove(s.Name())
	return err
}
