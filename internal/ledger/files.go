package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/aftercall/aftercall/internal/folder"
)

// files holds objects in a local folder, each a file. What create and replace wrote survives a power cut.
type files struct{ dir string }

// temporary is the suffix of files that are not objects yet.
const temporary = ".tmp"

// openFiles makes the folders. Nothing later does: a file system that is not mounted is not an empty ledger.
func openFiles(dir string) (files, error) {
	for _, d := range []string{"", dials, persons, suppressed, requests, notes, probes} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			return files{}, err
		}
	}
	if err := folder.Sync(dir); err != nil {
		return files{}, err
	}
	if err := folder.Sync(filepath.Dir(dir)); err != nil && !errors.Is(err, fs.ErrPermission) {
		return files{}, err // a parent that we may not read is not ours to keep
	}
	return files{dir: dir}, nil
}

func (f files) path(name string) string { return filepath.Join(f.dir, filepath.FromSlash(name)) }

// create writes a temporary file and links it: a name has its whole content from the first moment, and only the first
// link succeeds.
func (f files) create(_ context.Context, name string, content []byte) error {
	if err := f.makeFolder(name); err != nil {
		return err
	}
	draft, err := f.draft(name, content)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(draft) }()
	err = os.Link(draft, f.path(name))
	if errors.Is(err, fs.ErrExist) {
		return errExists
	}
	if err == nil {
		err = folder.Sync(filepath.Dir(f.path(name)))
	}
	return err
}

func (f files) replace(_ context.Context, name string, content []byte) error {
	draft, err := f.draft(name, content)
	if err != nil {
		return err
	}
	if err := os.Rename(draft, f.path(name)); err != nil {
		return errors.Join(err, os.Remove(draft))
	}
	return folder.Sync(filepath.Dir(f.path(name)))
}

// draft writes content to a temporary file that only this writer knows, and syncs it to the disk.
func (f files) draft(name string, content []byte) (string, error) {
	file, err := os.CreateTemp(filepath.Dir(f.path(name)), ".*"+temporary)
	if err != nil {
		return "", err
	}
	_, err = file.Write(content)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		_ = os.Remove(file.Name())
		return "", err
	}
	return file.Name(), nil
}

// makeFolder makes the folder of a person; the others exist.
func (f files) makeFolder(name string) error {
	parent := path.Dir(name)
	if path.Dir(parent) == "." {
		return nil
	}
	err := os.Mkdir(f.path(parent), 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err == nil {
		err = folder.Sync(f.path(path.Dir(parent)))
	}
	return err
}

func (f files) read(_ context.Context, name string) ([]byte, error) {
	content, err := os.ReadFile(f.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, f.missing(name)
	}
	return content, err
}

func (f files) remove(_ context.Context, name string) error {
	err := os.Remove(f.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return f.missing(name)
	}
	if err == nil {
		err = folder.Sync(filepath.Dir(f.path(name)))
	}
	return err
}

// missing returns errMissing for a name that does not exist, or another error if its part of the ledger is gone.
func (f files) missing(name string) error {
	part, _, _ := strings.Cut(name, "/")
	if _, err := os.Stat(f.path(part)); err != nil {
		return fmt.Errorf("the ledger is gone: %w", err)
	}
	return errMissing
}

// list reads folders in parts: a busy ledger has millions of files.
func (f files) list(ctx context.Context, dir string, each func(object) error) error {
	d, err := os.Open(f.path(dir))
	if errors.Is(err, fs.ErrNotExist) {
		if err := f.missing(dir); !errors.Is(err, errMissing) {
			return err
		}
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	for ctx.Err() == nil {
		entries, err := d.ReadDir(1000)
		for _, e := range entries {
			if err := f.entry(ctx, dir+"/"+e.Name(), e, each); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (f files) entry(ctx context.Context, name string, e fs.DirEntry, each func(object) error) error {
	if e.IsDir() {
		return f.list(ctx, name, each)
	}
	info, err := e.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return each(object{name: name, written: info.ModTime()})
}

func (f files) close() error { return nil }

// isDraft reports whether a name is that of a temporary file.
func isDraft(name string) bool { return strings.HasSuffix(name, temporary) }
